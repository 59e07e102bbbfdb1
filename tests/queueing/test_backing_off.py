"""The pause doubles with each failure, up to the longest, however many there are."""

import pytest

from moorage.queueing.backing_off import backoff_seconds


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 1), (1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (1_025, 60), (10**9, 60)]
)
def test_a_pause_doubles_up_to_the_longest(failures: int, seconds: float) -> None:
    """A store that was away for days has failed thousands of times; there is a next try all the same."""
    assert backoff_seconds(failures, 1.0, 60.0) == seconds
