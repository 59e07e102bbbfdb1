"""A recording and hints, as a graph. Units: seconds, cores, bytes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

from moorage.errors import InputError
from moorage.model import Dataset, DatasetRef, Reader
from moorage.policy import effective_purpose
from pipeline_splitter.documents.shown import shortened, shown
from pipeline_splitter.graph import Datum, DatumKind, Graph, Language, Pin, Read, Step, Task
from pipeline_splitter.hints import Hints, TaskHint
from pipeline_splitter.reading_hints import refuse_unknown_names
from pipeline_splitter.wfformat.recording import RecordedTask, Recording

_UNKNOWN_CORES = 1.0
_SHOWN = 6
_NOTHING_SAID = TaskHint()


def build(  # noqa: PLR0913 - what a graph is made of
    recording: Recording,
    hints: Hints,
    datasets: Mapping[DatasetRef, Dataset],
    subject: str,
    *,
    name: str,
    digest: str,
) -> Graph:
    """Make the graph of `recording`.

    Raises:
        InputError: a file has two writers, an edge leads nowhere or in a circle, or a hint names nothing.
    """
    writer_of = _writers(recording, subject)
    refuse_unknown_names(
        hints,
        tasks=recording.tasks,
        inputs=recording.sizes.keys() - writer_of.keys(),
        artifacts=recording.sizes,
    )
    files = _Files(recording, writer_of, hints, datasets, subject)
    tasks = {name: _task(recording.tasks[name], files, hints) for name in sorted(recording.tasks)}
    graph = Graph(
        name=name,
        digest=digest,
        language=Language.WFFORMAT,
        tasks=tasks,
        data={key: files.data[key] for key in sorted(files.data)},
        order=_order(recording, tasks, files.data, subject),
        warnings=tuple(_warnings(recording, hints)),
    )
    _refuse_cycle(graph, subject)
    return graph


def _writers(recording: Recording, subject: str) -> dict[str, str]:
    writer_of: dict[str, str] = {}
    for task in recording.tasks.values():
        for file in task.writes:
            other = writer_of.setdefault(file, task.name)
            if other != task.name:
                one, two = sorted((other, task.name))
                raise InputError(
                    subject,
                    task.place,
                    f"file {shown(file)} is written by {shown(one)} and by {shown(two)}: give each its own file",
                )
    return writer_of


@dataclass(slots=True)
class _Files:
    """The data of files, made as they are asked for; outputs are there from the start."""

    recording: Recording
    writer_of: Mapping[str, str]
    hints: Hints
    datasets: Mapping[DatasetRef, Dataset]
    subject: str
    data: dict[str, Datum] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for file, writer in self.writer_of.items():
            size, assumed = self._size(file)
            self._add(Datum(file, DatumKind.FILE, writer, size, assumed=assumed))

    def read(self, task: str, file: str) -> Read | None:
        """Return a task's read of a file; None where nothing is to be brought and no rule is read with it."""
        writer = self.writer_of.get(file)
        if writer is not None:
            return None if writer == task else Read(file, step=writer, output=file, datum=file)
        hint = self.hints.inputs.get(file)
        if hint is None:
            return None
        return Read(file, datum=self._dataset_datum(file, hint.dataset, hint.size_bytes), dataset=hint.dataset)

    def _dataset_datum(self, file: str, ref: DatasetRef, size_bytes: float | None) -> str:
        """Return the dataset as a whole, or, where a hint gives the file bytes of its own, the file."""
        own = self.hints.artifacts.get(file) if size_bytes is None else size_bytes
        if own is not None:
            return self._add(Datum(file, DatumKind.FILE, None, own, ref))
        dataset = self.datasets.get(ref)
        known = None if dataset is None else dataset.status.size_bytes
        size = self.hints.defaults.artifact_bytes if known is None else known
        return self._add(Datum(str(ref), DatumKind.DATASET, None, size, ref, assumed=known is None))

    def _size(self, file: str) -> tuple[float, bool]:
        hinted = self.hints.artifacts.get(file)
        known = self.recording.sizes[file] if hinted is None else hinted
        return (self.hints.defaults.artifact_bytes, True) if known is None else (known, False)

    def _add(self, datum: Datum) -> str:
        if self.data.setdefault(datum.key, datum) != datum:
            raise InputError(
                self.subject, f"file {shown(datum.key)}", "has the name of a dataset that is read, too: rename the file"
            )
        return datum.key


