"""Checks that the measurements must pass for the figures to mean anything. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from moorage.errors import MoorageError


class BenchCheckError(MoorageError):
    """A measurement that did not measure what was meant."""


def check_released_once(released: Iterable[str], runs: Collection[str]) -> None:
    """Check that each run's second group was released, and once.

    Raises:
        BenchCheckError: names some for which that is not so.
    """
    counts = Counter(released)
    twice = sorted(run for run, count in counts.items() if count > 1)
    missing = sorted(set(runs) - counts.keys())
    foreign = sorted(counts.keys() - set(runs))
    for what, found in (("released twice", twice), ("not released", missing), ("not of this measurement", foreign)):
        if found:
            raise BenchCheckError(f"{len(found)} groups were {what}: {', '.join(found[:5])}")


def check_groups(seen: Mapping[str, int], wanted: Mapping[str, int]) -> None:
    """Check that each way of running the pipeline had as many groups as it should.

    Raises:
        BenchCheckError: one had not.
    """
    if dict(seen) != dict(wanted):
        raise BenchCheckError(f"the pipeline ran in {dict(seen)} groups, not in {dict(wanted)}")
