"""Exponential back-off. Pure."""

from typing import Final

_MOST_DOUBLINGS: Final = 60
"""More of them change nothing for any sensible pause, and a float overflows after a thousand."""


def backoff_seconds(failures: int, first_seconds: float, longest_seconds: float) -> float:
    """Return the pause before the next try, in seconds: it doubles with each failure, up to the longest.

    Args:
        failures: how many tries in a row have failed, counted from 1.
        first_seconds: the pause after the first failure.
        longest_seconds: the longest pause, however many tries have failed.
    """
    return min(first_seconds * 2.0 ** min(max(failures - 1, 0), _MOST_DOUBLINGS), longest_seconds)