def _task(recorded: RecordedTask, files: _Files, hints: Hints) -> Task:
    hint = hints.tasks.get(recorded.name, _NOTHING_SAID)
    defaults = hints.defaults
    seconds, seconds_assumed = _first(hint.seconds, recorded.seconds, default=defaults.task_seconds)
    cores, cores_assumed = _first(hint.cpu, recorded.cores, default=_UNKNOWN_CORES)
    reads = tuple(read for file in sorted(recorded.reads) if (read := files.read(recorded.name, file)) is not None)
    namespace = hint.namespace or defaults.namespace
    step = Step(
        name=recorded.name,
        task=recorded.name,
        reader=Reader(
            namespace,
            hint.service_account or defaults.service_account,
            effective_purpose(hint.purpose or defaults.purpose, hints.namespace_purposes.get(namespace)),
        ),
        reads=reads,
        accepts=hint.accepts,
        namespace_assumed=hint.namespace is None and not defaults.namespace_said,
    )
    return Task(
        name=recorded.name,
        steps=(step,),
        seconds=seconds,
        cpu_seconds=seconds * cores,
        requests={"cpu": cores},
        reads=tuple(sorted({read.datum for read in reads if read.datum is not None})),
        pins=() if hint.sites is None else (Pin(hint.sites, "hint sites", f"tasks[{recorded.name}].sites"),),
        assumed=("seconds",) * seconds_assumed + ("cpu",) * cores_assumed,
    )


def _first(*known: float | None, default: float) -> tuple[float, bool]:
    """Return the first that is known, and whether it is the default."""
    found = next((value for value in known if value is not None), None)
    return (default, True) if found is None else (found, False)


def _order(
    recording: Recording, tasks: Mapping[str, Task], data: Mapping[str, Datum], subject: str
) -> frozenset[tuple[str, str]]:
    """Parents and children between which no file goes."""
    stated = {
        pair
        for task in recording.tasks.values()
        for key, names in (("parents", task.parents), ("children", task.children))
        for name in names
        for pair in [_edge(task, key, name, recording, subject)]
    }
    return frozenset(stated - {(data[key].producer, task.name) for task in tasks.values() for key in task.reads})


def _edge(task: RecordedTask, key: str, name: str, recording: Recording, subject: str) -> tuple[str, str]:
    place = f"{task.place}.{key}"
    if name not in recording.tasks:
        raise InputError(subject, place, f"{shown(name)} is not a task of this workflow: add it, or correct the name")
    if name == task.name:
        raise InputError(subject, place, f"{shown(name)} waits for itself: remove it")
    return (name, task.name) if key == "parents" else (task.name, name)


def _warnings(recording: Recording, hints: Hints) -> list[str]:
    updated = sorted(task.name for task in recording.tasks.values() if set(task.reads) & set(task.writes))
    counted = sorted(name for name, hint in hints.tasks.items() if hint.iterations is not None)
    found = [f"task {name} reads what it writes itself: that read moves nothing" for name in updated]
    return found + [f"the hint iterations of task {name} means nothing: it is not a loop" for name in counted]


def _refuse_cycle(graph: Graph, subject: str) -> None:
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for earlier, later in sorted(graph.edges()):
        sorter.add(later, earlier)
    try:
        sorter.prepare()
    except CycleError as error:
        circle = error.args[1]
        way = " -> ".join(circle[:_SHOWN]) + (" -> ..." if len(circle) > _SHOWN else "")
        raise InputError(
            subject,
            f"task {shown(circle[0])}",
            f"waits for itself, through {shortened(way)}: remove one of these edges",
        ) from None
