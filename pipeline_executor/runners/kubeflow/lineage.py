"""ML Metadata's knowledge of a run, as records. Pure.

Kubeflow's drivers and launchers write an execution for each task, loop, iteration and nested pipeline. Each names its
task and the execution that it is inside of (`parent_dag_id`). The root names neither.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

_OURS_TO_DROP: Final = frozenset({"display_name", "store_session_info"})
_OUTPUT_EVENTS: Final = frozenset({1, 4})
"""DECLARED_OUTPUT and OUTPUT."""
_INPUT_EVENTS: Final = frozenset({2, 3})
"""DECLARED_INPUT and INPUT."""


class ExecutionState(IntEnum):
    """The state of an execution, by ML Metadata's number. CANCELED: a branch that was not taken."""

    UNKNOWN = 0
    NEW = 1
    RUNNING = 2
    COMPLETE = 3
    FAILED = 4
    CACHED = 5
    CANCELED = 6


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution of a task.

    Attributes:
        task: its task's name in the pipeline around it; "": the root.
        parent: the execution that it is inside of; 0: none.
        iteration: which one of a loop; None: it is none.
        iterations: how many a loop has; None: it is no loop, or not known yet.
        pod: the name of its pod; "": it has none, or nobody says yet.
        outputs: parameters, as the launcher read them; numbers are floats.
        begun_ms, changed_ms: milliseconds since the epoch.
    """

    id: int
    state: ExecutionState
    task: str = ""
    parent: int = 0
    iteration: int | None = None
    iterations: int | None = None
    pod: str = ""
    outputs: Mapping[str, Any] = field(default_factory=dict)
    begun_ms: int = 0
    changed_ms: int = 0


@dataclass(frozen=True, slots=True)
class StoredArtifact:
    """An artifact; its metadata has whole numbers whole."""

    id: int
    uri: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lineage:
    """The lineage of a run.

    Attributes:
        artifacts: what an execution gave out, by its id and the output's name, in order.
        inputs: the URIs that an execution read, by its id, each once.
    """

    executions: tuple[Execution, ...] = ()
    artifacts: Mapping[int, Mapping[str, tuple[StoredArtifact, ...]]] = field(default_factory=dict)
    inputs: Mapping[int, tuple[str, ...]] = field(default_factory=dict)

    @property
    def root(self) -> Execution | None:
        """The pipeline's own. Of two, made by a run that was submitted twice, the first counts."""
        return min(
            (each for each in self.executions if not each.parent and not each.task),
            key=lambda each: each.id,
            default=None,
        )


def read_execution(message: Any) -> Execution:  # noqa: ANN401 - protobuf has no types
    """Read an execution from ML Metadata's message."""
    given = {key: plain(value) for key, value in message.custom_properties.items()}
    states = {state.value for state in ExecutionState}
    number = message.last_known_state
    return Execution(
        id=message.id,
        state=ExecutionState(number if number in states else 0),
        task=_text(given.get("task_name")),
        parent=_whole(given.get("parent_dag_id")) or 0,
        iteration=_whole(given.get("iteration_index")),
        iterations=_whole(given.get("iteration_count")),
        pod=_text(given.get("pod_name")),
        outputs=outputs if isinstance(outputs := given.get("outputs"), dict) else {},
        begun_ms=message.create_time_since_epoch,
        changed_ms=message.last_update_time_since_epoch,
    )


def read_artifact(message: Any) -> StoredArtifact:  # noqa: ANN401
    """Read an artifact from ML Metadata's message; Kubeflow wraps lists and mappings, and adds entries."""
    metadata = {
        key: made_whole_deeply(_unwrapped(plain(value)))
        for properties in (message.properties, message.custom_properties)
        for key, value in properties.items()
        if key not in _OURS_TO_DROP
    }
    return StoredArtifact(message.id, message.uri, metadata)


def outputs_by_execution(
    events: Iterable[Any], artifacts: Mapping[int, StoredArtifact]
) -> dict[int, dict[str, tuple[StoredArtifact, ...]]]:
    """Return each execution's outputs by name; a list's artifacts are in the order of their events' indexes."""
    found: dict[int, dict[str, list[tuple[int, int, StoredArtifact]]]] = {}
    for order, event in enumerate(events):
        artifact = artifacts.get(event.artifact_id)
        name = next((step.key for step in event.path.steps if step.HasField("key")), "")
        if event.type not in _OUTPUT_EVENTS or artifact is None or not name:
            continue
        index = next((step.index for step in event.path.steps if step.HasField("index")), 0)
        found.setdefault(event.execution_id, {}).setdefault(name, []).append((index, order, artifact))
    return {
        execution: {
            name: tuple(artifact for _, _, artifact in sorted(several, key=lambda each: each[:2]))
            for name, several in names.items()
        }
        for execution, names in found.items()
    }


def inputs_by_execution(events: Iterable[Any], artifacts: Mapping[int, StoredArtifact]) -> dict[int, tuple[str, ...]]:
    """Return the URIs that each execution read, sorted: a list's artifacts, and once one that two inputs share."""
    found: dict[int, set[str]] = {}
    for event in events:
        artifact = artifacts.get(event.artifact_id)
        if event.type in _INPUT_EVENTS and artifact is not None:
            found.setdefault(event.execution_id, set()).add(artifact.uri)
    return {execution: tuple(sorted(uris)) for execution, uris in found.items()}


def plain(value: Any) -> Any:  # noqa: ANN401
    """Return the JSON of a Value, or of a field of a Struct."""
    for name in ("int_value", "double_value", "number_value", "string_value", "bool_value"):
        if name in value.DESCRIPTOR.fields_by_name and value.HasField(name):
            return getattr(value, name)
    if value.HasField("struct_value"):
        return {key: plain(each) for key, each in value.struct_value.fields.items()}
    if "list_value" in value.DESCRIPTOR.fields_by_name and value.HasField("list_value"):
        return [plain(each) for each in value.list_value.values]
    return None


def made_whole_deeply(value: Any) -> Any:  # noqa: ANN401
    """Return a value in which whole numbers are whole at any depth: protobuf's Struct has floats only."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {key: made_whole_deeply(item) for key, item in value.items()}
        case list():
            return [made_whole_deeply(item) for item in value]
    return value


def _unwrapped(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict) and len(value) == 1:
        if isinstance(value.get("list"), list):
            return value["list"]
        if isinstance(value.get("struct"), dict):
            return value["struct"]
    return value


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
