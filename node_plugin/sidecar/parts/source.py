"""The objects of one version, wherever they are: on the node, or at the source as long as it has not changed them."""

import os
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Final

from moorage.calling.failures import ChangedError, TryAgainError
from moorage.errors import SourceError
from node_plugin.filler.folder import Folder
from node_plugin.filler.lines import Lines
from node_plugin.filler.manifest import Entry
from node_plugin.filler.objects import open_object

_PIECE_BYTES: Final = 256 * 1024
_TRIES: Final = 3
_DELAY_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Descriptors:
    """What the node plugin handed over; whoever holds this closes them.

    Attributes:
        manifest: of the version.
        objects: a read-only view of the folder with those that the node has. More may come, and all may go.
    """

    manifest: int
    objects: int

    def close(self) -> None:
        """Close both."""
        os.close(self.manifest)
        os.close(self.objects)


class PartSource:
    """One version; any thread may ask.

    Args:
        descriptors: of the node's part; they are this object's from now on.
        open_source: makes a connection to the source, by what is granted now.
        changed: hears of each object that the source does not have any more as it was.
    """

    def __init__(
        self, descriptors: Descriptors, open_source: Callable[[], Folder], changed: Callable[[str], None]
    ) -> None:
        self._descriptors = descriptors
        self._open_source = open_source
        self._changed = changed
        self._lock = threading.Lock()
        self._users = 1
        self.lines = Lines(descriptors.manifest)

    def enter(self) -> "FarSource":
        """Use it from another thread, which leaves in the end; gives that thread's connection to the source.

        Raises:
            OSError: it is closed.
        """
        with self._lock:
            if not self._users:
                message = "closed"
                raise OSError(message)
            self._users += 1
        return FarSource(self._open_source, self._changed)

    def leave(self) -> None:
        """Use it no more. The last one closes the descriptors: a number that is closed may be another file's soon."""
        with self._lock:
            self._users -= 1
            is_last = not self._users
        if is_last:
            self._descriptors.close()

    def close(self) -> None:
        """Give back what it holds, once nobody uses it any more."""
        self.leave()

    def open_near(self, entry: Entry) -> int | None:
        """An object's file on the node, which the caller closes; None where the node does not have it."""
        descriptor = open_object(entry.key, self._descriptors.objects)
        if descriptor is not None and os.fstat(descriptor).st_size != entry.size_bytes:
            os.close(descriptor)
            return None
        return descriptor


class FarSource:
    """One thread's connection to the source; it is made when it is needed."""

    def __init__(self, open_source: Callable[[], Folder], changed: Callable[[str], None]) -> None:
        self._open_source = open_source
        self._changed = changed
        self._folder: Folder | None = None

    def close(self) -> None:
        """Close it; the next request makes it anew, with the keys that there are then."""
        if self._folder is not None:
            self._folder.close()
            self._folder = None

    def pieces(self, entry: Entry, start: int, length: int) -> Generator[memoryview, None, None]:
        """So many bytes of an object, in pieces; where the connection breaks, from there on with another one.

        Raises:
            ChangedError: it is not the one that was listed.
            TryAgainError: the source does not answer.
            SourceError: it refuses.
        """
        buffer = memoryview(bytearray(min(_PIECE_BYTES, length)))
        done = tries = 0
        while done < length:
            before = done
            try:
                folder = self._connected()
                with folder.open(entry, start + done, length - done) as answer:
                    while done < length:
                        count = answer.readinto(buffer[: length - done])
                        if not count:
                            raise TryAgainError("the answer is shorter than the object")  # noqa: TRY301 - as any break
                        done += count
                        yield buffer[:count]
            except ChangedError:
                self._changed(entry.key)
                raise
            except (TryAgainError, SourceError) as error:
                self.close()
                tries = 1 if done > before else tries + 1
                if tries >= _TRIES:
                    raise
                if isinstance(error, SourceError) and tries > 1:
                    raise  # with other keys, too
                time.sleep(_DELAY_SECONDS * tries)

    def _connected(self) -> Folder:
        if self._folder is None:
            self._folder = self._open_source()
        return self._folder
