"""The threads that bring a version's objects, side by side, from the source and from neighbours."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from moorage.calling.failures import TryAgainError
from node_plugin.filler.board import Board, Work
from node_plugin.filler.circle import Circle, Views, ask_around
from node_plugin.filler.exchange import Done, Job, Left, Line
from node_plugin.filler.fetching import Fetcher, StoppedError
from node_plugin.filler.folder import Folder
from node_plugin.filler.manifest import Entry
from node_plugin.filler.neighbour import BusyError, NeighbourError

_TELL_SECONDS: Final = 0.5
_LEAST_NEAR_BYTES_PER_SECOND: Final = 50_000.0

Tell = Callable[[Line], None]


class Meter:
    """Counts what is whole, and tells now and then.

    Args:
        done_bytes: that are there already.
        tell: hears of it.
    """

    def __init__(self, done_bytes: int, tell: Tell) -> None:
        self._done_bytes = done_bytes
        self._near_bytes = self._far_bytes = 0
        self._tell = tell
        self._lock = threading.Lock()
        self._told_at = 0.0

    def add(self, size_bytes: int, *, near: bool = False) -> None:
        """So many more are there; `near` says that they came from a neighbour."""
        with self._lock:
            self._done_bytes += size_bytes
            self._near_bytes += size_bytes if near else 0
            self._far_bytes += 0 if near else size_bytes
            if time.monotonic() - self._told_at >= _TELL_SECONDS:
                self._told_at = time.monotonic()
                self._tell(Done(self._done_bytes, self._near_bytes, self._far_bytes))

    def tell_all(self) -> None:
        """Say it once more, at the end."""
        with self._lock:
            self._tell(Done(self._done_bytes, self._near_bytes, self._far_bytes))

    def left(self, node: str, why: str) -> None:
        """A neighbour is asked no more."""
        with self._lock:
            self._tell(Left(node, why[:500]))


@dataclass(slots=True)
class Crew:
    """What the threads share; the first failure ends all."""

    job: Job
    open_folder: Callable[[], Folder]
    views: Views
    meter: Meter
    stop: threading.Event = field(default_factory=threading.Event)
    failures: list[Exception] = field(default_factory=list)

    def work(self, number: int, board: Board) -> None:
        """One thread's share."""
        folder = self.open_folder()
        circle = None if self.job.sharing is None else Circle(self.job.sharing, self.views)
        try:
            fetcher = Fetcher(folder, number, self.stop)
            # Half of them serve the line to the source first, so that it and the site's network are both busy.
            while (work := board.next(near_first=number % 2 == 1)) is not None:
                self._bring(work, fetcher, circle, board)
        except StoppedError:
            return
        except Exception as error:  # noqa: BLE001 - it is raised again by `fetch_all`
            self.failures.append(error)
            self.stop.set()
            board.stop()
        finally:
            folder.close()
            if circle is not None:
                circle.close()

    def _bring(self, work: Work, fetcher: Fetcher, circle: Circle | None, board: Board) -> None:
        if not work.node or circle is None:
            fetcher.fetch(work.entry)
            self.meter.add(work.entry.size_bytes)
            board.done(work)
            return
        reach = partial(circle.folder, work.node)
        try:
            fetcher.fetch_near(work.entry, work.number, reach, self._least_bytes_per_second)
        except BusyError:
            board.put_back(work, busy=True)
        except NeighbourError as error:
            board.leave(work.node, str(error))
            board.put_back(work)
        else:
            self.meter.add(work.entry.size_bytes, near=True)
            board.done(work)

    @property
    def _least_bytes_per_second(self) -> float:
        """What a connection to the source has, where all are busy: a slower neighbour saves nobody anything."""
        terms = self.job.grant.fill
        if terms is None or terms.far_seconds <= 0:
            return _LEAST_NEAR_BYTES_PER_SECOND
        return max(_LEAST_NEAR_BYTES_PER_SECOND, terms.size_bytes / terms.far_seconds / self.job.connections / 2)


def fetch_all(entries: Sequence[Entry], missing: Sequence[Entry], crew: Crew) -> None:
    """Bring whole objects side by side.

    Args:
        entries: the manifest.
        missing: what of it is to come.
        crew: that brings it.

    Raises:
        ChangedError, TryAgainError, SourceError, DiskError: as `Fetcher.fetch`.
    """
    sharing = crew.job.sharing
    board = Board(entries, missing, "" if sharing is None else sharing.me, crew.meter.left)
    numbers = range(min(crew.job.connections, len(missing)))
    threads = [threading.Thread(target=crew.work, args=(number, board)) for number in numbers]
    over = threading.Event()
    if sharing is not None:
        crew.views.show(board)
        around = Circle(sharing, crew.views)
        threads.append(threading.Thread(target=ask_around, args=(board, around, len(entries), over), daemon=True))
    for thread in threads:
        thread.start()
    for thread in threads[: len(numbers)]:
        thread.join()
    over.set()
    if crew.failures:
        raise crew.failures[0]
    if not board.is_done:
        message = "a thread ended early"
        raise TryAgainError(message)
