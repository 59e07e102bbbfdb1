"""Reads one mapping field by field, and says where it is when something is wrong."""

import re
from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NoReturn, TypeVar

from moorage.errors import InputError
from moorage.reading.limits import MOST_BY_FIELD, MOST_NUMBER, longest

Choice = TypeVar("Choice", bound=Enum)
Raw = Mapping[str, Any]

DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
URL = re.compile(r"[a-z]+://[^/?#@]+(/[^?#]*)?")
URL_WITH_QUERY = re.compile(r"[a-z]+://[^/?#@]+([/?].*)?")
# Half of a surrogate pair counts too: JSON can write one, and no file, log or request can hold it.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_MOST_SHOWN = 80


def shown(value: object) -> str:
    """Return a value in a message: as Python writes it, and never long."""
    text = repr(value[:_MOST_SHOWN] if isinstance(value, str) else value)
    return text if len(text) <= _MOST_SHOWN + 2 else f"{text[:_MOST_SHOWN]}..."


def mappings(raw: Raw, key: str, subject: str, at: str) -> Sequence[Raw]:
    """Return a list of mappings in an object of Kubernetes' own, with their other fields; empty where absent.

    Raises:
        InputError: it is something else.
    """
    value = raw.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
        raise InputError(subject, f"{at}.{key}", "must be a list of mappings")
    return value


