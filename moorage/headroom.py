"""Headroom below a container's memory limit: a put that would exceed it is refused, before the kernel kills.

What is written to a tmpfs is charged to whoever writes it first. Beyond the limit, the kernel doesn't fail the write:
it ends a process of the container. So a writer looks first. Pure, but for `headroom`, which reads what the kernel says.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

_ROOT: Final = Path("/sys/fs/cgroup")
_OWN: Final = Path("/proc/self/cgroup")
_MOUNTS: Final = Path("/proc/self/mountinfo")
_MOST_DEPTH: Final = 64
_UNLIMITED_BYTES: Final = 1 << 60
"""Version 1 writes a number where there is no limit: the largest that pages can count."""
_SLACK_BYTES: Final = 1 << 20
_SLACK_SHARE: Final = 128
"""The kernel's own bookkeeping of the pages is charged, too."""


@dataclass(frozen=True, slots=True)
class Version:
    """The files of a version of control groups.

    Attributes:
        limit: the most that a group may take.
        usage: what it takes.
        prefix: of what `memory.stat` says of a group and all below it.
    """

    limit: str
    usage: str
    prefix: str = ""


_V2: Final = Version("memory.max", "memory.current")
_V1: Final = Version("memory.limit_in_bytes", "memory.usage_in_bytes", "total_")


@dataclass(frozen=True, slots=True)
class Headroom:
    """The rest of the tightest limit.

    Attributes:
        left_bytes: that may still be charged, once what the kernel can drop is dropped.
        limit_bytes: of the group.
    """

    left_bytes: int
    limit_bytes: int

    def holds(self, size_bytes: int) -> bool:
        """Whether an object has room."""
        return size_bytes + size_bytes // _SLACK_SHARE + _SLACK_BYTES <= self.left_bytes


def headroom(root: Path = _ROOT, own: Path = _OWN) -> Headroom | None:
    """Return what this process may still take; None where nothing limits it, or nobody can say."""
    try:
        groups = own.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = [each for folder, version in folders(groups, root) if (each := left(folder, version)) is not None]
    return min(found, key=lambda each: each.left_bytes, default=None)


def folders(groups: str, root: Path) -> Iterator[tuple[Path, Version]]:
    """The folders of a process's memory groups and of those above them, as far as they are seen here.

    Args:
        groups: what `/proc/self/cgroup` says.
        root: where control groups are mounted.
    """
    for line in groups.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:
            mounted, version = root, _V2
        elif "memory" in controllers.split(","):
            mounted, version = root / "memory", _V1
        else:
            continue
        inside = PurePosixPath(path.lstrip("/"))
        if ".." not in inside.parts:  # a group beside the root that is mounted here: only that root is seen
            for above in [inside, *inside.parents][:_MOST_DEPTH]:
                yield mounted / above, version
        else:
            yield mounted, version


def left(folder: Path, version: Version) -> Headroom | None:
    """Return the rest of one group's limit; None where it has none, or does not say."""
    try:
        limit = (folder / version.limit).read_text(encoding="ascii").strip()
        if limit == "max" or int(limit) >= _UNLIMITED_BYTES:
            return None
        used = int((folder / version.usage).read_text(encoding="ascii"))
        stat = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
        of: Callable[[str], int] = lambda key: int(stat.get(f"{version.prefix}{key}", 0))  # noqa: E731 - typed
        # Files that are cached can be dropped, but for what is mapped. What lies on a tmpfs is counted among neither.
        mapped = of("file_mapped" if version is _V2 else "mapped_file")
        droppable = max(0, of("inactive_file") + of("active_file") - mapped)
    except (OSError, ValueError):
        return None
    return Headroom(int(limit) - used + droppable, int(limit))


def is_in_memory(directory: Path, mounts: Path = _MOUNTS) -> bool:
    """Whether what is written to a directory takes memory, and not a disk; False where nobody can say."""
    try:
        device = directory.stat().st_dev
        lines = mounts.read_bytes().splitlines()
    except OSError:
        return False
    name = f"{os.major(device)}:{os.minor(device)}".encode()
    return any(line.split()[2:3] == [name] and b" - tmpfs " in line for line in lines)
