"""What a PipelineGroup's status says. Pure: the same facts give the same status, which is written if it changed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from moorage.runs import GroupPhase, ImportSpec, TaskPhase
from moorage.runs.pipelines import MOST_TASKS_IN_STATUS
from pipeline_executor.runners.protocol import TaskState
from pipeline_executor.spoke.importing import Arrival

Raw = Mapping[str, Any]

_LONGEST_MESSAGE: Final = 2000
_LONGEST_TASK_MESSAGE: Final = 300
_MOST_IMPORTS: Final = 500

ACCEPTED, IMPORTED, COMPLETE = "Accepted", "Imported", "Complete"


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition; `status` None: unknown."""

    type: str
    status: bool | None
    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a status is made of.

    Attributes:
        imports: each with how far it is.
        tasks: by path; None: not known now, so that what was said stays.
        conditions: those that are known now; the others stay.
        exports: how many are published.
    """

    phase: GroupPhase
    message: str = ""
    generation: int = 0
    imports: Sequence[tuple[ImportSpec, Arrival]] = ()
    tasks: Mapping[str, TaskState] | None = None
    exports: int = 0
    conditions: Sequence[Condition] = field(default_factory=tuple)


def status_of(facts: Facts, before: Raw, now: str) -> dict[str, Any]:
    """The status.

    Args:
        facts: what holds.
        before: the status as it is; times in it are kept where nothing changed.
        now: RFC 3339.
    """
    status: dict[str, Any] = {"phase": facts.phase.value, "observedGeneration": facts.generation}
    if facts.message:
        status["message"] = _shortened(facts.message, _LONGEST_MESSAGE)
    begun = before.get("startTime") or (now if facts.phase is not GroupPhase.WAITING else None)
    if begun:
        status["startTime"] = begun
    if facts.phase.is_final:
        status["completionTime"] = before.get("completionTime") or now
    status |= _tasks(facts.tasks, before)
    imports = _imports(facts.imports, before)
    if imports:
        status["imports"] = imports
    status["exportsPublished"] = facts.exports
    status["conditions"] = _conditions(facts.conditions, before.get("conditions") or (), now)
    return status


def _tasks(tasks: Mapping[str, TaskState] | None, before: Raw) -> dict[str, Any]:
    if tasks is None:
        return {key: before[key] for key in ("tasks", "taskCounts") if key in before}
    counts = Counter(state.phase.value for state in tasks.values())
    made: dict[str, Any] = {"taskCounts": dict(sorted(counts.items()))} if counts else {}
    if len(tasks) <= MOST_TASKS_IN_STATUS:
        made["tasks"] = [_task(path, state) for path, state in sorted(tasks.items())]
    return made


def _task(path: str, state: TaskState) -> dict[str, Any]:
    optional = {
        "attempt": state.attempt,
        "message": _shortened(state.message, _LONGEST_TASK_MESSAGE),
        "startTime": state.start,
        "completionTime": state.end,
        "node": state.node,
    }
    return {"name": path, "phase": state.phase.value, **{key: value for key, value in optional.items() if value}}


def _imports(imports: Sequence[tuple[ImportSpec, Arrival]], before: Raw) -> list[dict[str, Any]]:
    known = {each.get("parameter"): each for each in before.get("imports") or ()}
    made = []
    for spec, arrival in imports[:_MOST_IMPORTS]:
        said = known.get(spec.parameter)
        if said is not None and said.get("phase") == TaskPhase.SUCCEEDED.value:
            made.append(dict(said))  # what an earlier process measured
            continue
        entry: dict[str, Any] = {"parameter": spec.parameter, "site": spec.site, "phase": arrival.phase.value}
        if spec.artifact is not None:
            entry["artifact"] = spec.artifact
        else:
            entry["value"] = spec.value
        if arrival.size_bytes:
            entry |= {"bytes": arrival.size_bytes, "bytesDone": arrival.bytes_done}
        if arrival.phase.is_final:
            entry["seconds"] = f"{arrival.seconds:.3f}"
        if arrival.problem or arrival.message:
            entry["message"] = _shortened(arrival.problem or arrival.message, _LONGEST_TASK_MESSAGE)
        made.append(entry)
    return made


def _conditions(given: Sequence[Condition], before: Sequence[Raw], now: str) -> list[dict[str, Any]]:
    known = {each.get("type"): each for each in before}
    made = {str(kind): dict(each) for kind, each in known.items()}
    for condition in given:
        status = {True: "True", False: "False", None: "Unknown"}[condition.status]
        former = known.get(condition.type) or {}
        same = former.get("status") == status
        made[condition.type] = {
            "type": condition.type,
            "status": status,
            "reason": condition.reason,
            "message": _shortened(condition.message, _LONGEST_MESSAGE),
            "lastTransitionTime": former["lastTransitionTime"] if same else now,
        }
    return [made[kind] for kind in sorted(made)]


def _shortened(text: str, longest: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 3]}..."
