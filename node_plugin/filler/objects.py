"""A whole object of a version's folder, opened. No link is followed: whoever filled the folder talked to a store."""

import os
import stat
from typing import Final

from node_plugin.filler import keys

FOLDER_FLAGS: Final = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def open_object(key: str, objects: int) -> int | None:
    """Open an object's file, folder by folder; None where it is not there.

    Args:
        key: of the object.
        objects: the folder that it lies in, as a descriptor.
    """
    if keys.problem_of(key) is not None:
        return None
    folder = os.dup(objects)
    try:
        *parents, name = key.split("/")
        for parent in parents:
            deeper = os.open(parent, FOLDER_FLAGS, dir_fd=folder)
            os.close(folder)
            folder = deeper
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return None
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return descriptor
