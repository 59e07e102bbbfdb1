"""What a run's status says to a person."""

from datetime import UTC, datetime
from typing import Any

import pytest

from moorage.runs import RunPhase
from moorage_cli.main import moorage
from moorage_cli.running import UNUSABLE, run
from moorage_cli.runs.telling import (
    Line,
    bar,
    changes,
    duration,
    exit_code,
    folded,
    next_steps,
    phase_of,
    summary,
    tree,
    waits_for,
)

RUNNING: dict[str, Any] = {
    "phase": "Running",
    "message": "group us-1-1 waits for join.training of group eu-1-1",
    "plan": {"digest": "ab" * 32, "objective": "money,carbon", "value": "0.532", "gap": "0"},
    "groups": [
        {"id": "eu-1-1", "site": "eu-1", "phase": "Succeeded", "attempt": 1},
        {"id": "us-1-1", "site": "us-1", "phase": "Running", "attempt": 2, "message": "brings 40 MB"},
    ],
    "tasks": [
        {"name": "join", "site": "eu-1", "phase": "Succeeded", "attempt": 1},
        {"name": "train", "site": "us-1", "phase": "Pending", "attempt": 1},
    ],
    "bytesMoved": 10_000_000,
    "bytesPlanned": 42_000_000,
}


def test_a_summary_is_one_sentence() -> None:
    """Phase, groups, cost and what crossed."""
    assert summary("nightly", RUNNING).replace("\u00a0", " ") == (
        "nightly: Running, 1 of 2 groups done, money 0.532, 10 MB of 42 MB crossed"
    )


def test_money_has_the_currency_of_the_sites() -> None:
    """Where they name one."""
    paid = RUNNING | {"plan": RUNNING["plan"] | {"currency": "EUR"}}
    assert "money 0.532 EUR" in summary("nightly", paid).replace("\u00a0", " ")


def test_the_tree_has_groups_and_their_tasks() -> None:
    """A second attempt is told, and what a group says of itself stands beside it."""
    assert [(line.depth, line.mark, line.text, line.note) for line in tree(RUNNING)] == [
        (0, "✓", "eu-1-1 at eu-1: Succeeded", ""),
        (1, "✓", "join: Succeeded", ""),
        (0, "▶", "us-1-1 at us-1: Running, attempt 2", "brings 40 MB"),
        (1, "·", "train: Pending", ""),
    ]


def test_many_tasks_are_counted() -> None:
    """A status that lists no task says how many are in each phase."""
    (line,) = tree({"phase": "Running", "taskCounts": {"Succeeded": 600, "Running": 4}})
    assert line.text == "tasks: 4 Running, 600 Succeeded"


def test_changes_are_told_once() -> None:
    """What is as it was is not repeated."""
    before = RUNNING | {"groups": [RUNNING["groups"][0]], "tasks": []}
    assert list(changes(before, RUNNING)) == [
        "group us-1-1 at us-1 Running: brings 40 MB",
        "task join at eu-1 Succeeded",
        "task train at us-1 Pending",
    ]
    assert list(changes(RUNNING, RUNNING)) == []
    assert list(changes({}, {"phase": "Planning"})) == ["Planning"]


@pytest.mark.parametrize(
    ("phase", "code"), [("Succeeded", 0), ("Failed", 1), ("Cancelled", 1), ("Infeasible", 3), ("Planning", 1)]
)
def test_exit_codes(phase: str, code: int) -> None:
    """As the help says."""
    assert exit_code(RunPhase(phase)) == code


def test_a_document_is_not_followed(capsys: pytest.CaptureFixture[str]) -> None:
    """What would be left out in silence is refused, before any cluster is asked."""
    code = run(moorage, "moorage", ["runs", "show", "nightly", "--follow", "-o", "json"])
    assert code == UNUSABLE
    assert "--follow" in capsys.readouterr().err


def test_nobody_has_looked_yet() -> None:
    """An empty status is a run that is to be planned."""
    assert phase_of({}) is RunPhase.PLANNING
    assert summary("nightly", {}) == "nightly: Planning"
    assert tree({}) == []


def test_a_plan_that_waits_is_told() -> None:
    """With the plan that a person would approve."""
    assert waits_for(RUNNING | {"phase": "AwaitingApproval"}) == "The plan abababababab waits for approval."
    assert not waits_for(RUNNING)


