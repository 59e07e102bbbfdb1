"""An archive from its server into a folder of files: brought whole, unpacked, and watched.

It gets its name in `parts/` when all of it has come, so a filler that follows one that was killed need not bring it
again. What had been unpacked by then is removed.
"""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from moorage.errors import SourceError
from moorage.sources.reasons import Reason
from node_plugin.filler.exchange import Done, Ended, Ending, Job, Line, Unpacked
from node_plugin.filler.fetching import Fetcher
from node_plugin.filler.folder import Folder
from node_plugin.filler.manifest import OBJECTS, PARTS, Entry
from node_plugin.filler.unpacking import SECONDS, Contents, Limits, unpack

_ARCHIVE: Final = f"{PARTS}/archive"
_TELL_SECONDS: Final = 0.5
_LEAST_BYTES_PER_SECOND: Final = 100_000
_GRACE_SECONDS: Final = 60.0

Tell = Callable[[Line], None]


def bring_and_unpack(entry: Entry, job: Job, open_folder: Callable[[], Folder], tell: Tell) -> Contents:
    """Fill `objects/` from the archive that a version is.

    Raises:
        ArchiveError: it can't be unpacked.
        ChangedError, TryAgainError, SourceError, DiskError: as `Fetcher.fetch`.
    """
    os.makedirs(PARTS, 0o700, exist_ok=True)  # noqa: PTH103 - as all of the filler's paths are
    _bring(entry, open_folder, tell)
    _remove(OBJECTS)
    os.mkdir(OBJECTS, 0o755)  # noqa: PTH102
    limits = Limits(most_objects=job.most_objects, most_bytes=job.most_bytes, spare_bytes=job.spare_bytes)
    paced = _Paced(lambda size_bytes: tell(Unpacked(0, size_bytes)))
    with _watched(limits.seconds, tell):
        return unpack(_ARCHIVE, OBJECTS, limits, paced.tell)


def _bring(entry: Entry, open_folder: Callable[[], Folder], tell: Tell) -> None:
    try:
        if os.lstat(_ARCHIVE).st_size == entry.size_bytes:
            return
    except FileNotFoundError:
        pass
    # Nobody may take what has come for all of it before it is unpacked.
    paced = _Paced(lambda size_bytes: tell(Done(min(size_bytes, entry.size_bytes - 1))))
    deadline = time.monotonic() + SECONDS + entry.size_bytes / _LEAST_BYTES_PER_SECOND

    def taken(size_bytes: int) -> None:
        if time.monotonic() > deadline:
            problem = f"the archive comes at less than {_LEAST_BYTES_PER_SECOND:,} bytes a second"
            raise SourceError(Reason.LIST_TOO_SLOW, f"{problem}: check the server's load and the network")
        paced.tell(size_bytes)

    folder = open_folder()
    try:
        Fetcher(folder, 0, threading.Event(), taken).fetch(entry, _ARCHIVE)
    finally:
        folder.close()


def _remove(tree: str) -> None:
    """Also what was sealed already."""
    for folder, _below, _files in os.walk(tree):
        os.chmod(folder, 0o700)  # noqa: PTH101
    shutil.rmtree(tree, ignore_errors=True)


@contextmanager
def _watched(seconds: float, tell: Tell) -> Iterator[None]:
    """End the process where a parser is busy for ever with bytes of which nothing comes out."""

    def give_up() -> None:
        tell(Ended(Ending.UNKEEPABLE, f"it takes more than {seconds:g} s to unpack: split it"))
        os._exit(1)

    timer = threading.Timer(seconds + _GRACE_SECONDS, give_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class _Paced:
    """Tells now and then."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell = tell
        self._told_at = 0.0

    def tell(self, size_bytes: int) -> None:
        """So many by now."""
        if time.monotonic() - self._told_at >= _TELL_SECONDS:
            self._told_at = time.monotonic()
            self._tell(size_bytes)
