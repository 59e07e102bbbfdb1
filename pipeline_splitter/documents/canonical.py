"""The canonical form of a JSON value, RFC 8785 (JCS), and digests of it."""

import hashlib
import math
from collections.abc import Callable, Sequence
from json.encoder import encode_basestring
from typing import Any

_EXACT = 2**53
_FIRST_EXPONENT = 21
"""ECMAScript writes numbers from 1e21 on with an exponent, and those below 1e-6."""
_SMALLEST_PLAIN = -6


def canonical_json(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Return the canonical JSON of a value, in UTF-8.

    Raises:
        ValueError: it is no JSON value: NaN, infinity, an integer beyond the doubles, half a surrogate pair, a key
            that is not a string, or something else than dict, list, str, number, bool and None.
    """
    pieces: list[str] = []
    _write(value, pieces.append)
    return "".join(pieces).encode()


def digest(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return the SHA-256 of the canonical JSON in hex.

    Raises:
        ValueError: as `canonical_json`.
    """
    return hashlib.sha256(canonical_json(value)).hexdigest()


def container_digest(image: str, command: Sequence[str] = (), args: Sequence[str] = ()) -> str:
    """Return the SHA-256, in hex, of a container's canonical JSON, without absent and empty fields."""
    fields: dict[str, Any] = {"image": image}
    if command:
        fields["command"] = list(command)
    if args:
        fields["args"] = list(args)
    return digest(fields)


def _write(value: Any, put: Callable[[str], None]) -> None:  # noqa: ANN401
    scalar = _scalar(value)
    if scalar is not None:
        put(scalar)
    elif isinstance(value, dict):
        opening = "{"
        for key in _sorted_keys(value):
            item = value[key]
            scalar = _scalar(item)
            put(f"{opening}{encode_basestring(key)}:{scalar or ''}")
            if scalar is None:
                _write(item, put)
            opening = ","
        put("}" if value else "{}")
    elif isinstance(value, list | tuple):
        opening = "["
        for item in value:
            put(opening)
            _write(item, put)
            opening = ","
        put("]" if value else "[]")
    else:
        raise ValueError(f"{type(value).__name__} is not a JSON value")


def _scalar(value: Any) -> str | None:  # noqa: ANN401
    """Return a string, number, bool or null as it is written; None for anything else."""
    if isinstance(value, str):
        return encode_basestring(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return _number(value) if isinstance(value, int | float) else None


def _sorted_keys(value: dict[Any, Any]) -> list[str]:
    """Sort by UTF-16 code units, which differs from code points only for characters beyond the first plane."""
    try:
        if all(map(str.isascii, value)):
            return sorted(value)
        return sorted(value, key=lambda key: key.encode("utf-16-be"))
    except TypeError:
        raise ValueError("a key is not a string") from None


def _number(value: float) -> str:
    """Format a number as ECMAScript's Number::toString writes the double."""
    if isinstance(value, int) and -_EXACT <= value <= _EXACT:
        return str(int(value))
    try:
        number = float(value)
    except OverflowError:
        raise ValueError("an integer is too large for a double") from None
    if not math.isfinite(number):
        raise ValueError(f"{number} is not a JSON number")
    if number == 0:
        return "0"
    sign = "-" if number < 0 else ""
    # repr gives the shortest digits that read back, as ECMAScript wants; only their layout differs.
    mantissa, _, exponent = repr(abs(number)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    point = len(whole) + int(exponent or 0)
    digits = (whole + fraction).lstrip("0")
    point -= len(whole + fraction) - len(digits)
    return sign + _layout(digits.rstrip("0"), point)


def _layout(digits: str, point: int) -> str:
    """Write `digits` without zeros at either end, the decimal point `point` places after their beginning."""
    if len(digits) <= point <= _FIRST_EXPONENT:
        return digits + "0" * (point - len(digits))
    if 0 < point <= _FIRST_EXPONENT:
        return f"{digits[:point]}.{digits[point:]}"
    if _SMALLEST_PLAIN < point <= 0:
        return f"0.{'0' * -point}{digits}"
    exponent = point - 1
    mantissa = digits if len(digits) == 1 else f"{digits[0]}.{digits[1:]}"
    return f"{mantissa}e{'+' if exponent > 0 else '-'}{abs(exponent)}"
