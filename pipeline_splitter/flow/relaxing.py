"""Relaxation: a choice of releases, made or half made, as a graph that can be planned.

Where some candidates are still free, the graph is a relaxation: every completion of the choice has a plan in it that
costs no more. A reader with a free candidate does not pay for that artifact (it still comes after whoever writes it),
and finds in it, of the dataset, what permits all that the original or the released form permits.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from moorage.model import DatasetRef, Governance
from moorage.policy import meet
from pipeline_splitter.flow.carrying import Datasets, Flow, Rules, carry, declared
from pipeline_splitter.flow.inserting import insert, still_read
from pipeline_splitter.flow.releases import Artifact, Candidate, artifact_of
from pipeline_splitter.graph import Graph, Read, Step


@dataclass(frozen=True, slots=True)
class Choice:
    """A choice of the releases to insert.

    Attributes:
        taken: chosen; `left`: not chosen; `free`: not decided. Sorted.
        graph: with the taken releases inserted; a relaxation where candidates are free.
        flow: what holds in it.
    """

    taken: tuple[Candidate, ...]
    left: tuple[Candidate, ...]
    free: tuple[Candidate, ...]
    graph: Graph
    flow: Flow

    @property
    def decided(self) -> bool:
        """Whether the graph is one that can be run, rather than a relaxation."""
        return not self.free


def choose(
    graph: Graph,
    candidates: Iterable[Candidate],
    datasets: Datasets,
    taken: Iterable[Candidate] = (),
    free: Iterable[Candidate] = (),
) -> Choice:
    """Return the graph of a choice among `candidates`; those that are neither taken nor free are left.

    Raises:
        ValueError: of one slot two are taken, or one is taken and another free.
    """
    chosen, open_ = tuple(sorted(set(taken))), tuple(sorted(set(free)))
    if {each.slot for each in chosen} & {each.slot for each in open_}:
        raise ValueError("a candidate is free in a slot of which another is taken")
    left = tuple(sorted(set(candidates) - {*chosen, *open_}))
    inserted = insert(graph, chosen, datasets)
    if not open_:
        return Choice(chosen, left, (), inserted, carry(inserted, datasets))
    by_slot: dict[tuple[str, Artifact], list[Candidate]] = {}
    for each in open_:
        by_slot.setdefault(each.slot, []).append(each)

    def view(step: Step, read: Read, carried: Rules) -> Rules:
        if read.datum is None or read.is_list or not step.accepts:
            return carried
        weaker: dict[DatasetRef, Governance] = {}
        for each in by_slot.get((step.name, artifact_of(read, inserted)), ()):
            release = declared(each.dataset, each.release, datasets)
            if release is not None and each.dataset in carried:
                present = weaker.get(each.dataset, carried[each.dataset])
                weaker[each.dataset] = meet(each.dataset, present, release.yields)
        return {**carried, **weaker} if weaker else carried

    flow = carry(inserted, datasets, view)
    return Choice(chosen, left, open_, _without(inserted, by_slot), flow)


def _without(graph: Graph, by_slot: Mapping[tuple[str, Artifact], list[Candidate]]) -> Graph:
    """Return the graph in which nobody with a free candidate brings that artifact."""
    tasks, order = dict(graph.tasks), set(graph.order)
    for (step, artifact), (candidate, *_) in sorted(by_slot.items()):
        task = tasks[candidate.task]
        lighter = replace(
            task,
            steps=tuple(
                replace(each, reads=tuple(read for read in each.reads if not _is(read, artifact, graph)))
                if each.name == step
                else each
                for each in task.steps
            ),
        )
        if not still_read(lighter, artifact.datum):
            lighter = replace(lighter, reads=tuple(key for key in task.reads if key != artifact.datum))
        tasks[candidate.task] = lighter
        producer = graph.data[artifact.datum].producer
        if producer is not None and producer != candidate.task:
            order.add((producer, candidate.task))
    return replace(graph, tasks=tasks, order=frozenset(order))


def _is(read: Read, artifact: Artifact, graph: Graph) -> bool:
    return read.datum == artifact.datum and not read.is_list and artifact_of(read, graph) == artifact
