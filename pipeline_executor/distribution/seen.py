"""A PipelineGroup as the hub sees it: what it asked for, and what the spoke says of it. Pure.

A spoke is trusted with its own site only: what its status says is bounded here, and whatever can't be read of it counts
as not said.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from moorage.runs import GroupPhase, GroupSpec, RunRef, TaskPhase
from moorage.runs.pipelines import MOST_TASKS_IN_STATUS
from moorage.wire import read_pipeline_group

_LONGEST_MESSAGE = 1024
_LONGEST_TASK_MESSAGE = 300
_LONGEST_NAME = 1024
_MOST_IMPORTS = 4096
_MOST_NUMBER = 2**63 - 1

P = TypeVar("P", GroupPhase, TaskPhase)


@dataclass(frozen=True, slots=True)
class SeenTask:
    """One task in a group's status."""

    name: str
    phase: TaskPhase
    attempt: int = 1
    message: str = ""


@dataclass(frozen=True, slots=True)
class Brought:
    """One import that a spoke brings to its site. `what` is `<task>.<output>`; `size_bytes`: as far as it arrived."""

    what: str
    origin: str
    size_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class SeenGroup:
    """A PipelineGroup. `phase` None: the spoke has said nothing yet."""

    namespace: str
    name: str
    uid: str
    run: RunRef
    group: str
    attempt: int
    site: str
    cancel: bool = False
    phase: GroupPhase | None = None
    message: str = ""
    start: str = ""
    end: str = ""
    tasks: tuple[SeenTask, ...] = ()
    task_counts: tuple[tuple[TaskPhase, int], ...] = ()
    imports: tuple[Brought, ...] = ()

    @property
    def is_final(self) -> bool:
        """Whether nothing of it runs any more."""
        return self.phase is not None and self.phase.is_final


def read_seen(raw: Mapping[str, Any]) -> SeenGroup:
    """Read a raw PipelineGroup.

    Raises:
        InputError: its spec is none that a hub writes.
    """
    group = read_pipeline_group(raw)
    spec: GroupSpec = group.spec
    status = _mapping(raw.get("status"))
    return SeenGroup(
        namespace=group.namespace,
        name=group.name,
        uid=group.uid,
        run=spec.run,
        group=spec.group,
        attempt=spec.attempt,
        site=spec.site,
        cancel=spec.cancel,
        phase=_phase(GroupPhase, status.get("phase")),
        message=_text(status.get("message"), _LONGEST_MESSAGE),
        start=_text(status.get("startTime"), 40),
        end=_text(status.get("completionTime"), 40),
        tasks=tuple(_tasks(status.get("tasks"))),
        task_counts=tuple(_counts(status.get("taskCounts"))),
        imports=tuple(_imports(status.get("imports"))),
    )


def _tasks(raw: object) -> list[SeenTask]:
    found = []
    for entry in _list(raw, MOST_TASKS_IN_STATUS):
        phase = _phase(TaskPhase, entry.get("phase"))
        name = _text(entry.get("name"), _LONGEST_NAME)
        if name and phase is not None:
            message = _text(entry.get("message"), _LONGEST_TASK_MESSAGE)
            found.append(SeenTask(name, phase, max(_count(entry.get("attempt")), 1), message))
    return found


def _counts(raw: object) -> list[tuple[TaskPhase, int]]:
    counts = _mapping(raw)
    return [(phase, _count(counts.get(phase.value))) for phase in TaskPhase if _count(counts.get(phase.value))]


def _imports(raw: object) -> list[Brought]:
    found = []
    for entry in _list(raw, _MOST_IMPORTS):
        what = _text(entry.get("artifact") or entry.get("value"), _LONGEST_NAME)
        seconds = entry.get("seconds")
        if what:
            arrived = entry.get("phase") in (None, TaskPhase.SUCCEEDED.value)
            size_bytes = _count(entry.get("bytes" if arrived else "bytesDone"))
            found.append(Brought(what, _text(entry.get("site"), 63), size_bytes, _seconds(seconds)))
    return found


def _seconds(raw: object) -> float:
    try:
        seconds = float(raw) if isinstance(raw, (int, float, str)) else 0.0
    except ValueError:
        return 0.0
    return seconds if 0 <= seconds < 1e12 else 0.0  # noqa: PLR2004 - what no transfer takes


def _phase(kind: type[P], raw: object) -> P | None:
    try:
        return kind(str(raw))
    except ValueError:
        return None


def _mapping(raw: object) -> Mapping[str, Any]:
    return raw if isinstance(raw, Mapping) else {}


def _list(raw: object, most: int) -> list[Mapping[str, Any]]:
    return [entry for entry in raw[:most] if isinstance(entry, Mapping)] if isinstance(raw, list) else []


def _text(raw: object, most: int) -> str:
    return raw[:most] if isinstance(raw, str) else ""


def _count(raw: object) -> int:
    return raw if isinstance(raw, int) and not isinstance(raw, bool) and 0 <= raw <= _MOST_NUMBER else 0
