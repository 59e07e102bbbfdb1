"""The hub's smaller decisions: what stays, what is told, what is written and read back."""

from dataclasses import replace

import orjson
import pytest

from moorage.errors import InputError
from moorage.objectives import OBJECTIVES
from moorage.runs import GroupPhase, RunPhase, TaskEnd, TaskPhase
from pipeline_executor.distribution import Brought, SeenTask
from pipeline_executor.hub.replanning import staying
from pipeline_executor.hub.reporting import Ended, report
from pipeline_executor.hub.sources import check_key
from pipeline_executor.hub.state import Condition, GroupState, RunState, read_state, with_conditions, write_state
from pipeline_executor.hub.tasks import moved_bytes, tasks_of
from pipeline_splitter.plan import Plan, PlannedTask
from tests.pipeline_executor.hub.builders import RUN, make_plan, seen, state_of

S, R, L, W = GroupPhase.SUCCEEDED, GroupPhase.RUNNING, GroupPhase.LOST, GroupPhase.WAITING
PLAN = make_plan({"eu-1": [], "us-1": ["eu-1"], "as-1": ["eu-1"], "eu-2": ["us-1"]})


def test_what_stays_when_a_site_is_lost() -> None:
    """What has ended and what runs elsewhere; all else may go anywhere but there; no id is used again."""
    groups = state_of(PLAN, {"eu-1": S, "us-1": L, "as-1": R}).groups
    found = staying(PLAN, groups, {"us"}, {"eu", "us", "as"}, ())
    assert found.settled == {"eu-1": "eu-1", "as-1": "as-1"}
    assert found.pins == {"eu-1": ("eu",), "as-1": ("as",), "us-1": ("as", "eu"), "eu-2": ("as", "eu")}
    assert found.taken == ("as-1", "eu-1", "eu-2", "us-1")
    assert found.without == ("us",)


def test_a_lost_site_whose_store_answers_keeps_what_it_finished() -> None:
    """It takes part, for what is there alone; where the store is lost too, it is made again."""
    groups = state_of(PLAN, {"eu-1": S, "us-1": S, "as-1": R}).groups
    found = staying(PLAN, groups, {"us"}, {"eu", "us", "as"}, ())
    assert (found.settled["us-1"], found.pins["us-1"], found.without) == ("us-1", ("us",), ())
    dark = staying(PLAN, groups, {"us"}, {"eu", "us", "as"}, {"us-1"})
    assert ("us-1" in dark.settled, dark.pins["us-1"], dark.without) == (False, ("as", "eu"), ("us",))


def test_a_status_is_read_back() -> None:
    """All that the hub must know of a run stands in it."""
    state = RunState(
        phase=RunPhase.RUNNING,
        message="us-1 runs",
        plan=replace(PLAN.mark, value="1.5", gap="0"),
        groups=(
            GroupState("us-1", "us", W, 1, 2, message="waits to be tried again"),
            GroupState("eu-1", "eu", S, 1, 0, "2026-11-29T12:00:00Z", "2026-11-29T12:01:00Z"),
        ),
        retries=1,
        start="2026-11-29T12:00:00Z",
        conditions=(Condition("Planned", True, "Planned", "", "2026-11-29T12:00:00Z"),),  # noqa: FBT003
        bytes_moved=7,
        bytes_planned=9,
    )
    written = write_state(state, 3)
    assert read_state(written) == state
    assert written["groupsDone"] == "1/2"
    assert read_state({"phase": "Odd", "groups": [{"id": "x", "site": "y", "phase": "Odd"}]}).groups[0].phase is W


def test_a_condition_keeps_its_time_until_it_turns() -> None:
    """What it says may change meanwhile."""
    before = (Condition("Planned", True, "Planned", "one", "t1"),)  # noqa: FBT003
    (same,) = with_conditions(before, (Condition("Planned", True, "Planned", "two"),), "t2")  # noqa: FBT003
    (turned,) = with_conditions(before, (Condition("Planned", False, "Odd", ""),), "t2")  # noqa: FBT003
    assert (same.turned, same.message, turned.turned) == ("t1", "two", "t2")


