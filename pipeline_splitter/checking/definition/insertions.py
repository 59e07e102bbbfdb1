"""Inserted releases: which may be put where, and the pipeline with those in it that were."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from moorage.model import Dataset, DatasetRef, DatasetUse
from pipeline_splitter.checking.definition.governance import all_steps, carry, declared, found_in, in_order, released_by
from pipeline_splitter.graph import Datum, DatumKind, Graph, Read, Role, Step, Task

_LONGEST_LABEL = 63
_HASH_DIGITS = 8
_UNKNOWN_SECONDS = 60.0
_UNKNOWN_CORES = 1.0


@dataclass(frozen=True, slots=True, order=True)
class Spot:
    """An artifact that could be released; of data that no task writes, also which importer's output it is.

    Two importers may import different parts of one dataset.
    """

    datum: str
    importer: str = ""
    output: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Option:
    """One release in front of one artifact, for one reader."""

    spot: Spot
    dataset: DatasetRef
    release: str
    reader: str

    @property
    def slot(self) -> tuple[str, Spot]:
        """A reader takes an artifact in one form."""
        return self.reader, self.spot

    @property
    def insertion(self) -> "Insertion":
        """The task to insert, whatever its readers."""
        return self.spot, self.dataset, self.release


Insertion = tuple[Spot, DatasetRef, str]


def spot_of(read: Read, graph: Graph) -> Spot:
    """Return the artifact that a step reads."""
    key = read.datum or ""
    if read.step is None or graph.data[key].producer is not None:
        return Spot(key)
    return Spot(key, read.step, read.output)


def open_reads(graph: Graph) -> Iterator[tuple[Task, Step, Read]]:
    """Yield every input in front of which a release could be put.

    Brought as a whole to a container; never a mount or a list, never made inside the reader's own unit (but for an
    importer there that takes nothing from inside).
    """
    steps = all_steps(graph)
    for task in graph.tasks.values():
        for step in task.steps:
            for read in step.reads:
                if step.role is not Role.CONTAINER or task.inserted or read.datum is None or read.is_list:
                    continue
                source = steps.get(read.step or "")
                inside = source is not None and source.task == task.name and (source.reads or source.parameters_from)
                if not inside:
                    yield task, step, read


def options(graph: Graph, datasets: Mapping[DatasetRef, Dataset]) -> frozenset[Option]:
    """Return every release that could be inserted.

    Declared, accepted by the reader, of a dataset that the artifact carries, and not yet applied to all that is in it
    of that dataset.
    """
    if not any(step.accepts for task in graph.tasks.values() for step in task.steps):
        return frozenset()
    carried, forms = carry(graph, datasets), _forms(graph, datasets)
    found = set()
    for _, step, read in open_reads(graph):
        held = found_in(read, carried, datasets)
        for ref, release in step.accepts:
            # Data of the dataset itself have no release applied to them.
            raw = read.step is None or read.dataset is not None
            done = not raw and release in forms[read.step or ""].get(ref, frozenset())
            if ref in held and declared(ref, release, datasets) is not None and not done:
                found.add(Option(spot_of(read, graph), ref, release, step.name))
    return frozenset(found)


def _forms(graph: Graph, datasets: Mapping[DatasetRef, Dataset]) -> dict[str, dict[DatasetRef, frozenset[str]]]:
    """Return for each step the releases that were applied to all of a dataset in its output."""
    steps = all_steps(graph)
    before = {
        name: {*(read.step for read in step.reads if read.step is not None), *step.parameters_from}
        for name, step in steps.items()
    }
    given: dict[str, dict[DatasetRef, frozenset[str]]] = {}
    for name in in_order(before):
        step = steps[name]
        raw = [use.ref for use in step.uses if use.reads]
        raw += [ref for ref in (step.dataset, *(read.dataset for read in step.reads)) if ref is not None]
        found: dict[DatasetRef, frozenset[str]] = dict.fromkeys(raw, frozenset())
        for earlier in before[name]:
            for ref, names in given[earlier].items():
                found[ref] = found[ref] & names if ref in found else names
        own = {} if step.task in graph.tasks and graph.tasks[step.task].inserted else released_by(step, None, datasets)
        for ref, release in own.items():
            if ref in found:
                found[ref] |= {release.name}
        given[name] = found
    return given


def insertion_names(graph: Graph) -> dict[Insertion, str]:
    """Name each inserted task: `release-<datum>-<release>` as a DNS label.

    Where that is taken, wanted twice or too long, it ends in a digest of artifact, dataset and release.
    """
    wanted: dict[Insertion, str] = {}
    for _, step, read in open_reads(graph):
        for ref, release in step.accepts:
            spot = spot_of(read, graph)
            what = f"{spot.importer}-{spot.output}" if spot.importer else spot.datum
            label = re.sub(r"[^a-z0-9]+", "-", f"release-{what}-{release}".lower()).strip("-")
            wanted[spot, ref, release] = label
    taken = {*graph.tasks, *(step.name for step in graph.importers)}
    names, counts = {}, Counter(wanted.values())
    for insertion, label in wanted.items():
        is_free = counts[label] == 1 and label not in taken and len(label) <= _LONGEST_LABEL
        names[insertion] = label if is_free else _digested(label, insertion, taken)
    return names


def _digested(label: str, insertion: Insertion, taken: set[str]) -> str:
    spot, ref, release = insertion
    said = "\0".join((spot.datum, spot.importer, spot.output, str(ref), release))
    digest = hashlib.sha256(said.encode()).hexdigest()
    for length in range(_HASH_DIGITS, len(digest)):
        name = f"{label[: _LONGEST_LABEL - 1 - length].strip('-')}-{digest[:length]}".strip("-")
        if name not in taken:
            return name
    return digest


def insert(graph: Graph, chosen: Iterable[Option], datasets: Mapping[DatasetRef, Dataset]) -> Graph:
    """Return the graph with these releases in it: one task for each artifact and release, for its chosen readers.

    Raises:
        ValueError: a release is not declared.
    """
    readers: dict[Insertion, set[str]] = {}
    for option in chosen:
        readers.setdefault(option.insertion, set()).add(option.reader)
    names = insertion_names(graph) if readers else {}
    tasks, data, order = dict(graph.tasks), dict(graph.data), set(graph.order)
    for insertion in sorted(readers):
        spot, name = insertion[0], names[insertion]
        tasks[name], released = _made(graph, insertion, name, datasets)
        data[released.key] = released
        order |= {(earlier, name) for earlier in _before_importer(graph, spot.importer)}
        for task in graph.tasks.values():
            if readers[insertion] & {step.name for step in task.steps}:
                tasks[task.name] = _reading(tasks[task.name], readers[insertion], spot, name, graph)
    return replace(graph, tasks=tasks, data=data, order=frozenset(order))


def _made(graph: Graph, insertion: Insertion, name: str, datasets: Mapping[DatasetRef, Dataset]) -> tuple[Task, Datum]:
    spot, ref, release_name = insertion
    release = declared(ref, release_name, datasets)
    if release is None:
        raise ValueError(f"dataset {ref} declares no release {release_name}")
    seconds = _UNKNOWN_SECONDS if release.seconds is None else release.seconds
    cores = _UNKNOWN_CORES if release.cpu is None else release.cpu
    original, ratio = graph.data[spot.datum], release.output_ratio
    size_bytes = original.size_bytes * (1.0 if ratio is None else ratio)
    reads = {
        Read("data", read.step, read.output, read.datum, read.dataset)
        for _, _, read in open_reads(graph)
        if spot_of(read, graph) == spot
    }
    step = Step(name, name, uses=(DatasetUse(0, ref, release=release_name),), reads=tuple(reads))
    said = {"seconds": release.seconds, "cpu": release.cpu}
    task = Task(
        name,
        (step,),
        seconds,
        seconds * cores,
        {"cpu": cores},
        (spot.datum,),
        assumed=tuple(word for word, amount in said.items() if amount is None),
        release=(ref, release_name),
    )
    is_assumed = original.assumed or ratio is None
    return task, Datum(f"{name}.released", DatumKind.ARTIFACT, name, size_bytes, assumed=is_assumed)


def _before_importer(graph: Graph, importer: str) -> set[str]:
    """Return the tasks that an importer waits for."""
    steps, found, waiting = all_steps(graph), set(), [importer] if importer else []
    while waiting:
        step = steps[waiting.pop()]
        for earlier in (*(read.step for read in step.reads if read.step is not None), *step.parameters_from):
            if steps[earlier].task in graph.tasks:
                found.add(steps[earlier].task)
            elif not steps[earlier].task:
                waiting.append(earlier)
    return found


def _reading(task: Task, readers: set[str], spot: Spot, name: str, graph: Graph) -> Task:
    """Return the task, its steps among the readers reading the released form."""
    steps = tuple(
        replace(
            step,
            reads=tuple(
                Read(read.input, name, "released", f"{name}.released") if is_at(read, spot, graph) else read
                for read in step.reads
            ),
        )
        if step.name in readers
        else step
        for step in task.steps
    )
    changed = replace(task, steps=steps)
    keys = {key for key in task.reads if key != spot.datum or needs(changed, key)}
    return replace(changed, reads=tuple(sorted({*keys, f"{name}.released"})))


def is_at(read: Read, spot: Spot, graph: Graph) -> bool:
    """Return whether a step reads this very artifact."""
    return read.datum == spot.datum and not read.is_list and spot_of(read, graph) == spot


def needs(task: Task, key: str) -> bool:
    """Return whether one of its steps reads the datum, or mounts the dataset that it is."""
    for step in task.steps:
        if any(read.datum == key for read in step.reads) or any(use.reads and str(use.ref) == key for use in step.uses):
            return True
    return False
