"""Raw objects as records: whatever is in them, something can be shown."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.runs import TaskEnd, TaskPhase
from moorage.sites import Inventory
from moorage_ui.views.logs import last_lines, readable, whole_characters
from moorage_ui.views.plan import Ended, facts_of_status, governance_of, live_state, task_rows, transfer_rows
from moorage_ui.views.run import phases_by_task, read_run
from moorage_ui.views.run_rows import choose, read_rows
from moorage_ui.views.times import ago, seconds_between
from tests.moorage_ui.stories import run_object, table
from tests.plan_stories import hospitals

NOW = datetime(2026, 11, 30, 10, 5, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(st.dictionaries(st.sampled_from(["metadata", "spec", "status"]), JSON))
def test_any_object_can_be_read(raw: dict[str, object]) -> None:
    """A status of the wrong types is an empty one, not an error."""
    assert read_run(raw).phase is not None


def test_a_run_is_read() -> None:
    """Its groups, tasks, counts and bytes."""
    plan, _, _ = hospitals()
    run = read_run(run_object(plan))
    assert run.groups_done == (1, len(plan.groups))
    assert sum(run.task_counts.values()) == len(plan.tasks)
    assert run.sites == tuple(sorted({group.site for group in plan.groups}))


@pytest.mark.parametrize(
    ("inside", "whole"),
    [
        (["Succeeded", "Succeeded"], "Succeeded"),
        (["Succeeded", "Running"], "Running"),
        (["Succeeded", "Pending"], "Running"),
        (["Pending", "Pending"], "Pending"),
        (["Running", "Failed"], "Failed"),
        (["Skipped", "Succeeded"], "Succeeded"),
        (["Skipped"], "Skipped"),
    ],
)
def test_a_loop_is_as_far_as_what_is_inside(inside: list[str], whole: str) -> None:
    """The drawing has one box for a loop, the status one entry for each task inside."""
    tasks = [{"name": f"train#{index}/fit", "phase": phase, "site": "eu"} for index, phase in enumerate(inside)]
    run = read_run(run_object(tasks=tasks))
    assert phases_by_task(run, frozenset({"train", "other"})) == {"train": whole}


def test_plan_and_actual_stand_side_by_side() -> None:
    """A task's planned seconds, and those that its end tells; one that has not run has none."""
    plan, _, _ = hospitals()
    run = read_run(run_object(plan))
    first = plan.groups[0].tasks[0]
    end = TaskEnd(TaskPhase.SUCCEEDED, 0, "", "2026-11-30T10:00:10Z", "2026-11-30T10:00:52Z", "berlin", "n", "p", 5, 7)
    rows = {row.name: row for row in task_rows(run, plan, [Ended(first, 1, end)])}
    assert rows[first].actual_seconds == 42
    assert rows[first].bytes_out == 7
    assert len(rows) == len(plan.tasks)
    assert sum(row.actual_seconds is None for row in rows.values()) == len(plan.tasks) - 1
    planned = next(task for task in plan.tasks if task.name == first)
    assert rows[first].planned_seconds == planned.end - planned.start


def test_transfers_tell_what_crossed() -> None:
    """Those of run.json beside those of the plan; without it, the plan's alone."""
    plan, _, _ = hospitals()
    one = plan.transfers[0]
    told = {
        "what": {"artifact": one.key},
        "from": one.origin,
        "to": one.target,
        "actual": {"bytes": 12, "seconds": 0.5},
    }
    rows = {(row.what, row.target): row for row in transfer_rows(plan, {"transfers": [told, {"what": 3}]})}
    assert rows[one.key, one.target].actual_bytes == 12
    assert all(row.actual_bytes is None for row in transfer_rows(plan, {}))


