"""Between a value and its bytes, and whole objects in files of any name."""

import os
from pathlib import Path
from typing import Any

from moorage.memory.kinds import Reader, Writer
from moorage.memory.kinds.tables import IpcFile, read_file, write_file
from moorage.memory.layout import (
    ARROW_MAGIC,
    Frame,
    MemoryObjectError,
    Parts,
    PrivatePagesNeededError,
    frame,
    read_frame,
)


def laid_out(value: Any) -> IpcFile | Frame:  # noqa: ANN401 - any Python object
    """A value that is ready to be written.

    Raises:
        MemoryObjectError: it can't be kept.
    """
    if (file := write_file(value)) is not None:
        return file
    parts = Parts()
    return frame(Writer(parts).write(value), parts)


def made_of(content: memoryview, name: str, *, trust: bool) -> Any:  # noqa: ANN401 - what was put
    """The value that an object's bytes are.

    Args:
        content: of the object.
        name: of it, for errors.
        trust: the writer may run code here: needed for what was pickled.

    Raises:
        UntrustedObjectError: it was pickled, and `trust` is not given.
        PrivatePagesNeededError: its readers write to it, and `content` can't be written to.
        MemoryObjectError: it is no object.
    """
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


def save(path: Path, value: Any) -> None:  # noqa: ANN401 - any Python object
    """Write an object to a file that nobody reads yet, as a task does with what it gives out.

    Raises:
        MemoryObjectError: it can't be kept.
        OSError: the file can't be written.
    """
    laid = laid_out(value)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    try:
        laid.write(descriptor)
    finally:
        os.close(descriptor)


def load(path: Path, *, trust: bool = False) -> Any:  # noqa: ANN401 - what was saved
    """Read a file that `save` wrote.

    Raises:
        UntrustedObjectError: it was pickled, and `trust` is not given.
        MemoryObjectError: it is no object.
        OSError: the file can't be read.
    """
    content = path.read_bytes()
    try:
        return made_of(memoryview(content), path.name, trust=trust)
    except PrivatePagesNeededError:
        return made_of(memoryview(bytearray(content)), path.name, trust=trust)
