"""What /proc/self/mountinfo says (pure, but for `read`). Reading it asks no file system anything: it never blocks."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_ESCAPED: Final = re.compile(rb"\\([0-7]{3})")
_FIELDS_BEFORE_OPTIONAL: Final = 6


@dataclass(frozen=True, slots=True)
class Mount:
    """One line.

    Attributes:
        mount_id: unique while the mount exists.
        parent_id: the mount on which this one lies.
        device: of the file system, as `0:57`.
        root: what of the file system is mounted.
        mount_point: where, as this process sees it.
        options: of the mount (`ro`, `nosuid` ...), not of the file system.
        shared: mounts made on it appear in the namespaces of its peers.
        fs_type: as `ext4` or `fuse.moorage`.
    """

    mount_id: int
    parent_id: int
    device: str
    root: str
    mount_point: str
    options: frozenset[str]
    shared: bool
    fs_type: str
    source: str


def read(path: Path = Path("/proc/self/mountinfo")) -> list[Mount]:
    """Read the mounts of this process's namespace."""
    return parse(path.read_bytes())


def parse(text: bytes) -> list[Mount]:
    """Parse all lines; a line that is none is left out, as a mount that we can't name can't be ours."""
    return [mount for line in text.splitlines() if (mount := _parse_line(line)) is not None]


def stack_at(mounts: Iterable[Mount], mount_point: str) -> list[Mount]:
    """Give what lies at a path, the lowest first.

    Each lies on the one before it; what else has this mount point (hidden below another mount of a parent directory)
    comes first.
    """
    here = {mount.mount_id: mount for mount in mounts if mount.mount_point == mount_point}

    def height(mount: Mount) -> int:
        steps = 0
        while mount.parent_id in here and mount.parent_id != mount.mount_id:
            mount = here[mount.parent_id]
            steps += 1
        return steps

    return sorted(here.values(), key=lambda mount: (height(mount), mount.mount_id))


def _parse_line(line: bytes) -> Mount | None:
    front, separator, back = line.partition(b" - ")
    fields, types = front.split(), back.split()
    if not separator or len(fields) < _FIELDS_BEFORE_OPTIONAL or len(types) < 2:  # noqa: PLR2004 - type and source
        return None
    return Mount(
        mount_id=int(fields[0]),
        parent_id=int(fields[1]),
        device=fields[2].decode(),
        root=_unescape(fields[3]),
        mount_point=_unescape(fields[4]),
        options=frozenset(fields[5].decode().split(",")),
        shared=any(option.startswith(b"shared:") for option in fields[_FIELDS_BEFORE_OPTIONAL:]),
        fs_type=types[0].decode(errors="surrogateescape"),
        source=_unescape(types[1]),
    )


def _unescape(field: bytes) -> str:
    return _ESCAPED.sub(lambda found: bytes([int(found[1], 8)]), field).decode(errors="surrogateescape")
