"""Whether compiled passes are asked for."""

import pytest

from pipeline_splitter.problem import Limits
from pipeline_splitter.solving import compiling
from pipeline_splitter.solving.readiness import affordable


def _limits(seconds: float) -> Limits:
    return Limits(gap=0.0, deadline=seconds, clock=lambda: 0.0)


@pytest.mark.parametrize("kept", [True, False])
def test_with_little_time_only_what_was_compiled_before(monkeypatch: pytest.MonkeyPatch, *, kept: bool) -> None:
    """A machine that has not compiled them does without; with time to compile, it doesn't matter."""
    monkeypatch.setattr(compiling, "is_kept", lambda _function: kept)
    assert affordable(_limits(5.0)) is kept
    assert affordable(_limits(300.0))


def test_what_ran_is_kept() -> None:
    """A function that ran in this process is at hand, and one that never did has no code in a folder of its own."""

    def fresh(number: float) -> float:
        return number + 1.0

    function = compiling.fast(fresh)
    assert not compiling.is_kept(function)
    assert function(1.0) == 2.0
    assert compiling.is_kept(function)
