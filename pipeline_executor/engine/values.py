"""Parameter values: their types, their text, their size. Values are JSON, as Python's json module makes it.

Kubeflow keeps them in protobuf's Value, in which whole numbers are floats: they are made whole again by their type.
"""

import json
import math
from typing import Any, Final

INTEGER, DOUBLE, TEXT, BOOLEAN = "NUMBER_INTEGER", "NUMBER_DOUBLE", "STRING", "BOOLEAN"
LIST, STRUCT, FINAL_STATUS, TASK_CONFIG = "LIST", "STRUCT", "TASK_FINAL_STATUS", "TASK_CONFIG"
_OLD_NAMES: Final = {"INT": INTEGER, "DOUBLE": DOUBLE, "STRING": TEXT}
_KINDS: Final = {
    INTEGER: "a whole number",
    DOUBLE: "a number",
    BOOLEAN: "true or false",
    LIST: "a list",
    STRUCT: "a mapping",
    FINAL_STATUS: "a mapping",
}
_PLAIN_BELOW: Final = 1e21


def type_named(parameter_type: str | None, old_type: str | None) -> str:
    """Return the type that `parameterType` (schema 2.1) or `type` (2.0) names; "" where none is said."""
    return parameter_type or _OLD_NAMES.get(old_type or "", "")


def text_of(value: Any) -> str:  # noqa: ANN401 - JSON
    """Return a value as it stands in a command line or in the midst of a text."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _number_text(value)
    return json_text(value)


def json_text(value: Any) -> str:  # noqa: ANN401
    """Return a value as JSON."""
    return json.dumps(value, ensure_ascii=False)


def _number_text(value: float) -> str:
    """Format a number without an exponent, as Kubeflow does, as long as that is readable."""
    if value.is_integer() and abs(value) < _PLAIN_BELOW:
        return str(int(value))
    text = repr(value)
    if "e-" in text:
        digits = int(text.partition("e-")[2]) + len(text)
        return f"{value:.{min(digits, 340)}f}".rstrip("0")
    return text


def cast(value: Any, kind: str) -> Any:  # noqa: ANN401
    """Return a value as an input of this type takes it: whole numbers whole, anything as text where text is wanted.

    Raises:
        ValueError: it is of another type.
    """
    if kind == TEXT:
        return value if isinstance(value, str) else text_of(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind == INTEGER and is_number and math.isfinite(value) and value == int(value):
        return int(value)
    matches = {
        INTEGER: False,
        DOUBLE: is_number,
        BOOLEAN: isinstance(value, bool),
        LIST: isinstance(value, list),
        STRUCT: isinstance(value, dict),
        FINAL_STATUS: isinstance(value, dict),
    }
    if matches.get(kind, True):
        return value
    raise ValueError(f"must be {_KINDS[kind]}, not {described(value)}")


def made_whole(value: Any, kind: str) -> Any:  # noqa: ANN401
    """Return an output's value with whole numbers whole; anything else as it is."""
    return int(value) if kind == INTEGER and isinstance(value, float) and value.is_integer() else value


def described(value: Any) -> str:  # noqa: ANN401
    """Return a value's kind, for a message: contents are the tenant's."""
    match value:
        case bool():
            return "a boolean"
        case int() | float():
            return f"the number {value}"
        case str():
            return "text"
        case list():
            return "a list"
        case dict():
            return "a mapping"
    return "null"


def is_larger(value: Any, most_bytes: int) -> bool:  # noqa: ANN401
    """Return whether a value's JSON would take about more bytes than this, looking at no more than it must."""
    left = most_bytes
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            left -= len(item) + 2
        elif isinstance(item, dict):
            left -= 2 + sum(len(key) + 4 for key in item)
            stack.extend(item.values())
        elif isinstance(item, list):
            left -= 2 + 2 * len(item)
            stack.extend(item)
        else:
            left -= 4
        if left < 0:
            return True
    return False
