"""Which tasks' logs are meant, and how lines are told apart."""

import pytest

from moorage.stores import LogPiece
from moorage_cli.runs.reading_logs import Cursor, chosen, has_ended, is_unknown, why_no_log

STATUS = {
    "phase": "Running",
    "tasks": [
        {"name": "make", "phase": "Succeeded"},
        {"name": "train", "phase": "Running"},
        {"name": "judge", "phase": "Failed"},
        {"name": "later", "phase": "Pending", "message": "no node may run it now", "attempt": 1},
        {"name": "never", "phase": "Skipped"},
    ],
}


def test_which_tasks_are_meant() -> None:
    """The one that is named; all that have begun; else those that failed."""
    assert chosen(STATUS, "train#2/x", everything=False) == ["train#2/x"]
    assert chosen(STATUS, None, everything=True) == ["make", "train", "judge"]
    assert chosen(STATUS, None, everything=False) == ["judge"]
    assert chosen({}, None, everything=True) == []


@pytest.mark.parametrize(
    ("task", "ended"), [("make", True), ("train", False), ("make#3/x", True), ("train#3/x", False), ("unknown", False)]
)
def test_whether_more_comes(task: str, ended: bool) -> None:  # noqa: FBT001 - a table
    """Of an iteration: whether its loop has ended; of a run that has ended: nothing."""
    assert has_ended(STATUS, task) is ended
    assert has_ended({**STATUS, "phase": "Cancelled"}, task)


@pytest.mark.parametrize(
    ("task", "unknown"), [("make", False), ("train#3/x", False), ("trian", True), ("trian#0/x", True), ("ma", True)]
)
def test_whether_a_run_has_such_a_task(task: str, unknown: bool) -> None:  # noqa: FBT001 - a table
    """A loop's iterations may not be listed yet; where nothing is listed, nobody knows."""
    assert is_unknown(STATUS, task) is unknown
    assert not is_unknown({"phase": "Planning"}, task)
    assert not is_unknown({"tasks": [{"name": "make#0/x"}]}, "make#1/x")


@pytest.mark.parametrize(
    ("task", "attempt", "told"),
    [
        (None, None, "There is no log yet: run nightly is Running."),
        ("later", None, "task later is Pending (no node may run it now); run nightly is Running."),
        ("never", None, "There is no log yet: task never is Skipped; run nightly is Running."),
        ("later", 3, "Task later has had 1 attempt; there is no attempt 3."),
        ("train#3/x", None, "There is no log yet: run nightly is Running."),
    ],
)
def test_why_there_is_no_log(task: str | None, attempt: int | None, told: str) -> None:
    """How far the task is, and what it waits for."""
    assert why_no_log("nightly", STATUS, task, attempt).endswith(told)


def test_lines_of_many_tasks_keep_apart() -> None:
    """A line is printed once it is whole, or once nothing comes after it."""
    cursor = Cursor("train", None, prefixed=True)
    assert cursor.take(LogPiece(1, 0, b"one\ntw", complete=False)) == b"[train] one\n"
    assert cursor.take(LogPiece(1, 6, b"", complete=False)) == b""
    assert cursor.take(LogPiece(1, 6, b"o\nthr", complete=False)) == b"[train] two\n"
    assert cursor.take(LogPiece(1, 11, b"ee", complete=True)) == b"[train] three\n"
    assert (cursor.offset, cursor.complete) == (13, True)


def test_one_log_is_as_it_was_printed() -> None:
    """Byte by byte."""
    cursor = Cursor("train", None)
    assert cursor.take(LogPiece(2, 0, b"one\r\n\xfftw", complete=False)) == b"one\r\n\xfftw"
    assert (cursor.seen, cursor.offset, cursor.complete) == (2, 8, False)
