"""Opens what a task wrote, and nothing else: no symbolic link leads out of an output, whoever changes it meanwhile."""

import contextlib
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO, Final

from moorage.errors import TaskError

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A pipe would wait for somebody who writes.
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@contextlib.contextmanager
def opened(place: str) -> Iterator[BinaryIO]:
    """Provide a regular file, by an absolute path of which no part is a symbolic link.

    Raises:
        OSError: it is not there, or can't be read, or a part is a link.
        TaskError: it is no regular file.
    """
    *folders, name = place.strip("/").split("/")
    current = os.open("/", _FOLDER)
    try:
        for folder in folders:
            below = os.open(folder, _FOLDER, dir_fd=current)
            os.close(current)
            current = below
        descriptor = os.open(name, _FILE, dir_fd=current)
    finally:
        os.close(current)
    with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123 - of a descriptor
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise TaskError(f"{place}: it is neither a file nor a folder")
        yield file


def read_text(place: str, most_bytes: int) -> str | None:
    """Read a small file; None where there is none.

    Raises:
        TaskError: it can't be read, is no UTF-8, or is too large.
    """
    try:
        with opened(place) as file:
            content = b""
            while len(content) <= most_bytes and (chunk := file.read(most_bytes + 1 - len(content))):
                content += chunk
    except FileNotFoundError:
        return None
    except OSError as error:
        raise TaskError(f"{place}: {reason(error)}") from None
    if len(content) > most_bytes:
        raise TaskError(f"{place}: it has more than {most_bytes:,} bytes: hand over large values as artifacts")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise TaskError(f"{place}: it is no UTF-8 text: hand over binary data as artifacts") from None


def reason(error: OSError) -> str:
    """Return the reason why a file can't be read, with a remedy where there is one."""
    if isinstance(error, PermissionError):
        return (
            f"the sidecar runs as user {os.getuid()}, who may not read it: let the task write files that all may read "
            "(umask 022), or let both run as one user (securityContext.runAsUser)"
        )
    return f"it can't be read ({error.strerror or type(error).__name__})"
