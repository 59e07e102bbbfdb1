"""Files that are on no disk: what is in them is gone with the last who has them open."""

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def anonymous_file(name: str, text: str) -> Iterator[int]:
    """The descriptor of a file that is on no disk; it lives as long as somebody has it open.

    Args:
        name: by which the kernel shows it.
        text: what is in it.
    """
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
        yield descriptor
    finally:
        os.close(descriptor)
