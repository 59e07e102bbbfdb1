"""The kernels as they are, or compiled."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from pipeline_splitter.problem import Limits
from pipeline_splitter.solving import kernels

_COMPILING_SECONDS = 40.0
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
    from pipeline_splitter.solving.compiling import fast  # noqa: PLC0415  # loads numba

    return Kernels(True, *(fast(getattr(kernels, name)) for name in _NAMES))  # noqa: FBT003  # a record's first field


def affordable(limits: Limits) -> bool:
    """Whether there is time for compiled passes: they were compiled here before, or there is time for that."""
    if limits.deadline - limits.clock() >= _COMPILING_SECONDS:
        return True
    from pipeline_splitter.solving.compiling import is_kept  # noqa: PLC0415  # loads numba
    from pipeline_splitter.solving.smoothing import bounding  # noqa: PLC0415

    return is_kept(bounding.improve)


_NAMES = ("forward", "backward", "bound", "tilt", "decode", "recount", "improve")
