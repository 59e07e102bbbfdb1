"""A task's log, read from a store in pieces, while the task runs and after."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from moorage.errors import StoreError
from moorage.runs import RunKeys, RunRef
from moorage.runs.logs import AttemptLog, attempt_logs
from moorage.stores.site_stores import SiteStores
from moorage.stores.store import ReadableStore

MOST_PIECE_BYTES: Final = 1 << 20
_MOST_OBJECTS: Final = 20_000


@dataclass(frozen=True, slots=True)
class LogPiece:
    """Some bytes of a log.

    Attributes:
        attempt: whose.
        offset: where they begin.
        complete: whether nothing comes after them any more.
    """

    attempt: int
    offset: int
    content: bytes
    complete: bool

    @property
    def next_offset(self) -> int:
        """The offset of the next piece."""
        return self.offset + len(self.content)


@dataclass(frozen=True, slots=True)
class TaskLog:
    """The logs of one task's attempts in the store of one site."""

    store: ReadableStore
    run: RunRef
    task: str

    @property
    def _keys(self) -> RunKeys:
        return RunKeys(self.store.prefix, self.run)

    async def attempts(self) -> list[AttemptLog]:
        """List the logs of all attempts by number; empty where the task did not run at this site.

        Raises:
            StoreError: the store does not answer or refuses.
        """
        prefix = self._keys.tasks(self.task)
        listed = await self.store.list_all(prefix, _MOST_OBJECTS)
        return attempt_logs((each.key.removeprefix(prefix), each.size_bytes) for each in listed)

    async def piece(self, log: AttemptLog, offset: int, most_bytes: int = MOST_PIECE_BYTES) -> LogPiece:
        """Read the bytes of a log from `offset` on: of one object, and at most so many; empty where none are there yet.

        Raises:
            StoreError: the store does not answer or refuses.
        """
        content = b""
        if (extent := log.extent(offset)) is not None:
            key = self._keys.task(self.task, log.number, extent.what)
            found = await self.store.piece(key, extent.start, min(extent.size_bytes, most_bytes))
            # A part goes once the whole log is there: whoever asks again finds it in that.
            content = b"" if found is None else found.content
        return LogPiece(log.number, offset, content, log.is_complete(offset + len(content)))

    async def read(self, attempt: int | None, offset: int, most_bytes: int = MOST_PIECE_BYTES) -> LogPiece | None:
        """Read the same of one attempt, or of the last; None where there is no such attempt at this site.

        Raises:
            StoreError: the store does not answer or refuses.
        """
        known = [each for each in await self.attempts() if attempt in {None, each.number}]
        return await self.piece(known[-1], offset, most_bytes) if known else None


@dataclass(frozen=True, slots=True)
class LogQuestion:
    """A request for a piece of a log; `attempt` None: the last one."""

    run: RunRef
    task: str
    attempt: int | None = None
    offset: int = 0


async def find_log(stores: SiteStores, sites: Iterable[str], question: LogQuestion) -> tuple[TaskLog, LogPiece] | None:
    """Find the log at the first of these sites that has one, and the piece; None where none has.

    Raises:
        StoreError: no store has it, and one of them can't be read.
        KubeError: the API server did not answer.
    """
    problem: StoreError | None = None
    for site in sites:
        try:
            log = TaskLog(await stores.get(site), question.run, question.task)
            piece = await log.read(question.attempt, question.offset)
        except StoreError as error:
            problem = problem or error
            continue
        if piece is not None:
            return log, piece
    if problem is not None:
        raise problem
    return None
