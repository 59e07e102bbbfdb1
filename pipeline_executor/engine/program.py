"""A compiled pipeline as the engine runs it: every name resolved to what it names, every text parsed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pipeline_executor.engine.expressions import Expression
from pipeline_executor.engine.records import LaunchKind
from pipeline_executor.engine.templates import Item, Template
from pipeline_splitter.kfp.bindings import FromInput, FromTask, Origin
from pipeline_splitter.kfp.components import Selected


@dataclass(frozen=True, slots=True)
class ParameterSlot:
    """An input parameter of a component.

    Attributes:
        kind: its type, as `values` names them; "" where none is said.
        default: means nothing without `has_default`; texts in it may hold placeholders.
        choices: the values that it may have; empty: any.
    """

    kind: str
    optional: bool = False
    has_default: bool = False
    default: Any = None
    choices: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class ArtifactSlot:
    """An input or output artifact of a component."""

    type: Mapping[str, Any]
    is_list: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Signature:
    """The inputs and outputs of a component. `output_parameters`: name to type."""

    parameters: Mapping[str, ParameterSlot]
    artifacts: Mapping[str, ArtifactSlot]
    output_parameters: Mapping[str, str]
    output_artifacts: Mapping[str, ArtifactSlot]


@dataclass(frozen=True, slots=True)
class ParameterBinding:
    """The binding of an input parameter; `selector` is applied to its value."""

    origin: Origin
    selector: Expression | None = None


@dataclass(frozen=True, slots=True)
class PlatformReference:
    """A place in an executor's platform configuration that stands for a value."""

    location: tuple[str | int, ...]
    binding: ParameterBinding


@dataclass(frozen=True, slots=True)
class Container:
    """A container that runs in a pod.

    Attributes:
        requests, limits: quantities by resource name.
        accelerator: type and count; None: none.
        platform: the executor's entry in the platform document.
        timeout_seconds: None: none.
    """

    image: Template
    command: tuple[Item, ...]
    args: tuple[Item, ...]
    env: tuple[tuple[str, Template], ...]
    requests: Mapping[str, Template]
    limits: Mapping[str, Template]
    accelerator: tuple[Template, Template] | None
    platform: Mapping[str, Any]
    references: tuple[PlatformReference, ...]
    timeout_seconds: int | None
    kind: LaunchKind
    workspace: bool


@dataclass(frozen=True, slots=True)
class Importer:
    """An importer, which makes an artifact of a URI in the engine itself.

    Attributes:
        uri: as it is written; None: the input `parameter` holds it.
        metadata: texts in it, keys included, may hold placeholders.
    """

    uri: Template | None
    parameter: str
    type: Mapping[str, Any]
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Dag:
    """Tasks, each after those that it waits for; and what the outputs are taken from.

    Attributes:
        height: how many dags there are within each other, itself included.
    """

    tasks: "tuple[Task, ...]"
    output_parameters: Mapping[str, tuple[Selected, ...]]
    output_artifacts: Mapping[str, tuple[Selected, ...]]
    height: int

    @property
    def leaves(self) -> int:
        """The number of tasks inside that aren't dags, each loop counted once; an empty dag counts as one."""
        return max(1, sum(task.leaves for task in self.tasks))


Body: TypeAlias = Container | Importer | Dag


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop over items, with a task's iteration for each.

    Attributes:
        item: the input that receives it.
        source: the task's input that holds the items; None: they are `items`.
        items: written down; texts in them may hold placeholders.
        parallelism: how many iterations may run at once; 0: all.
    """

    item: str
    source: str | None
    items: tuple[Any, ...]
    is_artifact: bool
    parallelism: int


@dataclass(frozen=True, slots=True)
class Retry:
    """The retry policy of a task: how often, and how long after a failure."""

    most: int = 0
    backoff_seconds: float = 0.0
    factor: float = 2.0
    most_seconds: float = 3600.0


@dataclass(frozen=True, slots=True)
class Task:
    """One task of a dag.

    Attributes:
        path_name: what its path has for it; its name, but for tasks of a split pipeline that are called otherwise.
        upstream: names of those beside it that it waits for.
        waits_for_all: it runs once these have ended, however they ended: exit handlers, and what ignores failures.
        leaves: tasks inside that aren't dags, with each loop counted once.
    """

    name: str
    path_name: str
    signature: Signature
    body: Body
    parameters: Mapping[str, ParameterBinding]
    artifacts: Mapping[str, FromInput | FromTask]
    upstream: tuple[str, ...]
    condition: Expression | None
    loop: Loop | None
    waits_for_all: bool
    retry: Retry
    caching: bool
    cache_key: str
    leaves: int

    def statically_inside(self, path: str) -> "Iterator[tuple[str, Task]]":
        """Itself and the tasks inside whose paths don't depend on the items of a loop, with their paths."""
        yield path, self
        if self.loop is None and isinstance(self.body, Dag):
            for task in self.body.tasks:
                yield from task.statically_inside(f"{path}/{task.path_name}")


@dataclass(frozen=True, slots=True)
class Program:
    """A whole pipeline.

    Attributes:
        workspace: the platform document's `pipelineConfig.workspace`; None: there is none.
    """

    name: str
    root: Dag
    signature: Signature
    defaults: Mapping[str, Any] = field(default_factory=dict)
    workspace: Mapping[str, Any] | None = None
