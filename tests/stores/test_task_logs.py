"""A task's log, from the store alone: while it runs, when it ends between two looks, and after."""

from moorage.runs import RunKeys, RunRef
from moorage.stores import LogPiece, ReadableStore, TaskLog
from tests.dataset_operator.stores import BUCKET, Store

RUN = RunRef("fraud", "nightly", "5e0c")


def _key(task: str, attempt: int, what: str) -> str:
    return RunKeys("moorage", RUN).task(task, attempt, what)


async def test_a_log_is_read_while_it_grows(server: Store, store: ReadableStore) -> None:
    """Part by part; then the whole log takes the parts' place, and reading goes on where it was."""
    log = TaskLog(store, RUN, "train#2/evaluate")
    assert await log.read(None, 0) is None
    server.put({_key(log.task, 1, "started"): b""})
    assert await log.read(None, 0) == LogPiece(1, 0, b"", complete=False)
    server.put({_key(log.task, 1, "log.1"): b"one\n", _key(log.task, 1, "log.2"): b"two\n"})
    assert await log.read(None, 0) == LogPiece(1, 0, b"one\n", complete=False)
    assert await log.read(1, 5) == LogPiece(1, 5, b"wo\n", complete=False)
    (stale,) = await log.attempts()
    server.client.delete_object(Bucket=BUCKET, Key=_key(log.task, 1, "log.2"))
    server.put({_key(log.task, 1, "log"): b"one\ntwo\nthree\n"})
    assert await log.piece(stale, 4) == LogPiece(1, 4, b"", complete=False)
    assert await log.read(1, 4) == LogPiece(1, 4, b"two\nthree\n", complete=True)
    assert await log.read(1, 4, most_bytes=3) == LogPiece(1, 4, b"two", complete=False)


async def test_the_last_attempt_unless_another_is_named(server: Store, store: ReadableStore) -> None:
    """Attempts of tasks inside of it are none of its own."""
    server.put({_key("unit", number, "log"): f"attempt {number}\n".encode() for number in (1, 2, 11)})
    server.put({_key("unit/inner", 12, "log"): b"inner\n"})
    log = TaskLog(store, RUN, "unit")
    assert [each.number for each in await log.attempts()] == [1, 2, 11]
    last = await log.read(None, 0)
    assert last == LogPiece(11, 0, b"attempt 11\n", complete=True)
    first = await log.read(1, 0)
    assert first == LogPiece(1, 0, b"attempt 1\n", complete=True)
    assert await log.read(3, 0) is None
