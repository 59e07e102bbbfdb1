"""Records of a workflow, whatever version of the format. Units: seconds, cores, bytes; None: not recorded."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RecordedTask:
    """One task. `place` is where in the file it stands, for errors."""

    name: str
    place: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    parents: tuple[str, ...]
    children: tuple[str, ...]
    seconds: float | None
    cores: float | None


@dataclass(frozen=True, slots=True)
class Recording:
    """The whole workflow. Every file that a task reads or writes has an entry in `sizes`."""

    tasks: Mapping[str, RecordedTask]
    sizes: Mapping[str, float | None]
