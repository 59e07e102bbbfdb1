"""Put, get, delete and list, in one directory."""

import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from moorage.errors import InputError
from moorage.memory.kinds import Reader, Writer
from moorage.memory.kinds.tables import read_file, write_file
from moorage.memory.layout import ARROW_MAGIC, MemoryObjectError, Parts, frame, read_frame
from moorage.memory.space import Space

VARIABLE: Final = "MOORAGE_MEMORY"
_SHARED: Final = Path("/dev/shm")  # noqa: S108 - shared memory is what this is about


def default_directory() -> Path:
    """Where objects lie unless something else is said."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    root = _SHARED if _SHARED.is_dir() else Path(tempfile.gettempdir())
    return root / f"moorage-{os.getuid()}"


class MemoryStore:
    """The objects in one directory. It may be used by many threads and processes at once, and as a context.

    Args:
        directory: in shared memory, as a rule.
    """

    def __init__(self, directory: Path | str) -> None:
        try:
            self._space = Space(Path(directory))
        except OSError as error:
            problem = f"can't be used ({error.strerror}): name a directory that this user may write to"
            raise InputError("memory store", str(directory), problem) from None

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
        if (file := write_file(value)) is not None:
            return self._space.write(name, file.write)
        parts = Parts()
        laid = frame(Writer(parts).write(value), parts)

        return self._space.write(name, laid.write)

    def get(self, name: str, *, trust: bool = False) -> Any:  # noqa: ANN401 - what was put
        """Get an object.

        Args:
            name: of it.
            trust: the writer may run code here: needed for what was pickled.

        Raises:
            UntrustedObjectError: it was pickled, and `trust` is not given.
            MemoryObjectError: there is none, or what lies there is none.
        """
        content = self._space.read(name)
        try:
            if bytes(content[: len(ARROW_MAGIC)]) == ARROW_MAGIC:
                return read_file(content, trust=trust)
            read = read_frame(content)
            return Reader(read.buffers, trust=trust).read(read.root)
        except MemoryObjectError as error:
            raise type(error)(f"object {name!r}: {error}") from None
        except Exception as error:
            # A description that lies can have any library that it is given to raise anything.
            if trust:
                raise
            problem = f"its description makes no sense ({type(error).__name__})"
            raise MemoryObjectError(f"object {name!r}: {problem}") from error

    def delete(self, name: str) -> bool:
        """Delete an object; whether it was there. Those who have it keep it.

        Raises:
            MemoryObjectError: the name can't be one.
        """
        return self._space.delete(name)

    def names(self) -> list[str]:
        """The names of all objects, sorted."""
        return self._space.names()
