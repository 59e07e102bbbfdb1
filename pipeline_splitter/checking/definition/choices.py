"""Branches of the choices of releases: what is inserted, what is not, what is open; and where tasks may be then."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from moorage.policy import meet
from pipeline_splitter.checking.definition.blocks import blocks_of
from pipeline_splitter.checking.definition.governance import Carried, Permits, Rules, carry, declared
from pipeline_splitter.checking.definition.insertions import Option, insert, is_at, needs, spot_of
from pipeline_splitter.checking.findings import CheckInputs
from pipeline_splitter.graph import Graph, Read, Step


@dataclass(frozen=True, slots=True)
class Branch:
    """A part of all choices of releases: inserted, not inserted, not decided."""

    taken: frozenset[Option]
    left: frozenset[Option]
    free: frozenset[Option]

    def at(self, slot: Sequence[Option]) -> frozenset[Option | None]:
        """Return the options that a slot may take in this part; None: the original."""
        taken = [option for option in slot if option in self.taken]
        if taken:
            return frozenset(taken) if len(taken) == 1 else frozenset()
        return frozenset({None, *(option for option in slot if option in self.free)})


def covers(branches: Sequence[Branch], slots: Sequence[Sequence[Option]]) -> bool:
    """Return whether every choice is in one of the parts."""
    if not branches:
        return False
    first = branches[0]
    narrow = next((slot for slot in slots if first.at(slot) != {None, *slot}), None)
    if narrow is None:
        return True
    rest = [slot for slot in slots if slot is not narrow]
    return all(covers([branch for branch in branches if taken in branch.at(narrow)], rest) for taken in (None, *narrow))


@dataclass(frozen=True, slots=True)
class Part:
    """A branch's graph and where its tasks may be.

    Where something is undecided it is a relaxation: whoever has not decided does not bring that artifact, and finds in
    it what permits all that the original or the released form permits.
    """

    graph: Graph
    carried: Carried
    permits: Permits


def part_of(branch: Branch, inputs: CheckInputs) -> Part:
    """Return the part of the problem that a branch's bound is about."""
    graph = insert(inputs.graph, branch.taken, inputs.datasets)
    open_to: dict[str, list[Option]] = {}
    for each in sorted(branch.free):
        open_to.setdefault(each.reader, []).append(each)

    def view(step: Step, read: Read, rules: Rules) -> Rules:
        if read.datum is None or read.is_list:
            return rules
        weaker = dict(rules)
        for option in open_to.get(step.name, ()):
            if option.spot == spot_of(read, graph) and option.dataset in rules:
                release = declared(option.dataset, option.release, inputs.datasets)
                if release is not None:
                    weaker[option.dataset] = meet(option.dataset, weaker[option.dataset], release.yields)
        return weaker

    carried: Carried = carry(graph, inputs.datasets, view) if branch.free else carry(graph, inputs.datasets)
    permits = Permits(graph, carried, inputs.datasets, inputs.inventory)
    return Part(_lighter(graph, branch.free), carried, permits)


def _lighter(graph: Graph, free: Iterable[Option]) -> Graph:
    """Return the graph in which whoever has not decided brings nothing, but still comes after who makes it."""
    order, tasks = set(graph.order), dict(graph.tasks)
    task_of = {step.name: task.name for task in graph.tasks.values() for step in task.steps}
    for reader, spot in sorted({option.slot for option in free}):
        name = task_of[reader]
        task = tasks[name]
        steps = tuple(
            replace(step, reads=tuple(read for read in step.reads if not is_at(read, spot, graph)))
            if step.name == reader
            else step
            for step in task.steps
        )
        task = replace(task, steps=steps)
        if not needs(task, spot.datum):
            task = replace(task, reads=tuple(key for key in task.reads if key != spot.datum))
        tasks[name] = task
        producer = graph.data[spot.datum].producer
        if producer is not None and producer != name:
            order.add((producer, name))
    return replace(graph, tasks=tasks, order=frozenset(order))


def slots_of(options: Iterable[Option]) -> list[list[Option]]:
    """Group options by reader and artifact; each reader may take one of them, or the original."""
    slots: dict[object, list[Option]] = {}
    for option in sorted(options):
        slots.setdefault(option.slot, []).append(option)
    return list(slots.values())


def nowhere(part: Part) -> str | None:
    """Return a task that, with what must stay with it, may be at no site; None where there is none."""
    for name, members in sorted(blocks_of(part.graph).items()):
        if name == members[0] and not frozenset.intersection(*map(part.permits.sites_of, members)):
            return name
    return None
