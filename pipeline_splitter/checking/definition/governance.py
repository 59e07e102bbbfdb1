"""Data flow of governance, and where each task may be: the words of the definition, step by step."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter

from moorage.model import Dataset, DatasetRef, Governance, Reader, Release, Site
from moorage.policy import Decision, Rule, join_maps, refusals
from moorage.sites import Inventory
from pipeline_splitter.graph import Graph, Read, Role, Step, Task

Rules = Mapping[DatasetRef, Governance]
Denied = tuple[str, DatasetRef | None]
"""A code, and the dataset that is to blame."""
View = Callable[[Step, Read, Rules], Rules]

_ORDER = {rule: number for number, rule in enumerate(Rule)}


def all_steps(graph: Graph) -> dict[str, Step]:
    """Return every step by name."""
    steps = {step.name: step for task in graph.tasks.values() for step in task.steps}
    return {**steps, **{step.name: step for step in graph.importers}}


def own_rules(ref: DatasetRef, datasets: Mapping[DatasetRef, Dataset]) -> Governance:
    """Return a dataset's own rules; an unknown dataset has none (and no readers)."""
    return replace(datasets[ref].governance, releases=()) if ref in datasets else Governance()


def declared(ref: DatasetRef, name: str, datasets: Mapping[DatasetRef, Dataset]) -> Release | None:
    """Return the release of that name, if the dataset declares it."""
    for release in datasets[ref].governance.releases if ref in datasets else ():
        if release.name == name:
            return release
    return None


def released_by(step: Step, task: Task | None, datasets: Mapping[DatasetRef, Dataset]) -> dict[DatasetRef, Release]:
    """Return the releases of a step: the inserted one, or those that its label claims and its container is."""
    if step.role is not Role.CONTAINER:
        return {}
    if task is not None and task.release is not None:
        release = declared(*task.release, datasets)
        return {} if release is None else {task.release[0]: release}
    found = {}
    for use in step.uses:
        release = declared(use.ref, use.release, datasets) if use.release is not None else None
        if release is not None and release.component.digest == step.container_digest:
            found[use.ref] = release
    return found


@dataclass
class Carried:
    """The rules that each step reads and puts out.

    Attributes:
        read, output: by step.
        task: by task: the union over its containers and control nodes.
    """

    read: dict[str, Rules] = field(default_factory=dict)
    output: dict[str, Rules] = field(default_factory=dict)
    task: dict[str, Rules] = field(default_factory=dict)


def carry(
    graph: Graph, datasets: Mapping[DatasetRef, Dataset], view: View = lambda _step, _read, rules: rules
) -> Carried:
    """Carry governance along the data flow.

    Args:
        graph: with the inserted releases in it.
        datasets: all that are known.
        view: what a step is taken to find in an artifact.
    """
    steps, carried = all_steps(graph), Carried()
    before = {
        name: {*(read.step for read in step.reads if read.step is not None), *step.parameters_from}
        for name, step in steps.items()
    }
    for name in in_order(before):
        step = steps[name]
        parts: list[Rules] = [{use.ref: own_rules(use.ref, datasets)} for use in step.uses if use.reads]
        parts += [carried.output[earlier] for earlier in step.parameters_from]
        if step.dataset is not None:
            parts.append({step.dataset: own_rules(step.dataset, datasets)})
        parts += [view(step, read, found_in(read, carried, datasets)) for read in step.reads]
        carried.read[name] = join_maps(parts)
        releases = released_by(step, graph.tasks.get(step.task), datasets)
        yields = {ref: replace(release.yields, releases=()) for ref, release in releases.items()}
        held = carried.read[name]
        carried.output[name] = {ref: yields.get(ref, governance) for ref, governance in held.items()}
    for task in graph.tasks.values():
        reading = [step for step in task.steps if step.role is not Role.IMPORTER]
        carried.task[task.name] = join_maps(carried.read[step.name] for step in reading)
    return carried


