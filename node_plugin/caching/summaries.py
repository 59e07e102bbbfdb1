"""`summary.json` in a whole version's folder: what a node plugin that starts anew reads back."""

import json
import os
from pathlib import Path
from typing import Final

from moorage.errors import InputError
from moorage.reading.documents import Bounds, read_object
from node_plugin.caching.holding import Holding, VersionKey, disk_bytes

_NAME: Final = "summary.json"
_BOUNDS: Final = Bounds(most_bytes=4096, most_depth=2)


def write_summary(folder: Path, *, size_bytes: int, objects: int, near_bytes: int, unpacked_bytes: int | None) -> None:
    """Write what the folder holds, so that it outlives a crash.

    Args:
        folder: of a version.
        size_bytes: of the version, as the dataset has it.
        objects: files on the disk.
        near_bytes: that came from neighbours.
        unpacked_bytes: of an archive, what its files have.

    Raises:
        OSError: the disk refuses.
    """
    summary = {"bytes": size_bytes, "objects": objects, "near": near_bytes}
    if unpacked_bytes is not None:
        summary["unpacked"] = unpacked_bytes
    descriptor = os.open(folder / _NAME, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o444)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        json.dump(summary, file)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(folder)


def read_whole(key: VersionKey, folder: Path) -> Holding | None:
    """What a whole version's folder holds; None where it can't be read."""
    try:
        with (folder / _NAME).open("rb") as file:
            fields = read_object(file.read(_BOUNDS.most_bytes + 1), "summary", _BOUNDS)
        size_bytes, objects = fields.count("bytes") or 0, fields.count("objects") or 0
        unpacked_bytes, near_bytes = fields.count("unpacked"), fields.count("near") or 0
        last_used, filled_at = folder.stat().st_mtime, (folder / _NAME).stat().st_mtime
    except (OSError, InputError):
        return None
    return Holding(
        key=key,
        size_bytes=size_bytes,
        disk_bytes=disk_bytes(size_bytes if unpacked_bytes is None else unpacked_bytes, objects),
        whole=True,
        last_used=last_used,
        filled_at=filled_at,
        near_bytes=near_bytes,
    )


def sync_folder(path: Path) -> None:
    """Have the disk keep the names in a folder.

    Raises:
        OSError: it refuses.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
