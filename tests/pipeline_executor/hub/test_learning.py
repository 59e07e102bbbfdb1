"""What a run teaches, from how its tasks ended."""

import pytest

from moorage.runs import RunRef, TaskEnd, TaskPhase
from moorage.runs.measurements import Measured
from pipeline_executor.distribution import Brought, SeenGroup
from pipeline_executor.hub.learning import Made, measured
from pipeline_executor.hub.reporting import Ended
from pipeline_splitter.graph import DatumKind
from pipeline_splitter.plan import Plan, PlannedTask, Transfer
from tests.pipeline_executor.hub.builders import seen

RUN = RunRef("ns", "run", "uid-1")


def ended(  # noqa: PLR0913 - each is a keyword
    task: str, start: int, end: int, *, site: str = "eu", attempt: int = 1, phase: str = "Succeeded"
) -> Ended:
    """An attempt that ran from one second of a minute to another."""
    times = f"2026-11-29T12:00:{start:02d}Z", f"2026-11-29T12:00:{end:02d}Z"
    return Ended(task, attempt, TaskEnd(TaskPhase(phase), 0, "", *times, site, "", "", 0, 0))


def plan(*tasks: str, inserted: tuple[str, ...] = (), crossing: str = "") -> Plan:
    """A plan of these tasks."""
    placed = [PlannedTask(name, "eu", "eu-1", 0.0, 1.0, "", {}, inserted=name in inserted) for name in tasks]
    transfers = [Transfer(DatumKind.ARTIFACT, crossing, "eu", "us", 1.0, 1.0, {}, ())] if crossing else []
    return Plan("train", "digest", (), {}, tuple(placed), tuple(transfers), ())


def taught(
    made_of: Plan, ends: list[Ended], made: tuple[Made, ...] = (), groups: tuple[SeenGroup, ...] = ()
) -> Measured:
    """What a run teaches at sites of which one is twice as fast."""
    return measured(RUN, made_of, ends, made, groups, speeds={"eu": 1.0, "us": 2.0}, end="2026-11-29T12:01:00Z")


@pytest.mark.parametrize(
    ("ends", "seconds"),
    [
        ([ended("fit", 0, 10)], {"fit": 10.0}),
        ([ended("fit", 0, 10, site="us")], {"fit": 20.0}),
        ([ended("fit", 0, 10, site="gone")], {"fit": 10.0}),
        ([ended("fit", 0, 50, phase="Failed"), ended("fit", 50, 55, attempt=2)], {"fit": 5.0}),
        ([ended("fit", 0, 50, phase="Failed")], {}),
        ([ended("loop#0/fit", 0, 10), ended("loop#1/fit", 0, 20)], {"loop/fit": 15.0}),
        ([ended("each#0", 0, 10), ended("each#1", 5, 30)], {"each": 30.0}),
        ([ended("put-in", 0, 10)], {}),
    ],
)
def test_seconds(ends: list[Ended], seconds: dict[str, float]) -> None:
    """By path, at speed 1, of the attempt that succeeded; of a repeated container, wall time; of insertions, none."""
    assert taught(plan("fit", "loop", "each", "put-in", inserted=("put-in",)), ends).seconds == seconds


def test_iterations() -> None:
    """Of each loop; inside of another one, the most of any."""
    ends = [ended(f"outer#{i}/inner#{j}/fit", 0, 1) for i in range(2) for j in range(2 + i)]
    assert taught(plan("outer"), ends).iterations == {"outer": 2, "outer/inner": 3}


def test_sizes() -> None:
    """Of the attempt that counts, the mean over iterations; what leaves a loop by what crossed."""
    ends = [ended("fit", 0, 1, attempt=2), ended("loop#0/cut", 0, 1), ended("loop#1/cut", 0, 1)]
    made = (
        Made("fit", 1, {"model": 999}),
        Made("fit", 2, {"model": 70}),
        Made("loop#0/cut", 1, {"part": 10}),
        Made("loop#1/cut", 1, {"part": 30}),
    )
    brought = Brought("loop.parts", "eu", 40, 1.0)
    found = taught(plan("fit", "loop", crossing="loop.parts"), ends, made, (seen("us-1", imports=(brought,)),))
    assert found.sizes == {"fit.model": 70, "loop/cut.part": 20, "loop.parts": 40}