def test_tasks_are_what_spokes_say_and_else_what_the_plan_says() -> None:
    """By name, with where they run; beyond 500 only counts."""
    state = state_of(PLAN, {"eu-1": S, "us-1": R})
    groups = [
        seen("eu-1", S, tasks=(SeenTask("eu-1", TaskPhase.SUCCEEDED, 2),)),
        seen("us-1", R, tasks=tuple(SeenTask(f"loop#{n}/step", TaskPhase.RUNNING) for n in range(3))),
    ]
    tasks, counts = tasks_of(state, PLAN, groups)
    assert tasks[0] == {"name": "as-1", "phase": "Pending", "site": "as", "attempt": 1}
    assert counts == {"Pending": 2, "Running": 3, "Succeeded": 1}
    many = replace(groups[1], tasks=(), task_counts=((TaskPhase.RUNNING, 600),))
    tasks, counts = tasks_of(state, PLAN, [groups[0], many])
    assert (tasks, counts["Running"]) == ((), 600)


def test_a_task_says_what_is_wrong_with_it() -> None:
    """Of a hundred tasks, those first that failed; what was said stays when nothing is seen of the group any more."""
    many = (*(SeenTask(f"a{n:03}", TaskPhase.PENDING, 1, "no node") for n in range(120)),)
    group = seen("us-1", R, tasks=(*many, SeenTask("z", TaskPhase.FAILED, 1, "exit code 3")))
    tasks, _ = tasks_of(state_of(PLAN, {"us-1": R}), PLAN, [group])
    told = {str(task["name"]): str(task["message"]) for task in tasks if "message" in task}
    assert (len(told), told["z"], told["a098"]) == (100, "exit code 3", "no node")
    ended = seen("us-1", GroupPhase.FAILED, tasks=(SeenTask("us-1", TaskPhase.FAILED, 1, "exit code 3"),))
    state = state_of(PLAN, {"us-1": GroupPhase.FAILED})
    tasks, _ = tasks_of(state, PLAN, [ended])
    again, _ = tasks_of(replace(state, tasks=tasks), PLAN, [])
    assert next(task for task in again if task["name"] == "us-1")["message"] == "exit code 3"


def test_bytes_moved_are_those_that_crossed() -> None:
    """What stayed at its site did not; what was known once stays known."""
    group = seen("us-1", imports=(Brought("eu-1.data", "eu", 100, 1.0), Brought("us-0.data", "us", 50, 0.0)))
    assert moved_bytes(RunState(), [group]) == 100
    assert moved_bytes(RunState(bytes_moved=100), []) == 100


@pytest.mark.parametrize(
    "key", ["pipelines/other/x.yaml", "runs/ns", "../ns/x", "a/ns/../x", "x.yaml", "a//x", "runs/other/ns/x"]
)
def test_an_object_of_another_namespace_is_no_pipeline(key: str) -> None:
    """Who may start runs in one namespace reads nothing of another's."""
    with pytest.raises(InputError, match="only there it is yours"):
        check_key(RUN, key)
    check_key(RUN, "pipelines/ns/x.yaml")


def test_a_report_stands_beside_the_plan() -> None:
    """Attempts inside of a loop are its unit's: wall time from first to last, bytes of all."""

    def end(start: int, stop: int) -> TaskEnd:
        times = f"2026-11-29T12:00:{start:02}Z", f"2026-11-29T12:00:{stop:02}Z"
        return TaskEnd(TaskPhase.SUCCEEDED, 0, "", *times, "eu", "n", "p", 10, 20)

    task = PlannedTask("loop", "eu", "eu-1", 0.0, 5.0, "", {})
    plan = Plan("p", "d", (), dict.fromkeys(OBJECTIVES, 0.0), (task,), (), ())
    ended = [Ended("loop#0/step", 1, end(0, 4)), Ended("loop#1/step", 2, end(2, 9)), Ended("other", 1, end(0, 1))]
    document = orjson.loads(report(RUN, RunState(phase=RunPhase.SUCCEEDED), plan, ended, []).write())
    (told,) = document["tasks"]
    assert told["planned"] == {"seconds": 5.0}
    times = {"start": "2026-11-29T12:00:00Z", "end": "2026-11-29T12:00:09Z"}
    assert told["actual"] == {
        "attempts": 2,
        "bytesIn": 20,
        "bytesOut": 40,
        "phase": "Succeeded",
        "seconds": 9.0,
        **times,
    }