@dataclass
class Fields:
    """A mapping at `path` inside the object `subject`; `finish` refuses what nobody asked for."""

    subject: str
    path: str
    raw: Raw
    _seen: set[str] = field(default_factory=set)

    def fail(self, key: str, problem: str) -> NoReturn:
        """Raise InputError for the field `key` (or for this mapping, where it is empty)."""
        raise InputError(self.subject, self._at(key), problem)

    def _at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path and key else self.path or key

    def value(self, key: str) -> Any:  # noqa: ANN401 - raw JSON
        """Return the raw value, or None."""
        self._seen.add(key)
        return self.raw.get(key)

    def text(self, key: str, *, lines: bool = False) -> str | None:
        """Return a string that is not empty, or None where it is absent; control characters only with `lines`.

        No message repeats it: whoever takes one field for another may have put a key there.
        """
        value = self.value(key)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            self.fail(key, f"must be a string, not of type {type(value).__name__}")
        self._check_text(key, key, value, lines=lines)
        return value

    def _check_text(self, key: str, at: str, value: str, *, lines: bool = False) -> None:
        if len(value) > longest(key):
            self.fail(at, f"must have at most {longest(key)} characters, not {len(value)}")
        if not lines and (found := _CONTROL.search(value)):
            self.fail(
                at, f"must not contain control characters (U+{ord(found[0]):04X} is character {found.start() + 1})"
            )

    def required_text(self, key: str) -> str:
        """Return a string that is not empty."""
        value = self.text(key)
        if value is None:
            self.fail(key, "is required and must not be empty")
        return value

    def url(self, key: str, *schemes: str, query: bool = False) -> str:
        """Return a URL of one of the schemes, with a host and at most a path (and a `query`); no message repeats it."""
        value = self.required_text(key)
        if not value.startswith(tuple(f"{scheme}://" for scheme in schemes)):
            self.fail(key, f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
        if not (URL_WITH_QUERY if query else URL).fullmatch(value):
            self.fail(
                key,
                "must be a host and at most a path, such as https://s3.example.com: no user:password@ (everybody who "
                f"may read the object would see it: put keys into a Secret){'' if query else ', no ? and no #'}",
            )
        return value

    def name(self, key: str) -> str:
        """Return a DNS label."""
        value = self.required_text(key)
        if not DNS_LABEL.fullmatch(value):
            self.fail(key, f"{shown(value)} must be lower-case letters, digits and '-', at most 63 of them")
        return value

    def flag(self, key: str) -> bool:
        """Return a boolean; absent is False. The strings of Datashim's vocabulary are understood."""
        value = self.value(key)
        if isinstance(value, str) and value.lower() in {"true", "false"}:
            return value.lower() == "true"
        if value is None or isinstance(value, bool):
            return bool(value)
        self.fail(key, f"must be true or false, not {shown(value)}")

    def exact_flag(self, key: str) -> bool:
        """Return a boolean and nothing that looks like one; absent is False."""
        value = self.value(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        self.fail(key, "must be true or false")

    def word(self, key: str, *words: str) -> str:
        """Return one of the words."""
        value = self.required_text(key)
        if value not in words:
            self.fail(key, f"must be one of {', '.join(words)}")
        return value

    def number(self, key: str, *, positive: bool = False) -> float | None:
        """Return a number >= 0 (> 0 where `positive`), as a number, a decimal string or a quantity; or None."""
        value = self.value(key)
        if value is None:
            return None
        if not isinstance(value, (int, float, str)):
            self.fail(key, f"must be a number, not {shown(value)}")
        from moorage.reading.quantity import parse_quantity  # noqa: PLC0415 - see the package's text

        try:
            number = float(parse_quantity(value))
        except ValueError as error:
            self.fail(key, str(error))
        if number < 0 or (positive and number == 0):
            self.fail(key, f"must be {'greater than' if positive else 'at least'} 0, not {shown(value)}")
        return number

    def seconds(self, key: str) -> float | None:
        """Return a duration >= 0, as a number of seconds or with `s`, `min` or `h`; or None."""
        value = self.value(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            self.fail(key, f"must be a number of seconds, not {shown(value)}")
        from moorage.reading.duration import parse_seconds  # noqa: PLC0415 - see the package's text

        try:
            seconds = float(parse_seconds(value))
        except ValueError as error:
            self.fail(key, str(error))
        except OverflowError:
            self.fail(key, f"{shown(value)} is too large")
        if seconds < 0:
            self.fail(key, f"must be at least 0, not {shown(value)}")
        return seconds

    def moment(self, key: str) -> int:
        """Return a time in RFC 3339, as whole seconds since 1970; it is required."""
        from datetime import datetime  # noqa: PLC0415 - see the package's text

        text = self.required_text(key)
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            time = None
        if time is None or time.tzinfo is None:
            self.fail(key, "must be a time such as 2026-12-01T00:00:00Z")
        return int(time.timestamp())

    def size_bytes(self, key: str) -> int | None:
        """Return a quantity of bytes, rounded up, or None."""
        number = self.number(key)
        if number is None:
            return None
        from moorage.reading.quantity import parse_quantity  # noqa: PLC0415 - see the package's text

        exact = parse_quantity(self.raw[key])
        return -(-exact.numerator // exact.denominator)

    def count(self, key: str, *, least: int = 0) -> int | None:
        """Return a whole number of at least `least`, or None."""
        value = self.value(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            self.fail(key, f"must be a whole number of at least {least}")
        if value > MOST_NUMBER:
            self.fail(key, f"is too large: write at most {MOST_NUMBER}")
        return value

    def choice(self, key: str, options: Iterable[Choice]) -> Choice | None:
        """Return the option whose word the value is, or None where it is absent."""
        value = self.value(key)
        if value is None:
            return None
        options = list(options)
        words = {getattr(option, "word", option.value): option for option in options}
        if not isinstance(value, str) or value not in words:
            self.fail(key, f"{shown(value)} is not one of {', '.join(words)}")
        return words[value]

    def texts(self, key: str, *, blanks: bool = False) -> tuple[str, ...] | None:
        """Read a list of at least one string (empty ones only with `blanks`), or None where it is absent."""
        value = self.value(key)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) and (item or blanks) for item in value):
            self.fail(key, "must be a list of strings")
        if not value:
            self.fail(key, "must have at least one element; leave it out to permit any")
        self._check_count(key, value)
        for index, item in enumerate(value):
            self._check_text(key, f"{key}[{index}]", item, lines=blanks)
        return tuple(value)

    def _check_count(self, key: str, value: Sized) -> None:
        most = MOST_BY_FIELD.get(key)
        if most is not None and len(value) > most:
            self.fail(key, f"must have at most {most} entries, not {len(value)}")

    def text_map(self, key: str) -> dict[str, str]:
        """Return a mapping of strings to strings; absent is empty."""
        value = self.value(key) or {}
        if not isinstance(value, Mapping) or not all(isinstance(item, str) for item in value.values()):
            self.fail(key, "must map strings to strings")
        self._check_count(key, value)
        for name, text in value.items():
            self._check_text(key, f"{key}[{shown(name)}]", text)
        return dict(value)

    def sub(self, key: str) -> "Fields | None":
        """Return the mapping under `key`, or None where it is absent."""
        value = self.value(key)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            self.fail(key, "must be a mapping")
        self._check_count(key, value)
        return Fields(self.subject, self._at(key), value)

    def required_sub(self, key: str) -> "Fields":
        """Return the mapping under `key`."""
        fields = self.sub(key)
        if fields is None:
            self.fail(key, "is required")
        return fields

    def mapping(self, key: str) -> dict[str, Any]:
        """Return the mapping under `key` as it is, for whoever reads on in it; absent is empty."""
        value = self.value(key) or {}
        if not isinstance(value, dict):
            self.fail(key, "must be a mapping")
        return value

    def subs(self, key: str) -> "list[Fields]":
        """Return the mappings of the list under `key`; absent is empty."""
        value = self.value(key) or []
        if not isinstance(value, list):
            self.fail(key, "must be a list")
        self._check_count(key, value)
        found = []
        for index, item in enumerate(value):
            if not isinstance(item, Mapping):
                self.fail(f"{key}[{index}]", "must be a mapping")
            found.append(Fields(self.subject, self._at(f"{key}[{index}]"), item))
        return found

    def finish(self) -> None:
        """Refuse fields that nobody asked for."""
        unknown = sorted(set(self.raw) - self._seen)
        if unknown:
            self.fail(str(unknown[0])[:_MOST_SHOWN], f"is not a field here; known are {', '.join(sorted(self._seen))}")


def object_fields(raw: Raw, kind: str) -> tuple[str, str, Raw]:
    """Return the subject, the name and the metadata of a Kubernetes object.

    Raises:
        InputError: it is not an object of that kind, or has no name.
    """
    if not isinstance(raw, Mapping) or raw.get("kind", kind) != kind:
        raise InputError(kind, "kind", f"must be {kind}")
    metadata = raw.get("metadata")
    if not isinstance(metadata, Mapping) or not metadata.get("name"):
        raise InputError(kind, "metadata.name", "is required")
    name = str(metadata["name"])
    namespace = metadata.get("namespace")
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}", name, metadata
