"""The kernels as they are, or compiled."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from pipeline_splitter.solving import kernels

COMPILE_FROM = 15_000
"""From so many message cells in a sweep (entries times sites of the reader, times sites) on the compiler pays."""


@dataclass(frozen=True, slots=True)
class Kernels:
    """One set of functions, as documented in `kernels`."""

    compiled: bool
    forward: Callable[..., None]
    backward: Callable[..., None]
    bound: Callable[..., None]
    tilt: Callable[..., None]
    decode: Callable[..., None]
    recount: Callable[..., None]
    improve: Callable[..., int]


@cache
def plain() -> Kernels:
    """As they are: for lists."""
    return Kernels(False, *(getattr(kernels, name) for name in _NAMES))  # noqa: FBT003  # a record's first field


@cache
def compiled() -> Kernels:
    """Compiled, for arrays; what the compiler made is kept beside the module, or in the user's cache."""
    from numba import njit  # noqa: PLC0415  # slow to load

    def compile_one(name: str) -> Any:  # noqa: ANN401  # numba's own type
        return njit(cache=True, error_model="numpy", nogil=True)(getattr(kernels, name))

    return Kernels(True, *(compile_one(name) for name in _NAMES))  # noqa: FBT003  # a record's first field


_NAMES = ("forward", "backward", "bound", "tilt", "decode", "recount", "improve")