@pytest.mark.parametrize(
    ("status", "verbs"),
    [
        (RUNNING, []),
        ({"phase": "Succeeded"}, []),
        ({"phase": "Cancelled"}, []),
        ({"phase": "AwaitingApproval"}, ["approve"]),
        ({"phase": "Infeasible"}, ["retry"]),
        ({"phase": "Failed"}, ["retry"]),
        ({"phase": "Failed", "tasks": [{"name": "a", "phase": "Failed"}]}, ["logs", "retry"]),
        ({"phase": "Failed", "tasks": [{"name": "a", "phase": "Failed"}], "expired": "2026-11-30T12:00:00Z"}, ["logs"]),
    ],
)
def test_what_a_person_may_do(status: dict[str, Any], verbs: list[str]) -> None:
    """Each step is a command that does it."""
    commands = [step.partition(": ")[2] for step in next_steps(status, "nightly", "fraud")]
    assert commands == [f"moorage runs {verb} nightly -n fraud" for verb in verbs]


def test_what_becomes_wrong_with_a_task_is_told() -> None:
    """Once; what it does not say any more is no news."""
    before = {"phase": "Running", "tasks": [{"name": "train", "site": "us-1", "phase": "Pending"}]}
    after = {"phase": "Running", "tasks": [{"name": "train", "site": "us-1", "phase": "Pending", "message": "no node"}]}
    assert list(changes(before, after)) == ["task train at us-1 Pending: no node"]
    assert not list(changes(after, after))
    assert not list(changes(after, before))


NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({}, ""),
        ({"startTime": "no time"}, ""),
        ({"startTime": "2026-11-30T11:59:18Z"}, "42 s"),
        ({"startTime": "2026-11-30T11:59:18.9Z", "completionTime": "2026-11-30T11:59:19Z"}, "0 s"),
        ({"startTime": "2026-11-30T11:00:00Z", "completionTime": "2026-11-30T11:02:05Z"}, "2 min 5 s"),
        ({"startTime": "2026-11-29T11:00:00Z"}, "25 h 0 min"),
        ({"startTime": "2026-11-30T12:00:09Z"}, "0 s"),
    ],
)
def test_how_long_it_took(entry: dict[str, str], told: str) -> None:
    """Until its end, or until now; a clock that is behind makes it no negative time."""
    assert duration(entry, NOW) == told


def test_durations_stand_beside_what_took_them() -> None:
    """A group that was never submitted has none, whatever its status says."""
    status = {
        "phase": "Running",
        "startTime": "2026-11-30T11:59:00Z",
        "groups": [
            {"id": "eu-1-1", "site": "eu-1", "phase": "Running", "attempt": 1, "startTime": "2026-11-30T11:59:30Z"},
            {"id": "us-1-1", "site": "us-1", "phase": "Waiting"},
        ],
    }
    assert summary("nightly", status, NOW).startswith("nightly: Running after 1 min 0 s, ")
    assert [line.took for line in tree(status, NOW)] == ["30 s", ""]


@pytest.mark.parametrize(
    ("moved", "planned", "done"), [(0, 10, 0), (5, 10, 10), (10, 10, 20), (99, 10, 20), (5, 0, None)]
)
def test_a_bar_is_as_full_as_what_crossed(moved: int, planned: int, done: int | None) -> None:
    """More than was expected fills it, and no more; where nothing crosses there is none."""
    drawn = bar({"bytesMoved": moved, "bytesPlanned": planned}, 20)
    assert [len(part) for part in drawn] == ([0, 0] if done is None else [done, 20 - done])


def test_a_long_tree_fits_the_window() -> None:
    """What has ended well goes first, then what has not begun; failures and groups stay, and what went is counted."""
    phases = ["Succeeded"] * 40 + ["Failed"] + ["Pending"] * 5 + ["Running"] * 3
    lines = [Line(0, "Running", "group"), *(Line(1, phase, f"{number}") for number, phase in enumerate(phases))]
    shown = folded(lines, 12)
    assert len(shown) == 12
    assert [line.phase for line in shown[:2]] == ["Running", "Succeeded"]
    assert {"Failed", "Pending"} <= {line.phase for line in shown}
    assert shown[-1].text == "and 39 more tasks: 39 Succeeded"
    tight = folded(lines, 6)
    assert len(tight) == 6
    assert [line.phase for line in tight[:-1]] == ["Running", "Failed", "Running", "Running", "Running"]
    assert tight[-1].text == "and 45 more tasks: 5 Pending, 40 Succeeded"
    assert folded(lines, 100) == lines
