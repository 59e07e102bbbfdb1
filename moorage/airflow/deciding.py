"""Decisions on which values go to memory. No library is imported for it: a value of one has imported it."""

from collections.abc import Iterable
from enum import Enum
from typing import Any, Final

LIBRARIES: Final = frozenset({"numpy", "pandas", "polars", "pyarrow", "scipy", "torch"})
MOST_LOOKED_AT: Final = 10_000


class Keep(Enum):
    """The way a value is kept."""

    AS_OBJECT = "object"
    """Kept in memory, by its type."""
    AS_AIRFLOW_DOES = "airflow"
    """Kept in Airflow's own form, which goes to memory where it is long."""


def keep(value: Any) -> Keep:  # noqa: ANN401 - whatever a task returns
    """Decide whether a value is, or holds, something whose bytes are worth sharing.

    It looks at what dicts, lists and tuples hold, at most at so many of them: whatever is left is kept as Airflow does.
    """
    waiting, left = [value], MOST_LOOKED_AT
    while waiting and left:
        looked_at, left = waiting.pop(), left - 1
        if _is_of_a_library(looked_at):
            return Keep.AS_OBJECT
        waiting.extend(_held(looked_at, left))
    return Keep.AS_AIRFLOW_DOES


def _is_of_a_library(value: Any) -> bool:  # noqa: ANN401
    """Frames, tables and arrays, not their scalars: those have a shape of no dimension, or no length."""
    if type(value).__module__.partition(".")[0] not in LIBRARIES:
        return False
    shape = getattr(value, "shape", None)
    return tuple(shape) != () if shape is not None else hasattr(type(value), "__len__")


def _held(value: Any, most: int) -> Iterable[Any]:  # noqa: ANN401
    if isinstance(value, dict):
        return (each for each, _ in zip(value.values(), range(most), strict=False))
    return value[:most] if type(value) in {list, tuple} else ()
