"""Reading a raw value while knowing where it stands, so that whatever is wrong can be named."""

from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

from moorage.errors import InputError

Raw = Mapping[str, Any]
_EMPTY: Raw = {}
_SHOWN = 80


def shown(value: Any) -> str:  # noqa: ANN401 - raw JSON
    """Return a value, short enough for a sentence."""
    if isinstance(value, dict | list):
        return f"a {'mapping' if isinstance(value, dict) else 'list'}"
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


class Place(NamedTuple):
    """A raw mapping and the path to it. An absent field and a null are the same: so are they in protobuf's JSON.

    A tuple, because a large pipeline makes thousands.
    """

    subject: str
    path: str
    raw: Raw

    def fail(self, problem: str, *keys: str) -> NoReturn:
        """Raise InputError for this mapping, or for what is under the keys."""
        raise InputError(self.subject, self.at(*keys) or "document", problem)

    def at(self, *keys: str) -> str:
        """Return the path of what is under the keys."""
        return ".".join((self.path, *keys) if self.path else keys)

    def has(self, key: str) -> bool:
        """Return whether something other than null is there."""
        return self.raw.get(key) is not None

    def value(self, key: str) -> Any:  # noqa: ANN401 - raw JSON
        """Whatever is there; None where nothing is."""
        return self.raw.get(key)

    def sub(self, key: str) -> "Place":
        """Return the mapping under `key`; an empty one where it is absent."""
        value = self.raw.get(key)
        if value is None:
            value = _EMPTY
        elif not isinstance(value, dict):
            self.fail(f"must be a mapping, not {shown(value)}", key)
        return Place(self.subject, f"{self.path}.{key}" if self.path else key, value)

    def required(self, key: str) -> "Place":
        """Return the mapping under `key`, which must be there."""
        if self.raw.get(key) is None:
            self.fail("is required", key)
        return self.sub(key)

    def subs(self, key: str) -> "list[Place]":
        """Return the mappings of the list under `key`; none where it is absent."""
        places = []
        for index, item in enumerate(self.items(key)):
            if not isinstance(item, dict):
                self.fail(f"must be a mapping, not {shown(item)}", f"{key}[{index}]")
            places.append(Place(self.subject, self.at(f"{key}[{index}]"), item))
        return places

    def items(self, key: str) -> list[Any]:
        """Return the list under `key`; empty where it is absent."""
        value = self.raw.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self.fail(f"must be a list, not {shown(value)}", key)
        return value

    def texts(self, key: str) -> list[str]:
        """Return the list of strings under `key`; empty where it is absent."""
        value = self.items(key)
        for index, item in enumerate(value):
            if not isinstance(item, str):
                self.fail(f"must be a string, not {shown(item)}", f"{key}[{index}]")
        return value

    def text(self, key: str) -> str | None:
        """Return the string under `key`; None where it is absent."""
        value = self.raw.get(key)
        if value is not None and not isinstance(value, str):
            self.fail(f"must be a string, not {shown(value)}", key)
        return value

    def required_text(self, key: str) -> str:
        """Return the string under `key`, which must be there and not be empty."""
        value = self.text(key)
        if not value:
            self.fail("is required and must not be empty", key)
        return value

    def flag(self, key: str) -> bool:
        """Return the boolean under `key`; False where it is absent."""
        value = self.raw.get(key)
        if value is not None and not isinstance(value, bool):
            self.fail(f"must be true or false, not {shown(value)}", key)
        return bool(value)

    def children(self) -> "list[tuple[str, Place]]":
        """Return its mappings with their keys, sorted."""
        for key in self.raw:
            if not isinstance(key, str) or not key:
                self.fail(f"must have names as keys, not {shown(key)}")
        found = []
        for key in sorted(self.raw):
            value = self.raw[key]
            if not isinstance(value, dict):
                self.fail("is required" if value is None else f"must be a mapping, not {shown(value)}", key)
            found.append((key, Place(self.subject, f"{self.path}.{key}" if self.path else key, value)))
        return found
