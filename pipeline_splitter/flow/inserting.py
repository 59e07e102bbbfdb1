"""Graph rewriting: one task for each inserted artifact and release, read by those for whom it was chosen."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from moorage.model import DatasetRef, DatasetUse
from pipeline_splitter.flow.carrying import Datasets, declared
from pipeline_splitter.flow.maps import all_steps, sources
from pipeline_splitter.flow.releases import Artifact, Candidate, artifact_of, releasable
from pipeline_splitter.graph import Datum, DatumKind, Graph, Read, Step, Task
from pipeline_splitter.hints import TASK_SECONDS

INPUT = "data"
OUTPUT = "released"
_CPU = 1.0
_LONGEST_LABEL = 63
_HASH_DIGITS = 8

Insertion = tuple[Artifact, DatasetRef, str]


def insert(graph: Graph, chosen: Iterable[Candidate], datasets: Datasets) -> Graph:
    """Return the graph with the chosen releases in it.

    Readers for whom a release was chosen read what it puts out; all others read the original, as before. Seconds and
    cores are the release's (unknown: 60 s, 1 core, marked as assumed), the released artifact is `outputRatio` times as
    large as the original (unknown: as large, marked as assumed).

    Raises:
        ValueError: two releases were chosen for one artifact of one reader, or one that no dataset declares.
    """
    groups: dict[Insertion, list[Candidate]] = {}
    slots = set()
    for candidate in sorted(set(chosen)):
        if candidate.slot in slots:
            raise ValueError(f"two releases were chosen for {candidate.step} and {candidate.datum}")
        slots.add(candidate.slot)
        groups.setdefault((candidate.artifact, candidate.dataset, candidate.release), []).append(candidate)
    if not groups:
        return graph
    names = insertion_names(graph)
    steps = all_steps(graph)
    tasks, data, order = dict(graph.tasks), dict(graph.data), set(graph.order)
    for insertion, candidates in groups.items():
        name = names[insertion]
        tasks[name], data[f"{name}.{OUTPUT}"] = _inserted(graph, insertion, name, datasets, steps)
        order.update((earlier, name) for earlier in _behind(insertion[0], steps) if earlier in graph.tasks)
        for candidate in candidates:
            tasks[candidate.task] = _rewired(tasks[candidate.task], candidate, name, graph)
    return replace(graph, tasks=dict(sorted(tasks.items())), data=data, order=frozenset(order))


def insertion_names(graph: Graph) -> dict[Insertion, str]:
    """Return the name of every task that could be inserted; it does not depend on what is chosen.

    `release-<datum>-<release>`, where the datum is `<task>.<output>` (of an importer, too), in characters of a DNS
    label. Where that is taken, or too long, it ends in a digest of artifact, dataset and release.
    """
    steps = all_steps(graph)
    plain: dict[Insertion, str] = {}
    for task in graph.tasks.values():
        for step in task.steps:
            if not step.accepts:
                continue
            for read in releasable(task, step, steps):
                artifact = artifact_of(read, graph)
                for ref, release in step.accepts:
                    plain[artifact, ref, release] = _label(artifact, release)
    taken = {*graph.tasks, *(step.name for step in graph.importers)}
    counts: dict[str, int] = {}
    for name in plain.values():
        counts[name] = counts.get(name, 0) + 1
    return {
        insertion: name
        if counts[name] == 1 and name not in taken and len(name) <= _LONGEST_LABEL
        else _with_digest(name, insertion, taken)
        for insertion, name in plain.items()
    }


def still_read(task: Task, key: str) -> bool:
    """Return whether a task needs a datum: one of its steps reads it, or mounts the dataset that it is."""
    return any(
        any(read.datum == key for read in step.reads) or any(use.reads and str(use.ref) == key for use in step.uses)
        for step in task.steps
    )


def _label(artifact: Artifact, release: str) -> str:
    what = f"{artifact.source}-{artifact.output}" if artifact.source else artifact.datum
    words = re.sub(r"[^a-z0-9]+", "-", f"release-{what}-{release}".lower())
    return words.strip("-")


def _with_digest(name: str, insertion: Insertion, taken: set[str]) -> str:
    artifact, ref, release = insertion
    said = "\0".join((artifact.datum, artifact.source, artifact.output, str(ref), release))
    digest = hashlib.sha256(said.encode()).hexdigest()
    for length in range(_HASH_DIGITS, len(digest)):
        kept = name[: _LONGEST_LABEL - 1 - length].strip("-")
        if (found := f"{kept}-{digest[:length]}".strip("-")) not in taken:
            return found
    return digest


def _inserted(
    graph: Graph, insertion: Insertion, name: str, datasets: Datasets, steps: Mapping[str, Step]
) -> tuple[Task, Datum]:
    artifact, ref, release_name = insertion
    release = declared(ref, release_name, datasets)
    if release is None:
        raise ValueError(f"dataset {ref} declares no release {release_name}")
    original = graph.data[artifact.datum]
    seconds = TASK_SECONDS if release.seconds is None else release.seconds
    cpu = _CPU if release.cpu is None else release.cpu
    ratio = 1.0 if release.output_ratio is None else release.output_ratio
    reads = {
        replace(read, input=INPUT)
        for task in graph.tasks.values()
        for step in task.steps
        for read in releasable(task, step, steps)
        if read.datum == artifact.datum and artifact_of(read, graph) == artifact
    }
    step = Step(
        name,
        name,
        uses=(DatasetUse(0, ref, release=release_name),),
        container_digest=release.component.digest or None,
        reads=tuple(sorted(reads, key=lambda read: (read.step or "", read.output))),
    )
    task = Task(
        name,
        (step,),
        seconds,
        seconds * cpu,
        {"cpu": cpu},
        (artifact.datum,),
        assumed=("seconds",) * (release.seconds is None) + ("cpu",) * (release.cpu is None),
        release=(ref, release_name),
    )
    assumed = original.assumed or release.output_ratio is None
    released = Datum(f"{name}.{OUTPUT}", DatumKind.ARTIFACT, name, original.size_bytes * ratio, assumed=assumed)
    return task, released


def _behind(artifact: Artifact, steps: Mapping[str, Step]) -> set[str]:
    """Return the tasks that an importer waits for, because it takes something of them."""
    found: set[str] = set()
    waiting = [artifact.source] if artifact.source else []
    seen = set(waiting)
    while waiting:
        for earlier in sources(steps[waiting.pop()]):
            if steps[earlier].task:
                found.add(steps[earlier].task)
            elif earlier not in seen:
                seen.add(earlier)
                waiting.append(earlier)
    return found


def _rewired(task: Task, candidate: Candidate, name: str, graph: Graph) -> Task:
    key = f"{name}.{OUTPUT}"

    def one(step: Step) -> Step:
        if step.name != candidate.step:
            return step
        reads: list[Read] = []
        for read in step.reads:
            hit = read.datum == candidate.datum and not read.is_list and artifact_of(read, graph) == candidate.artifact
            new = Read(read.input, name, OUTPUT, key) if hit else read
            if new not in reads:
                reads.append(new)
        return replace(step, reads=tuple(reads))

    rewired = replace(task, steps=tuple(one(step) for step in task.steps))
    kept = {read for read in task.reads if read != candidate.datum or still_read(rewired, read)}
    return replace(rewired, reads=tuple(sorted({*kept, key})))
