"""One control group per node, in every hierarchy of version 1, or in the single one of version 2."""

import contextlib
import errno
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# The controllers that pods need on version 2; the others are passed on where the kernel has them.
_CONTROLLERS_V2 = ("cpuset", "cpu", "io", "memory", "pids", "hugetlb", "misc", "rdma")
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Hierarchy:
    """A mounted control group file system."""

    path: Path
    version: int


def mounted(mountinfo: str | None = None) -> list[Hierarchy]:
    """Return every hierarchy, read from the text of /proc/self/mountinfo."""
    text = Path("/proc/self/mountinfo").read_text() if mountinfo is None else mountinfo
    found: dict[Path, Hierarchy] = {}
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        kind = after.split(" ", 1)[0]
        if kind in {"cgroup", "cgroup2"}:
            path = Path(before.split(" ")[4])
            found[path] = Hierarchy(path, 2 if kind == "cgroup2" else 1)
    return list(found.values())


def hierarchies(mountinfo: str | None = None) -> list[Hierarchy]:
    """Return the hierarchies that carry controllers.

    Where both versions are mounted, version 2 carries none and is left out; runc makes groups there even so, which is
    why whoever removes groups looks at all that are mounted.
    """
    found = mounted(mountinfo)
    return [hierarchy for hierarchy in found if hierarchy.version == 1] or found


def create(name: str, among: list[Hierarchy]) -> None:
    """Make the group at the top of each hierarchy, ready for processes and subgroups.

    Raises:
        OSError: the kernel does not permit it.
    """
    for hierarchy in among:
        group = hierarchy.path / name
        if hierarchy.version == 2:  # noqa: PLR2004 - a version
            _give_controllers(hierarchy.path)
            group.mkdir(exist_ok=True)
            _give_controllers(group)
        else:
            group.mkdir(exist_ok=True)
            # A new cpuset of version 1 has no processors and no memory, and takes no process until it has.
            for file in ("cpuset.cpus", "cpuset.mems"):
                if (group / file).exists():
                    (group / file).write_text((hierarchy.path / file).read_text())


def processes(name: str, among: list[Hierarchy]) -> set[int]:
    """Return every process in the group and below it."""
    found: set[int] = set()
    for group in _groups(name, among):
        with contextlib.suppress(OSError):
            found.update(int(line) for line in (group / "cgroup.procs").read_text().split())
    return found - {0}


def remove(name: str, among: list[Hierarchy], *, seconds: float = 10) -> list[Path]:
    """Kill what is in the group, then remove it; returns the groups that are left (a process stuck in the kernel)."""
    deadline = time.monotonic() + seconds
    while True:
        for pid in processes(name, among):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        # Deepest first, as only an empty group can go.
        for group in _groups(name, among):
            with contextlib.suppress(OSError):
                group.rmdir()
        left = list(_groups(name, among))
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(_POLL_SECONDS)


def _groups(name: str, among: list[Hierarchy]) -> Iterator[Path]:
    for hierarchy in among:
        for folder, _, _ in os.walk(hierarchy.path / name, topdown=False):
            yield Path(folder)


def _give_controllers(group: Path) -> None:
    available = (group / "cgroup.controllers").read_text().split()
    wanted = [controller for controller in _CONTROLLERS_V2 if controller in available]
    for attempt in range(2):
        try:
            for controller in wanted:
                (group / "cgroup.subtree_control").write_text(f"+{controller}")
        except OSError as error:
            # In a container the topmost group that is seen is not the kernel's, and may not hold processes and hand on
            # controllers at once; so its processes move down, as Docker-in-Docker's do.
            if error.errno != errno.EBUSY or attempt:
                raise
            make_room(group)


def make_room(group: Path) -> None:
    """Move the processes of a group of version 2 into a group below it; kernel threads, which can't move, stay."""
    below = group / "processes"
    below.mkdir(exist_ok=True)
    for pid in (group / "cgroup.procs").read_text().split():
        with contextlib.suppress(OSError):
            (below / "cgroup.procs").write_text(pid)
