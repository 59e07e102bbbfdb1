"""A pipeline as the planner sees it: frozen records, whatever language it was written in.

A *task* is what is placed: one container, or one unit (an outermost loop, condition or exit-handler body). A *step* is
one container, importer or control node inside a task; governance flows along steps. A *datum* is what is brought to a
site as a whole: an artifact, a dataset, a file.

Units: bytes, seconds, cores; CPU-seconds are core-seconds at speed 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from moorage.model import DatasetRef, DatasetUse, Reader


class Language(StrEnum):
    """The language of a pipeline's document."""

    KFP = "kfp"
    WFFORMAT = "wfformat"


class DatumKind(StrEnum):
    """The kind of a datum, as a plan names it."""

    ARTIFACT = "artifact"
    DATASET = "dataset"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Datum:
    """A datum, brought to a site as a whole, at most once.

    Attributes:
        key: unique in the graph. KFP: `<task>.<output>` with the task that writes it (a unit's output under the unit's
            path), `namespace/name` of a whole dataset, or an input's name where a hint gives that input its own bytes.
            WfFormat: the file's id, `namespace/name` of a whole dataset.
        producer: the task that writes it; None for what is there before the pipeline runs.
        size_bytes: at least 0.
        dataset: whose sources hold it. None with producer None: present everywhere (such data are left out of `reads`).
        assumed: whether the size is a default.
    """

    key: str
    kind: DatumKind
    producer: str | None
    size_bytes: float
    dataset: DatasetRef | None = None
    assumed: bool = False


class Role(StrEnum):
    """The role of a step."""

    CONTAINER = "container"
    IMPORTER = "importer"
    """Not a task: no cost and no site; passes on its inputs' map."""
    CONTROL = "control"
    """What a loop or a condition itself reads (iterated items, the condition's operands): a read without a container,
    bound by the site rules alone."""


@dataclass(frozen=True, slots=True)
class Read:
    """One artifact that a step reads.

    Attributes:
        input: the step's input name; in WfFormat the file's id.
        step: the step whose output it is (its map flows); None for what no step writes.
        output: that step's output name; in WfFormat the file's id.
        datum: key of what must be brought; None where it is made inside the same task or is present everywhere.
        dataset: the dataset that this very input is (an importer's artifact has it too, through its step).
        is_list: a list of artifacts: both ends stay in one group.
    """

    input: str
    step: str | None = None
    output: str = ""
    datum: str | None = None
    dataset: DatasetRef | None = None
    is_list: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One container, importer or control node.

    Attributes:
        name: path from the root, as `train/evaluate`; unique.
        task: name of the task that it is, or is inside of; "" for an importer outside of every unit.
        reader: account and purpose; None for importers and control nodes.
        uses: what its labels say (and the hint `accepts`, merged in).
        container_digest: SHA-256 of the canonical JSON of {image, command, args}; None where it has no container.
        reads: artifacts, in order of input name.
        parameters_from: steps whose output parameters it reads: their maps flow.
        dataset: an importer's: the dataset whose source holds its URI.
        accepts: (dataset, release) that this step takes in the released form.
        namespace_assumed: nobody said in which namespace its reader is.
    """

    name: str
    task: str
    role: Role = Role.CONTAINER
    reader: Reader | None = None
    uses: tuple[DatasetUse, ...] = ()
    container_digest: str | None = None
    reads: tuple[Read, ...] = ()
    parameters_from: tuple[str, ...] = ()
    dataset: DatasetRef | None = None
    accepts: frozenset[tuple[DatasetRef, str]] = frozenset()
    namespace_assumed: bool = False


@dataclass(frozen=True, slots=True)
class Pin:
    """A pin, which tells a task its sites."""

    sites: frozenset[str]
    by: str
    """The pin's origin, for sentences: `annotation moorage.dev/site` or `hint sites`."""
    place: str = field(default="", compare=False)
    """The place of the hint that pins, as `tasks[train].sites`."""


@dataclass(frozen=True, slots=True)
class Task:
    """A task to place: one entry of the plan.

    Attributes:
        steps: its steps, in topological order; one for a plain task.
        seconds: wall time at speed 1; of a unit, the longest path through it.
        cpu_seconds: core-seconds at speed 1: for a plain task seconds times cores; for a unit those of all its tasks,
            all iterations and branches counted.
        requests: what its largest container asks of a node: `cpu` in cores, `memory` in bytes, others by resource name.
        reads: keys of the data that it reads and that are made elsewhere; sorted, without repetition.
        pins: None: anywhere.
        assumed: `seconds`, `cpu`, ... whatever is a default.
        is_unit: a loop, condition or exit-handler body.
        release: set on an inserted task only: (dataset, release name).
        title: what the pipeline's author calls it for people; "" where that is its name.
    """

    name: str
    steps: tuple[Step, ...]
    seconds: float
    cpu_seconds: float
    requests: Mapping[str, float] = field(default_factory=dict)
    reads: tuple[str, ...] = ()
    pins: tuple[Pin, ...] = ()
    assumed: tuple[str, ...] = ()
    is_unit: bool = False
    release: tuple[DatasetRef, str] | None = None
    title: str = ""

    @property
    def inserted(self) -> bool:
        """Whether the planner inserted it."""
        return self.release is not None


@dataclass(frozen=True, slots=True)
class ParameterEdge:
    """A parameter that one task writes and another reads. Moves no bytes; orders; its map flows."""

    producer: str
    output: str
    consumer: str
    input: str


@dataclass(frozen=True, slots=True)
class Graph:
    """The whole pipeline.

    Attributes:
        name: the name of the pipeline.
        digest: SHA-256 of it as canonical JSON (KFP: of the list of its documents).
        tasks: by name, sorted.
        importers: steps with role importer that are inside no unit, in topological order.
        data: by key.
        parameters: crossing from task to task; constants and the pipeline's own inputs are none.
        order: (earlier, later) task names: order-only edges, references in the platform document, importers' order.
        together: sets of tasks that must stay in one group (one PVC, the workspace, list edges, ...), as the pipeline
            says it: not merged, not closed under paths.
        warnings: sentences for the person who planned.
    """

    name: str
    digest: str
    language: Language
    tasks: Mapping[str, Task]
    importers: tuple[Step, ...] = ()
    data: Mapping[str, Datum] = field(default_factory=dict)
    parameters: tuple[ParameterEdge, ...] = ()
    order: frozenset[tuple[str, str]] = frozenset()
    together: tuple[frozenset[str], ...] = ()
    warnings: tuple[str, ...] = ()

    def edges(self) -> frozenset[tuple[str, str]]:
        """Return every dependency between two different tasks: by data, parameter or order."""
        by_data = {
            (producer, task.name)
            for task in self.tasks.values()
            for key in task.reads
            if (producer := self.data[key].producer) is not None
        }
        by_parameter = {(edge.producer, edge.consumer) for edge in self.parameters}
        return frozenset(pair for pair in by_data | by_parameter | self.order if pair[0] != pair[1])
