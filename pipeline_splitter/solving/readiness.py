"""Estimate of whether there is time for compiled passes."""

from pipeline_splitter.problem import Limits

_COMPILING_SECONDS = 40.0


def affordable(limits: Limits) -> bool:
    """Return whether passes were compiled here before, or there is time for compiling them."""
    if limits.deadline - limits.clock() >= _COMPILING_SECONDS:
        return True
    from pipeline_splitter.solving.compiling import is_kept  # noqa: PLC0415  # loads numba
    from pipeline_splitter.solving.smoothing import bounding  # noqa: PLC0415

    return is_kept(bounding.improve)
