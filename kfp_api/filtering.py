"""The filters of list requests: V2beta1Filter as JSON, as the SDK's callers write it. Pure.

Operations are names or numbers, keys of predicates in camelCase or snake_case, the whole percent-encoded once more or
not. All predicates must hold. Texts compare by code points, but `IS_SUBSTRING` without regard to case, as the backend's
database does.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import unquote_plus

import orjson

from kfp_api.answers import invalid, shortened

LONGEST: Final = 8192
MOST_PREDICATES: Final = 16
MOST_VALUES: Final = 200
_OPERATIONS: Final = (
    "OPERATION_UNSPECIFIED",
    "EQUALS",
    "NOT_EQUALS",
    "GREATER_THAN",
    "",
    "GREATER_THAN_EQUALS",
    "LESS_THAN",
    "LESS_THAN_EQUALS",
    "IN",
    "IS_SUBSTRING",
)
"""The operations by number."""
_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "EQUALS": operator.eq,
    "NOT_EQUALS": operator.ne,
    "GREATER_THAN": operator.gt,
    "GREATER_THAN_EQUALS": operator.ge,
    "LESS_THAN": operator.lt,
    "LESS_THAN_EQUALS": operator.le,
}
_VALUES: Final = ("intValue", "longValue", "stringValue", "timestampValue", "intValues", "longValues", "stringValues")
_SNAKE: Final = re.compile(r"_([a-z])")


@dataclass(frozen=True, slots=True)
class Field:
    """A field that lists can be filtered and sorted by.

    Attributes:
        get: its text in a record; times in RFC 3339.
        is_time: whether it compares as a time.
    """

    get: Callable[[Any], str]
    is_time: bool = False


Fields = Mapping[str, Field]
Predicate = Callable[[Any], bool]


def read_filter(text: str, fields: Fields) -> tuple[Predicate, ...]:
    """Read the predicates of a filter; none where the text is empty.

    Raises:
        RequestError: it can't be used; says where and why.
    """
    if not text:
        return ()
    if len(text) > LONGEST:
        raise invalid(f"filter: has more than {LONGEST} characters")
    raw = _decode(text)
    predicates = raw.get("predicates", [])
    if not isinstance(predicates, list) or len(predicates) > MOST_PREDICATES:
        raise invalid(f"filter.predicates: must be a list of at most {MOST_PREDICATES}")
    return tuple(_read_predicate(each, f"filter.predicates[{n}]", fields) for n, each in enumerate(predicates))


def _decode(text: str) -> dict[str, Any]:
    # The backend decodes percent signs once more than the protocol does. A filter that is JSON as it is needs none.
    for candidate in (text, unquote_plus(text)):
        try:
            raw = orjson.loads(candidate)
        except orjson.JSONDecodeError:
            continue
        if isinstance(raw, dict):
            return raw
    raise invalid('filter: must be JSON, as {"predicates": [{"operation": "EQUALS", "key": "display_name", ...}]}')


def _read_predicate(raw: Any, at: str, fields: Fields) -> Predicate:  # noqa: ANN401 - raw JSON
    if not isinstance(raw, dict):
        raise invalid(f"{at}: must be an object with operation, key and a value")
    raw = {_SNAKE.sub(lambda found: found[1].upper(), str(key)): value for key, value in raw.items()}
    if unknown := sorted(raw.keys() - {"operation", "key", *_VALUES}):
        raise invalid(f"{at}: {shortened(unknown[0])} is not known; a value is one of {', '.join(_VALUES)}")
    key = raw.get("key")
    if not isinstance(key, str) or key not in fields:
        raise invalid(f"{at}.key: {shortened(str(key))} can't be filtered by; use one of {', '.join(fields)}")
    operation = _operation(raw.get("operation"), at)
    given = [name for name in _VALUES if raw.get(name) is not None]
    if len(given) != 1:
        raise invalid(f"{at}: needs exactly one value, not {len(given)}")
    return _predicate(fields[key], operation, given[0], raw[given[0]], at)


def _operation(value: object, at: str) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(_OPERATIONS):
        value = _OPERATIONS[value]
    if not isinstance(value, str) or value not in {*_COMPARISONS, "IN", "IS_SUBSTRING"}:
        known = ", ".join([*_COMPARISONS, "IN", "IS_SUBSTRING"])
        raise invalid(f"{at}.operation: must be one of {known}")
    return value


def _predicate(field: Field, operation: str, name: str, value: Any, at: str) -> Predicate:  # noqa: ANN401
    get = field.get
    if name.endswith("s"):
        if operation != "IN":
            raise invalid(f"{at}: {name} goes with the operation IN only")
        values = value.get("values") if isinstance(value, dict) else None
        if not isinstance(values, list) or len(values) > MOST_VALUES:
            raise invalid(f'{at}.{name}: must be {{"values": [...]}} with at most {MOST_VALUES} values')
        wanted = frozenset(_wanted(field, each, f"{at}.{name}") for each in values)
        if field.is_time:
            return lambda record: seconds_of(get(record)) in wanted
        return lambda record: get(record) in wanted
    if operation == "IN":
        raise invalid(f"{at}: IN needs stringValues, longValues or intValues")
    if operation == "IS_SUBSTRING":
        if field.is_time or name != "stringValue" or not isinstance(value, str):
            raise invalid(f"{at}: IS_SUBSTRING needs a text and a stringValue")
        part = value.casefold()
        return lambda record: part in get(record).casefold()
    compare, one = _COMPARISONS[operation], _wanted(field, value, f"{at}.{name}")
    if field.is_time:
        return lambda record: (found := seconds_of(get(record))) is not None and compare(found, one)
    return lambda record: compare(get(record), one)


def _wanted(field: Field, value: object, at: str) -> str | float:
    if not field.is_time:
        if not isinstance(value, str):
            raise invalid(f"{at}: this field is a text: give a stringValue")
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        seconds = float(value) if value.isascii() and value.isdigit() and len(value) < 16 else seconds_of(value)  # noqa: PLR2004
        if seconds is not None:
            return seconds
    raise invalid(f"{at}: must be a time, as 2026-11-29T12:00:00Z")


def seconds_of(time: str) -> float | None:
    """Return seconds since the epoch; None where it is no time."""
    try:
        moment = datetime.fromisoformat(time)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def holds(predicates: tuple[Predicate, ...], record: object) -> bool:
    """Return whether the record satisfies all predicates."""
    return all(predicate(record) for predicate in predicates)
