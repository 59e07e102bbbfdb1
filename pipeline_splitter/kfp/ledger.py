"""The intermediate result of the walk: tasks, importers, entries and the edges between them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pipeline_splitter.graph import ParameterEdge, Pin, Step, Task
from pipeline_splitter.kfp.bindings import Given, Said
from pipeline_splitter.kfp.data import DataBook
from pipeline_splitter.kfp.pipeline import Binding, Entry, EntryKind, FinalStatus, PlatformReference
from pipeline_splitter.kfp.scopes import Here, Inputs, Unit
from pipeline_splitter.kfp.sharing import SharingBook
from pipeline_splitter.kfp.values import Value
from pipeline_splitter.kfp.work import Work


@dataclass(frozen=True, slots=True)
class Waits:
    """The predecessors of a task or entry.

    Attributes:
        tasks: that must have ended.
        entries: whoever writes the pipeline down lets it wait for.
    """

    tasks: frozenset[str]
    entries: frozenset[str]


@dataclass(slots=True)
class Ledger:
    """Everything that was found, in topological order."""

    data: DataBook
    sharing: SharingBook = field(default_factory=SharingBook)
    tasks: dict[str, Task] = field(default_factory=dict)
    importers: list[Step] = field(default_factory=list)
    entries: dict[str, Entry] = field(default_factory=dict)
    parameters: set[ParameterEdge] = field(default_factory=set)
    order: set[tuple[str, str]] = field(default_factory=set)
    importers_wait_for: dict[str, frozenset[str]] = field(default_factory=dict)
    used_inputs: set[str] = field(default_factory=set)
    warnings: set[str] = field(default_factory=set)

    def waits(self, here: Here) -> Waits:
        """Return the predecessors by `dependentTasks`, nested pipelines replaced by what is inside."""
        earlier = [here.beside[name] for name in here.task.after]
        return Waits(
            here.scope.before.union(*(each.tasks for each in earlier)),
            here.scope.entries_before.union(*(each.entries for each in earlier)),
        )

    def add_task(  # noqa: PLR0913 - the parts of one record
        self,
        path: str,
        steps: tuple[Step, ...],
        work: Work,
        pins: Iterable[Pin],
        *,
        is_unit: bool,
        title: str = "",
    ) -> None:
        """Add a task, with all that its steps read from outside."""
        reads: set[str] = set()
        for step in steps:
            for read in step.reads:
                if read.datum is None:
                    continue
                reads.add(read.datum)
                producer = self.data.data[read.datum].producer
                if read.is_list and producer is not None:
                    self.sharing.stay((producer, path))
            reads.update(self.data.dataset(use.ref) for use in step.uses if use.reads)
        self.tasks[path] = Task(
            name=path,
            steps=steps,
            seconds=work.seconds,
            cpu_seconds=work.cpu_seconds,
            requests=dict(work.requests),
            reads=tuple(sorted(reads)),
            pins=tuple(dict.fromkeys(pins)),
            assumed=tuple(sorted(work.assumed)),
            is_unit=is_unit,
            title=title,
        )

    def add_edges(self, path: str, inputs: Inputs, references: Iterable[Value], waits: Waits) -> None:
        """Add a task's dependencies: parameters, order, references, and those of its importers."""
        order = set(waits.tasks)
        for name, value in inputs.parameters.items():
            for mention, output in value.task_outputs():
                if output.path in self.importers_wait_for:
                    order |= self.importers_wait_for[output.path]
                else:
                    self.parameters.add(ParameterEdge(output.path, output.output, path, mention or name))
        for value in (*inputs.parameters.values(), *inputs.artifacts.values(), *references):
            order |= self._waited_for(value)
        self.order.update((earlier, path) for earlier in order if earlier != path)

    def _waited_for(self, value: Value) -> set[str]:
        found: set[str] = set()
        for path in _watched(value):
            found |= self.importers_wait_for.get(path, {path})
        for _, output in value.task_outputs():
            found |= self.importers_wait_for.get(output.path, {output.path})
        return found

    def importer_waits(self, path: str, inputs: Inputs, waits: Waits) -> frozenset[str]:
        """Return the tasks that an importer waits for; whoever waits for the importer waits for them."""
        found = set(waits.tasks)
        for value in (*inputs.parameters.values(), *inputs.artifacts.values()):
            found |= self._waited_for(value)
        self.importers_wait_for[path] = frozenset(found)
        return self.importers_wait_for[path]

    def await_all(self, here: Here) -> None:
        """Tie a task that runs also after failures, or reads a final status, to the tasks that it waits for."""
        watched = {path for value in here.inputs.parameters.values() for path in _watched(value)}
        self.sharing.stay({here.path} | (watched - self.importers_wait_for.keys()))
        if here.task.waits_for_all:
            upstream = (here.beside[name] for name in here.task.upstream)
            self.sharing.stay({here.path}.union(*(each.tasks for each in upstream if not each.is_importer)))

    def add_entry(
        self, here: Here, kind: EntryKind, waits: Waits, references: tuple[PlatformReference, ...], unit: Unit | None
    ) -> None:
        """Add an entry for the writer."""
        component = here.component
        executors = set() if component.executor is None else {component.executor}
        components = {component.name}
        if unit is not None:
            components |= unit.components
            executors |= unit.executors
        self.entries[here.path] = Entry(
            path=here.path,
            kind=kind,
            component_name=component.name,
            component=component.raw,
            components=tuple(sorted(components)),
            executors=tuple(sorted(executors)),
            task=here.task.raw,
            enclosing=here.scope.enclosing,
            parameters=dict(_bindings(here.task.parameters, here.inputs.parameters)),
            artifacts=dict(_bindings(here.task.artifacts, here.inputs.artifacts)),
            after=tuple(sorted(waits.entries)),
            references=references,
        )


def _watched(value: Value) -> Iterator[str]:
    """Yield the entries whose final status it tells."""
    return (part.source.path for part in value.parts if isinstance(part.source, FinalStatus))


def _bindings(said: Mapping[str, Said], values: Mapping[str, Value]) -> Iterator[tuple[str, Binding]]:
    for name in sorted(values):
        value = values[name]
        if name in said:
            yield name, value.binding(said[name].raw, own=isinstance(said[name].origin, Given))
        elif value.parts:
            yield name, value.binding(None)
