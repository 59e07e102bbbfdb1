"""Candidates for inserted releases: in front of an input, for a reader that takes the released form."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from moorage.model import DatasetRef
from pipeline_splitter.flow.carrying import Datasets, Flow, declared, releases_by
from pipeline_splitter.flow.maps import Carried, Maps, all_steps, in_order, spread
from pipeline_splitter.graph import Graph, Read, Role, Step, Task


@dataclass(frozen=True, slots=True, order=True)
class Artifact:
    """An artifact that a release could be put in front of.

    Attributes:
        datum: key of what is brought.
        source: of data that nobody in the pipeline writes: the importer, because two of them may import different parts
            of one dataset; else "".
        output: that importer's output.
    """

    datum: str
    source: str = ""
    output: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Candidate:
    """One release that could be inserted for one reader.

    Attributes:
        artifact: what it would be put in front of.
        dataset, release: which.
        task: the reader's task.
        step: the reader.
    """

    artifact: Artifact
    dataset: DatasetRef
    release: str
    task: str
    step: str

    @property
    def datum(self) -> str:
        """The key of what would be released."""
        return self.artifact.datum

    @property
    def slot(self) -> tuple[str, Artifact]:
        """The slot, of which at most one candidate can be chosen: a reader takes an artifact in one form."""
        return self.step, self.artifact

    @property
    def name(self) -> str:
        """Unique, for `bound.json`."""
        imported = f" from {self.artifact.source}.{self.artifact.output}" if self.artifact.source else ""
        return f"{self.dataset}/{self.release} on {self.datum}{imported} for {self.step}"


def release_candidates(graph: Graph, flow: Flow, datasets: Datasets) -> tuple[Candidate, ...]:
    """Return every release that may be inserted, sorted.

    A reader that is a container, an artifact among its inputs that is brought as a whole (no list, nothing made inside
    the reader's own unit, never a mount), a dataset in that artifact's map, a release that the dataset declares and the
    reader accepts, and that the pipeline itself has not applied to all that is in it of the dataset.
    """
    accepting = [
        (task, step) for task in graph.tasks.values() for step in task.steps if step.accepts and not task.inserted
    ]
    if not accepting:
        return ()
    steps = all_steps(graph)
    forms = _forms(graph, datasets)
    found = set()
    for task, step in accepting:
        for read in releasable(task, step, steps):
            holds = _holds(read, flow)
            for ref, name in step.accepts:
                if ref in holds and declared(ref, name, datasets) and name not in _applied(read, ref, forms):
                    found.add(Candidate(artifact_of(read, graph), ref, name, task.name, step.name))
    return tuple(sorted(found))


def releasable(task: Task, step: Step, steps: Mapping[str, Step]) -> Iterator[Read]:
    """Yield the inputs of a step in front of which a release could be put."""
    if step.role is not Role.CONTAINER or task.inserted:
        return
    for read in step.reads:
        if read.datum is None or read.is_list:
            continue
        source = steps[read.step] if read.step is not None else None
        # An importer inside the reader's own unit is outside of it too, if it takes nothing from inside.
        if source is None or source.task != task.name or not (source.reads or source.parameters_from):
            yield read


def artifact_of(read: Read, graph: Graph) -> Artifact:
    """Return the artifact that a step reads."""
    key = read.datum or ""
    if read.step is None or graph.data[key].producer is not None:
        return Artifact(key)
    return Artifact(key, read.step, read.output)


def _holds(read: Read, flow: Flow) -> frozenset[DatasetRef]:
    written = frozenset(flow.output[read.step]) if read.step is not None else frozenset()
    return written if read.dataset is None else written | {read.dataset}


def _forms(graph: Graph, datasets: Datasets) -> Mapping[str, Carried[frozenset[str]]]:
    """Return for each step, by dataset, the releases that were applied to all of it in the step's output."""
    steps = all_steps(graph)
    if not any(releases_by(step, None, datasets) for step in steps.values()):
        return {}

    def apply(step: Step, carried: Carried[frozenset[str]]) -> Carried[frozenset[str]]:
        own = [(ref, each.name) for ref, each in releases_by(step, None, datasets) if ref in carried]
        return {**carried, **{ref: carried[ref] | {name} for ref, name in own}} if own else carried

    _, given = spread(in_order(steps), Maps(_common), lambda _ref: frozenset[str](), apply)
    return given


def _applied(read: Read, ref: DatasetRef, forms: Mapping[str, Carried[frozenset[str]]]) -> frozenset[str]:
    if read.step is None or read.dataset is not None:
        return frozenset()
    return forms.get(read.step, {}).get(ref, frozenset())


def _common(parts: Iterable[Carried[frozenset[str]]]) -> Carried[frozenset[str]]:
    joined: dict[DatasetRef, frozenset[str]] = {}
    for part in parts:
        for ref, names in part.items():
            joined[ref] = joined[ref] & names if ref in joined else names
    return joined
