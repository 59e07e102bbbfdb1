"""JSON from outside: bounded in size and depth, and an object; what is in it, `Fields` reads."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from moorage.errors import InputError
from moorage.reading.fields import Fields

Decode: TypeAlias = Callable[[bytes], object]
"""Makes Python's objects of JSON; ValueError or RecursionError where it is none."""

_SCALARS: Final = frozenset({str, int, float, bool, type(None)})


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds of a document.

    Attributes:
        most_bytes: as it arrives.
        most_depth: objects and lists within each other.
    """

    most_bytes: int
    most_depth: int = 16


def decode_strictly(data: bytes) -> object:
    """Decode with the standard library alone. A key that appears twice, NaN and Infinity are no JSON.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested too deep.
    """
    return json.loads(data, parse_constant=_refuse_constant, object_pairs_hook=_unique_keys)


def read_object(data: bytes, subject: str, bounds: Bounds, decode: Decode = decode_strictly) -> Fields:
    """Read the object that a document is, ready to be read field by field.

    Args:
        data: as it arrived.
        subject: what it is, for messages.
        bounds: what it may cost.
        decode: `orjson.loads` where a document is large and time is short; of two equal keys it takes the last.

    Raises:
        InputError: it is too large, nested too deep, or no JSON object. Nothing of it is in the message.
    """
    if len(data) > bounds.most_bytes:
        raise InputError(subject, "document", f"must have at most {bounds.most_bytes} bytes, not {len(data)}")
    try:
        raw = decode(data)
    except (ValueError, RecursionError):
        problem = f"is not JSON that is nested at most {bounds.most_depth} levels deep"
        raise InputError(subject, "document", problem) from None
    return fields_of(raw, subject, bounds.most_depth)


def fields_of(raw: object, subject: str, most_depth: int) -> Fields:
    """Return the same for what is decoded already.

    Raises:
        InputError: it is nested too deep, or no JSON object.
    """
    if not isinstance(raw, dict):
        raise InputError(subject, "document", "must be a JSON object")
    if is_deeper(raw, most_depth):
        raise InputError(subject, "document", f"must be nested at most {most_depth} levels deep")
    return Fields(subject, "", raw)


def is_deeper(raw: object, most: int) -> bool:
    """Return whether more than `most` objects and lists are nested, going level by level and so never too deep."""
    level = [raw]
    for _ in range(most):
        below: list[object] = []
        for each in level:
            values = each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
            # Most lists are of texts alone: their elements are not looked at one by one.
            if not _SCALARS.issuperset(map(type, values)):
                below += [value for value in values if isinstance(value, (dict, list))]
        if not below:
            return False
        level = below
    return True


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) != len(pairs):
        message = "a key appears twice"
        raise ValueError(message)
    return document
