"""Put, get, delete and list, in one place."""

import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from moorage.errors import InputError
from moorage.memory.files import FileSpace
from moorage.memory.layout import PrivatePagesNeededError
from moorage.memory.objects import laid_out, made_of
from moorage.memory.space import VINEYARD, Space

VARIABLE: Final = "MOORAGE_MEMORY"
_SHARED: Final = Path("/dev/shm")  # noqa: S108 - shared memory is what this is about


def default_place() -> str:
    """Where objects lie unless something else is said."""
    if named := os.environ.get(VARIABLE):
        return named
    root = _SHARED if _SHARED.is_dir() else Path(tempfile.gettempdir())
    return str(root / f"moorage-{os.getuid()}")


class MemoryStore:
    """The objects in one place. It may be used by many threads and processes at once, and as a context.

    Args:
        place: a directory, in shared memory as a rule; or `vineyard:///run/vineyard.sock`, by a daemon's socket.

    Raises:
        InputError: the place can't be used.
    """

    def __init__(self, place: Path | str) -> None:
        self._space = _opened(place)

    @property
    def place(self) -> str:
        """Where the objects lie."""
        return self._space.place

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """What is there stays."""

    def put(self, name: str, value: Any) -> int:  # noqa: ANN401 - any Python object
        """Put an object under a name, in place of what was there. Of two who do so at once, one wins, whole.

        Returns:
            Its size in bytes.

        Raises:
            MemoryObjectError: it can't be kept, or there is no room for it.
        """
        return self._space.write(name, laid_out(value))

    def get(self, name: str, *, trust: bool = False, writable: bool = False) -> Any:  # noqa: ANN401 - what was put
        """Get an object.

        Args:
            name: of it.
            trust: the writer may run code here: needed for what was pickled.
            writable: the value may be changed. In a directory, pages that are written become this value's own, and
                others are not copied; vineyard's memory is copied whole. What holds tensors is always read so.

        Raises:
            UntrustedObjectError: it was pickled, and `trust` is not given.
            MemoryObjectError: there is none, or what lies there is none.
        """
        try:
            return made_of(self._space.read(name, writable=writable), name, trust=trust)
        except PrivatePagesNeededError:
            return made_of(self._space.read(name, writable=True), name, trust=trust)

    def delete(self, name: str) -> bool:
        """Delete an object; whether it was there. Those who have it keep it.

        Raises:
            MemoryObjectError: the name can't be one.
        """
        return self._space.delete(name)

    def delete_older(self, prefix: str, than_seconds: float) -> int:
        """Delete objects whose names begin so and that were put longer ago than that; how many."""
        return self._space.delete_older(prefix, than_seconds)

    def is_private(self) -> bool:
        """Whether this user alone can have put what lies there, so that its pickles are as good as own code."""
        return self._space.is_private()

    def names(self) -> list[str]:
        """The names of all objects, sorted."""
        return self._space.names()


def _opened(place: Path | str) -> Space:
    if isinstance(place, str) and place.startswith(VINEYARD):
        # Not before it is needed: it is for those who run its daemon.
        from moorage.memory.vineyard import VineyardSpace  # noqa: PLC0415

        return VineyardSpace(place)
    try:
        return FileSpace(Path(place))
    except OSError as error:
        problem = f"can't be used ({error.strerror}): name a directory that this user may write to"
        raise InputError("memory store", str(place), problem) from None
