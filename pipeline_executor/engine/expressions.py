"""Evaluation of conditions and selectors, as Kubeflow's backend does it with CEL. Nothing is ever `eval`uated.

Values are JSON. Numbers compare as numbers, whatever their types; values of different types are never equal, and
asking which is larger is an error, as in CEL. `&&` and `||` hold whatever one side is where the other decides alone.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pipeline_executor.engine.syntax import Binary, Call, Literal, Member, Name, Node, Several, parse
from pipeline_executor.engine.values import text_of

_WHOLE: Final = re.compile(r"[-+]?[0-9]{1,19}")
_FIELDS: Final = {str: "string_value", int: "number_value", float: "number_value", bool: "bool_value"}
_SHOWN: Final = 40
_LIMITS: Final = (-(2**63), 2**63 - 1)


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression, with its text for messages."""

    text: str
    node: Node


def read_expression(text: str) -> Expression:
    """Parse once, evaluate often.

    Raises:
        ValueError: it is not of the grammar in `syntax`.
    """
    return Expression(text, parse(text))


def holds(condition: Expression, parameters: Mapping[str, Any]) -> bool:
    """Return whether a trigger policy's condition holds for a task's input parameters.

    Raises:
        ValueError: it can't be told: an input is absent, types can't be compared, or it is neither true nor false.
    """
    old_style = {name: _fields(value) | _old_fields(value) for name, value in parameters.items()}
    found = _evaluate(condition.node, {"inputs": {"parameter_values": parameters, "parameters": old_style}})
    if not isinstance(found, bool):
        raise ValueError(f"is {_kind(found)}, neither true nor false")  # noqa: TRY004 - all that is wrong is a value
    return found


def select(value: Any, selector: Expression) -> Any:  # noqa: ANN401 - JSON
    """Apply a `parameterExpressionSelector` to a value.

    Raises:
        ValueError: there is no such part.
    """
    return _evaluate(selector.node, _fields(value) | {"string_value": text_of(value)})


def _fields(value: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return the fields of `google.protobuf.Value` that are set."""
    if isinstance(value, dict):
        return {"struct_value": value}
    if isinstance(value, list):
        return {"list_value": value}
    return {_FIELDS.get(type(value), "null_value"): value}


def _old_fields(value: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return those of schema 2.0's own Value."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"int_value": int(value) if math.isfinite(value) else value, "double_value": float(value)}
    return {"string_value": text_of(value)}


def _evaluate(node: Node, names: Mapping[str, Any]) -> Any:  # noqa: ANN401, PLR0911 - one case a kind of node
    match node:
        case Literal(value):
            return value
        case Name(name):
            if name not in names:
                raise ValueError(f"{name} is not known here; known are {', '.join(sorted(names))}")
            return names[name]
        case Member(of, key):
            return _member(_evaluate(of, names), _evaluate(key, names))
        case Call(function, argument):
            return _call(function, _evaluate(argument, names))
        case Several(items):
            return [_evaluate(item, names) for item in items]
        case Binary("&&" | "||"):
            return _joined(node, names)
        case Binary(operator, left, right):
            return _compared(operator, _evaluate(left, names), _evaluate(right, names))


def _joined(node: Binary, names: Mapping[str, Any]) -> bool:
    """Combine both sides: an error on one does not matter where the other decides."""
    deciding = node.operator == "||"
    failure: ValueError | None = None
    for side in (node.left, node.right):
        try:
            value = _truth(node.operator, _evaluate(side, names))
        except ValueError as error:
            failure = failure or error
            continue
        if value is deciding:
            return deciding
    if failure is not None:
        raise failure
    return not deciding


def _truth(operator: str, value: Any) -> bool:  # noqa: ANN401
    if isinstance(value, bool):
        return value
    raise ValueError(f"{operator} takes true or false, not {_kind(value)}")


def _member(of: Any, key: Any) -> Any:  # noqa: ANN401
    if isinstance(of, Mapping) and isinstance(key, str):
        if key not in of:
            raise ValueError(f"there is no {key!r}")
        return of[key]
    if isinstance(of, list) and isinstance(key, int | float) and not isinstance(key, bool) and key == int(key):
        if not 0 <= key < len(of):
            raise ValueError(f"there is no item {int(key)} among {len(of)}")
        return of[int(key)]
    raise ValueError(f"{_kind(of)} has no parts by {_kind(key)}")


def _call(function: str, value: Any) -> Any:  # noqa: ANN401, PLR0911 - one case a function
    match function, value:
        case "!", bool():
            return not value
        case "-", int() | float() if not isinstance(value, bool):
            return -value
        case "size", str() | list() | dict():
            return len(value)
        case "parseJson", str():
            return _parsed(value)
        case "string", str() | bool() | int() | float():
            return text_of(value)
        case "bool", bool() | "true" | "false" | "True" | "False" | "1" | "0":
            return value in {True, "true", "True", "1"}
        case "int", str() | int() | float() if not isinstance(value, bool):
            return _whole(value)
        case "double", str() | int() | float() if not isinstance(value, bool):
            return _double(value)
    raise ValueError(f"{function} can't be applied to {_kind(value)}")


def _parsed(text: str) -> Any:  # noqa: ANN401
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("parseJson got what is no JSON") from None


def _whole(value: str | float) -> int:
    if isinstance(value, str):
        if not _WHOLE.fullmatch(value):
            raise ValueError(f"int() got {_shown(value)}, which is no whole number")
        value = int(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("int() got what is no finite number")
    whole = int(value)
    if not _LIMITS[0] <= whole <= _LIMITS[1]:
        raise ValueError("int() got a number beyond 64 bits")
    return whole


def _double(value: str | float) -> float:
    try:
        return float(value)
    except (ValueError, OverflowError):
        raise ValueError(f"double() got {_shown(value)}, which is no number") from None


def _compared(operator: str, left: Any, right: Any) -> bool:  # noqa: ANN401
    match operator:
        case "==":
            return _equal(left, right)
        case "!=":
            return not _equal(left, right)
        case "in":
            if isinstance(right, list):
                return any(_equal(left, item) for item in right)
            if isinstance(right, Mapping):
                return isinstance(left, str) and left in right
            raise ValueError(f"'in' takes a list or a mapping on its right, not {_kind(right)}")
    if _kind(left) != _kind(right) or isinstance(left, dict | list) or left is None:
        raise ValueError(f"{operator} can't compare {_kind(left)} with {_kind(right)}")
    return bool({"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[operator])


def _equal(left: Any, right: Any) -> bool:  # noqa: ANN401
    """Compare values by iteration, not by recursion: they may be nested deep."""
    pairs = [(left, right)]
    while pairs:
        one, other = pairs.pop()
        if _kind(one) != _kind(other):
            return False
        if isinstance(one, list):
            if len(one) != len(other):
                return False
            pairs += zip(one, other, strict=True)
        elif isinstance(one, Mapping):
            if one.keys() != other.keys():
                return False
            pairs += ((one[key], other[key]) for key in one)
        elif one != other:
            return False
    return True


def _kind(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list):
        return "a list"
    return "null" if value is None else "a mapping"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