def test_a_drawing_without_a_plan_has_the_tasks_by_site() -> None:
    """What the status alone tells: a box for each site, its tasks in it, and phases that fit."""
    plan, _, inventory = hospitals()
    run = read_run(run_object(plan))
    facts = facts_of_status(run, inventory)
    assert {task["name"] for task in facts["tasks"]} == {task.name for task in plan.tasks}
    assert len(facts["groups"]) == len(run.sites)
    assert "Running" in live_state(run, facts)["tasks"]
    assert facts_of_status(read_run(run_object()), Inventory.of(()))["tasks"] == []


def test_an_artifact_carries_what_its_maker_carries() -> None:
    """Also one that was made inside of a loop; a task that no plan has is unknown, not free."""
    plan, _, _ = hospitals()
    task = next(each for each in plan.tasks if each.governance)
    assert governance_of(plan, task.name) == task.governance
    assert governance_of(plan, f"{task.name}#3/inner") == task.governance
    assert governance_of(plan, "nobody") is None


def test_rows_are_chosen() -> None:
    """The newest first, by phase or words; counts are of all that match by name."""
    plan, _, _ = hospitals()
    old = run_object(name="old", phase="Failed", message="task join: exit code 1")
    old["metadata"] = old["metadata"] | {"creationTimestamp": "2026-11-29T10:00:00Z"}
    rows = read_rows(table(old, run_object(plan, name="new")))
    assert [row.name for row in choose(rows, "", "", 10).rows] == ["new", "old"]
    assert [row.name for row in choose(rows, "active", "", 10).rows] == ["new"]
    assert [row.name for row in choose(rows, "", "JOIN", 10).rows] == ["old"]
    listed = choose(rows, "", "", 1)
    assert (len(listed.rows), listed.total, listed.counts["Failed"]) == (1, 2, 1)
    assert rows[1].groups_done == (1, len(plan.groups))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-11-30T10:04:30Z", "30\u00a0s ago"),
        ("2026-11-30T09:00:00Z", "1\u00a0h ago"),
        ("2026-11-20T10:00:00Z", "10\u00a0days ago"),
    ],
)
def test_how_long_ago(text: str, words: str) -> None:
    """In the unit that people would use."""
    assert ago(text, NOW) == words


def test_no_time_is_no_time() -> None:
    """What is no time says nothing."""
    assert ago("yesterday", NOW) == ""
    assert seconds_between("", "", NOW) is None
    assert seconds_between("2026-11-30T10:00:00Z", "", NOW) == 300


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        (b"\x1b[31mred\x1b[0m\n", "red\n"),
        (b"\x1b]0;title\x07x", "x"),
        (b"10%\r50%\r100%\ndone\r\n", "100%\ndone\n"),
        (b"a\x00b\x08", "a\\x00b\\x08"),
        ("\u202eabc".encode(), "abc"),
        (b"\xff", "\ufffd"),
        (b"<script>", "<script>"),
    ],
)
def test_a_log_is_text_that_can_be_read(printed: bytes, shown: str) -> None:
    """Colours go, bars are their last state, and nothing is obeyed."""
    assert readable(printed) == shown


@pytest.mark.parametrize("unit", [b"x", b"[", b"\r", b"\x1b", b"\x1b]", b"\x1b[", b"a\rb", "\u202e".encode()])
def test_a_long_line_takes_no_longer_than_its_length(unit: bytes) -> None:
    """A megabyte of any of these is read in one pass: in steps that grow with its square, this would take hours."""
    assert len(readable(unit * (1_000_000 // len(unit)))) <= 6_000_000


@given(st.text(), st.integers(min_value=0, max_value=40))
def test_pieces_never_cut_a_character(text: str, place: int) -> None:
    """What is cut off the end is less than a character, and what is left can be read."""
    content = text.encode("utf-8", "replace")[:place]
    kept = whole_characters(content)
    assert len(content) - len(kept) < 4
    assert kept.decode() == text.encode("utf-8", "replace")[: len(kept)].decode()


def test_a_tail_begins_with_a_line() -> None:
    """What was cut in the middle of a line begins with the next."""
    assert last_lines(b"rest\nwhole\n") == b"whole\n"
    assert last_lines(b"one long line") == b"one long line"
