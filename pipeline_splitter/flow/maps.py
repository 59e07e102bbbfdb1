"""The lattice of the data-flow analysis: maps from dataset to what holds for it, each distinct one kept once.

A pipeline of many tasks has few distinct maps: joins are remembered by the identity of their parts, and equal maps are
one object, so that whoever decides by map can remember by identity, too.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

from moorage.model import DatasetRef
from pipeline_splitter.graph import Graph, Read, Step

V = TypeVar("V")
Carried = Mapping[DatasetRef, V]


class Maps(Generic[V]):
    """Every distinct map, once. `join` must not depend on the order or the repetition of its parts."""

    def __init__(self, join: Callable[[Iterable[Carried[V]]], Carried[V]]) -> None:
        self._join = join
        self._kept: dict[frozenset[tuple[DatasetRef, V]], Carried[V]] = {}
        self._joined: dict[frozenset[int], Carried[V]] = {}
        self.empty: Carried[V] = self.keep({})

    def keep(self, carried: Carried[V]) -> Carried[V]:
        """Return the one map that equals `carried`."""
        return self._kept.setdefault(frozenset(carried.items()), carried)

    def union(self, parts: Iterable[Carried[V]]) -> Carried[V]:
        """Return the join of maps that were all kept here."""
        distinct = {id(part): part for part in parts if part is not self.empty}
        if not distinct:
            return self.empty
        if len(distinct) == 1:
            return next(iter(distinct.values()))
        key = frozenset(distinct)
        if key not in self._joined:
            self._joined[key] = self.keep(self._join(distinct.values()))
        return self._joined[key]


def all_steps(graph: Graph) -> dict[str, Step]:
    """Return every step, by name: importers, and what is inside of tasks."""
    found = {step.name: step for step in graph.importers}
    found.update((step.name, step) for task in graph.tasks.values() for step in task.steps)
    return found


def in_order(steps: Mapping[str, Step]) -> list[Step]:
    """Return the steps, each after all that it reads from.

    Raises:
        ValueError: steps read from each other in a circle, or from one that is not there.
    """
    ordered: list[Step] = []
    state: dict[str, bool] = {}  # False: begun; True: done
    for start in steps:
        walk = [start]
        while walk:
            name = walk[-1]
            if name in state:
                walk.pop()
                if not state[name]:
                    state[name] = True
                    ordered.append(steps[name])
                continue
            state[name] = False
            for earlier in sources(steps[name]):
                if earlier not in steps:
                    raise ValueError(f"step {name} reads from {earlier}, which is not a step")
                if state.get(earlier) is False:
                    raise ValueError(f"steps {name} and {earlier} read from each other")
                if earlier not in state:
                    walk.append(earlier)
    return ordered


def sources(step: Step) -> Iterable[str]:
    """Return the steps that it reads from."""
    yield from (read.step for read in step.reads if read.step is not None)
    yield from step.parameters_from


def spread(
    ordered: Iterable[Step],
    maps: Maps[V],
    entry: Callable[[DatasetRef], V],
    change: Callable[[Step, Carried[V]], Carried[V]],
    view: Callable[[Step, Read, Carried[V]], Carried[V]] = lambda _step, _read, carried: carried,
) -> tuple[dict[str, Carried[V]], dict[str, Carried[V]]]:
    """Spread maps over steps: what each step reads and what it gives out.

    Args:
        ordered: steps, each after all that it reads from.
        maps: keeps what is made.
        entry: what a dataset says of itself.
        change: what a step makes of what it read.
        view: what a step makes of what it finds in one artifact, before anything is joined.
    """
    alone: dict[DatasetRef, Carried[V]] = {}

    def own(ref: DatasetRef) -> Carried[V]:
        if ref not in alone:
            alone[ref] = maps.keep({ref: entry(ref)})
        return alone[ref]

    read_by: dict[str, Carried[V]] = {}
    given_by: dict[str, Carried[V]] = {}
    for step in ordered:
        parts = [own(use.ref) for use in step.uses if use.reads]
        parts.extend(given_by[name] for name in step.parameters_from)
        if step.dataset is not None:
            parts.append(own(step.dataset))
        for read in step.reads:
            found = artifact(read, given_by, own, maps)
            viewed = view(step, read, found)
            parts.append(found if viewed is found else maps.keep(viewed))
        read_by[step.name] = maps.union(parts)
        changed = change(step, read_by[step.name])
        given_by[step.name] = changed if changed is read_by[step.name] else maps.keep(changed)
    return read_by, given_by


def artifact(
    read: Read, given_by: Mapping[str, Carried[V]], own: Callable[[DatasetRef], Carried[V]], maps: Maps[V]
) -> Carried[V]:
    """Return the map that one artifact carries, by the step that writes it and the dataset that it is."""
    if read.dataset is None:
        return maps.empty if read.step is None else given_by[read.step]
    return own(read.dataset) if read.step is None else maps.union((own(read.dataset), given_by[read.step]))
