"""Reads JSON that anybody wrote: what is not of the type that is asked for is absent."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Raw: TypeAlias = Mapping[str, Any]


def mapping(value: Any) -> Raw:  # noqa: ANN401 - raw JSON
    """Return the mapping, or an empty one."""
    return value if isinstance(value, Mapping) else {}


def items(value: Any) -> Sequence[Raw]:  # noqa: ANN401
    """Return the mappings of a list."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list | tuple) else []


def text(value: Any, most: int = 4096) -> str:  # noqa: ANN401
    """Return the text, shortened; a number is its digits."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    told = str(value)
    return told if len(told) <= most else f"{told[: most - 1]}…"


def whole(value: Any) -> int:  # noqa: ANN401
    """Return the number, 0 where it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def number(value: Any) -> float | None:  # noqa: ANN401
    """Return the number; None where it is none, nor finite."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        made = float(value)
    except OverflowError:
        return None
    return made if made == made and abs(made) != float("inf") else None  # noqa: PLR0124 - NaN