def found_in(read: Read, carried: Carried, datasets: Mapping[DatasetRef, Dataset]) -> Rules:
    """Return the rules that one artifact carries, by the step that wrote it and the dataset that it is."""
    parts: list[Rules] = [carried.output[read.step]] if read.step is not None else []
    if read.dataset is not None:
        parts.append({read.dataset: own_rules(read.dataset, datasets)})
    return join_maps(parts)


def in_order(before: Mapping[str, set[str]]) -> Iterator[str]:
    """Yield names, each after those before it.

    Raises:
        ValueError: they go round in a circle.
    """
    try:
        yield from TopologicalSorter(before).static_order()
    except CycleError as error:
        raise ValueError(f"these wait for each other: {', '.join(error.args[1])}") from None


class Permits:
    """Permitted sites of each task, by all rules, resources and pins; with a cache of decisions."""

    def __init__(
        self, graph: Graph, carried: Carried, datasets: Mapping[DatasetRef, Dataset], inventory: Inventory
    ) -> None:
        self._graph, self._carried, self._datasets, self._inventory = graph, carried, datasets, inventory
        self._decided: dict[tuple[object, ...], Decision | None] = {}
        self._all: dict[tuple[object, ...], tuple[Decision, ...]] = {}
        # The maps themselves are kept too: an identity is one as long as its object lives.
        self._keys: dict[int, tuple[Rules, frozenset[tuple[DatasetRef, Governance]]]] = {}
        self._denied: dict[tuple[str, str], frozenset[Denied]] = {}

    def denied(self, task: str, site: str) -> frozenset[Denied]:
        """Return the first reasons, in the order of rules, why a task may not be at a site; none: it may."""
        if (task, site) not in self._denied:
            self._denied[task, site] = self._reasons(task, site)
        return self._denied[task, site]

    def _reasons(self, task: str, site: str) -> frozenset[Denied]:
        one, place = self._graph.tasks[task], self._inventory.sites[site]
        refused = [decision for step in one.steps if (decision := self._of_step(one, step, site)) is not None]
        rules = [decision.rule for decision in refused if decision.rule is not None]
        if rules:
            first = min(rules, key=_ORDER.__getitem__)
            return frozenset((str(first), decision.dataset) for decision in refused if decision.rule == first)
        if not fits(one, place):
            return frozenset({("ResourceExceeded", None)})
        if any(site not in pin.sites for pin in one.pins):
            return frozenset({("Pinned", None)})
        return frozenset()

    def sites_of(self, task: str) -> frozenset[str]:
        """Return all sites where it may be."""
        return frozenset(site for site in self._inventory.sites if not self.denied(task, site))

    def bars(self, rules: Rules, reader: Reader | None, site: str) -> Decision | None:
        """Return the refusal of data with these rules to be read, or (without a reader) brought, at a site."""
        key = self._key(rules, reader, site)
        if key not in self._decided:
            place = self._inventory.place(site)
            self._decided[key] = next(refusals(rules, self._datasets, reader, place, self._inventory), None)
        return self._decided[key]

    def all(self, rules: Rules, reader: Reader | None, site: str) -> tuple[Decision, ...]:
        """Return every refusal, likewise."""
        key = self._key(rules, reader, site)
        if key not in self._all:
            place = self._inventory.place(site)
            self._all[key] = tuple(refusals(rules, self._datasets, reader, place, self._inventory))
        return self._all[key]

    def _key(self, rules: Rules, reader: Reader | None, site: str) -> tuple[object, ...]:
        if id(rules) not in self._keys:
            self._keys[id(rules)] = rules, frozenset(rules.items())
        return self._keys[id(rules)][1], reader, site

    def _of_step(self, task: Task, step: Step, site: str) -> Decision | None:
        if step.role is Role.IMPORTER:
            return None
        reader = step.reader if step.role is Role.CONTAINER and not task.inserted else None
        return self.bars(self._carried.read[step.name], reader, site)


def fits(task: Task, site: Site) -> bool:
    """Return whether the site's largest node has what the task requests; an undescribed site has anything."""
    if site.resources is None:
        return True
    return all(amount <= site.resources.get(name, 0.0) for name, amount in task.requests.items())
