"""A run's status as records and as HTML, and the types that a notebook's editor sees."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, assert_type

import pytest

from moorage.client import Client, GroupStatus, Outputs, Run, RunArtifact, RunStatus, TaskStatus
from moorage.client.artifacts import artifact_of
from moorage.client.showing import run_html
from moorage.errors import InputError
from moorage.runs import FileEntry, GroupPhase, Manifest, RunPhase, TaskPhase

RAW: dict[str, Any] = {
    "phase": "Running",
    "message": "group us-1-1 waits for <b>join.training</b>",
    "startTime": "2026-11-30T12:00:00Z",
    "plan": {"digest": "ab" * 32, "objective": "money,carbon", "value": "0.532", "gap": "0"},
    "groups": [
        {"id": "eu-1-1", "site": "eu-1", "phase": "Succeeded", "attempt": 1, "completionTime": "2026-11-30T12:01:00Z"},
        {"id": "us-1-1", "site": "us-1", "phase": "Waiting"},
    ],
    "tasks": [{"name": "<script>", "site": "eu-1", "phase": "Succeeded", "attempt": 2}],
    "bytesMoved": 10,
    "bytesPlanned": 40,
}


def test_a_status_is_a_record() -> None:
    """With times as times, phases as words of their own."""
    status = RunStatus.read(RAW)
    assert (status.phase, status.has_ended, status.succeeded, status.cost) == (RunPhase.RUNNING, False, False, 0.532)
    assert status.start == datetime(2026, 11, 30, 12, tzinfo=UTC)
    assert status.end is None
    assert [group.phase for group in status.groups] == [GroupPhase.SUCCEEDED, GroupPhase.WAITING]
    assert status.groups[0].end == datetime(2026, 11, 30, 12, 1, tzinfo=UTC)
    assert status.tasks == (TaskStatus("<script>", "eu-1", TaskPhase.SUCCEEDED, 2),)
    assert (status.bytes_moved, status.bytes_planned) == (10, 40)


def test_nobody_has_looked_yet() -> None:
    """An empty status is a run that is to be planned."""
    status = RunStatus.read(None)
    assert (status.phase, status.cost, status.bytes_planned, status.groups) == (RunPhase.PLANNING, None, None, ())


def test_a_phase_of_a_newer_hub_counts_as_running() -> None:
    """A notebook that is older than the hub goes on: what may end is waited for."""
    new = {"phase": "Suspended"}
    raw = {**new, "groups": [new], "tasks": [new], "taskCounts": {"Suspended": 2, "Running": 1, "Failed": 1}}
    status = RunStatus.read(raw)
    assert (status.phase, status.groups[0].phase, status.tasks[0].phase) == (
        RunPhase.RUNNING,
        GroupPhase.RUNNING,
        TaskPhase.RUNNING,
    )
    assert status.task_counts == {TaskPhase.RUNNING: 3, TaskPhase.FAILED: 1}


def test_html_shows_groups_and_tasks_and_nothing_of_theirs_is_markup() -> None:
    """Whatever a tenant called a task."""
    html = run_html("<nightly>", RunStatus.read(RAW))
    assert "&lt;nightly&gt;" in html
    assert "&lt;script&gt;" in html
    assert "<script" not in html
    assert "<b>" not in html
    assert 'value="0.250"' in html
    rows = html.partition("<table>")[2]
    assert rows.index("eu-1-1") < rows.index("us-1-1")
    assert "<table" not in run_html("nightly", RunStatus.read({"phase": "Planning"}))


def _artifact(*files: str) -> RunArtifact:
    entries = tuple(FileEntry(file, 3, "00") for file in files)
    manifest = Manifest("make.data", {"schemaTitle": "system.Dataset"}, {"rows": 3}, "s3://b/made", entries)
    return artifact_of("eu-1", manifest, lambda entry, most: f"{entry.path}|{most}".encode())


def test_an_artifact_reads_one_file() -> None:
    """The only one, or the one that is named."""
    single = _artifact("")
    assert (single.type, single.metadata, single.size_bytes, single.files) == ("system.Dataset", {"rows": 3}, 3, ("",))
    assert single.read(most_bytes=9) == b"|9"
    several = _artifact("a.csv", "b.csv")
    assert several.read("b.csv", most_bytes=9) == b"b.csv|9"
    with pytest.raises(InputError, match=r"it has a\.csv, b\.csv"):
        several.read()
    with pytest.raises(InputError, match=r"c\.csv is not there"):
        several.read("c.csv")


def types(moorage: Client, run: Run) -> None:
    """Checked by mypy; nobody calls it."""
    assert_type(moorage.submit("pipeline.yaml", {"a": 1}), Run)
    assert_type(moorage.run("nightly"), Run)
    assert_type(moorage.runs(), list[Run])
    assert_type(run.status, RunStatus)
    assert_type(run.wait(60), RunStatus)
    assert_type(run.status.groups, tuple[GroupStatus, ...])
    assert_type(run.status.tasks, tuple[TaskStatus, ...])
    assert_type(run.status.phase, RunPhase)
    assert_type(run.status.cost, float | None)
    assert_type(run.logs("train"), str)
    assert_type(run.outputs("train"), Outputs)
    assert_type(run.outputs("train").parameters, Mapping[str, Any])
    assert_type(run.artifact("train.model"), RunArtifact)
    assert_type(run.artifact("train.model").read(), bytes)
