"""One part of all choices of releases: which facts are in force in it, and whether they leave its tasks any sites."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from pipeline_splitter.checking.definition.blocks import blocks_of
from pipeline_splitter.checking.definition.choices import Branch, part_of
from pipeline_splitter.checking.findings import CheckInputs
from pipeline_splitter.checking.impossible.effort import Effort
from pipeline_splitter.checking.impossible.facts import Fact, Kind
from pipeline_splitter.checking.impossible.packing import fits
from pipeline_splitter.graph import Graph, Pin, Role, Task

_SECONDS_PER_HOUR = 3600.0


class Case:
    """A part in which nothing is open is one choice.

    Of another, what is said holds for every choice in it: a fact that is in force here is in force in each of them, and
    where nothing can be placed here, nothing can in any.
    """

    def __init__(self, branch: Branch, inputs: CheckInputs) -> None:
        self._inputs, self._is_open = inputs, bool(branch.free)
        self._part = part_of(branch, inputs)
        self._in_force: dict[Fact, bool] = {}
        self._refused: dict[tuple[str, str], frozenset[tuple[str, str]]] = {}

    @property
    def size(self) -> int:
        """The number of steps, which measures the effort of a look."""
        return sum(len(task.steps) for task in self._part.graph.tasks.values()) + len(self._part.graph.importers)

    def is_in_force(self, fact: Fact) -> bool:
        """Return whether a fact is true."""
        if fact not in self._in_force:
            self._in_force[fact] = self._is_so(fact)
        return self._in_force[fact]

    def is_possible(self, effort: Effort) -> bool:
        """Return whether all tasks can be placed under all constraints.

        Raises:
            UndecidedError: the effort ran out.
        """
        graph, sites = self._part.graph, self._inputs.inventory.sites
        allowed = {name: self._part.permits.sites_of(name) for name in graph.tasks}
        quotas = {name for name, site in sites.items() if site.quota_cpu_hours is not None}
        return self._leaves_room(graph, allowed, quotas, effort)

    def is_possible_under(self, facts: Iterable[Fact], effort: Effort) -> bool:
        """Return whether all tasks can be placed under those of the facts that are in force.

        Raises:
            UndecidedError: the effort ran out.
        """
        holding = [fact for fact in facts if self.is_in_force(fact)]
        ties = {fact.what for fact in holding if fact.kind is Kind.TIE}
        graph = self._part.graph
        graph = replace(graph, together=tuple(tied for tied in graph.together if _words(tied) in ties))
        everywhere = frozenset(self._inputs.inventory.sites)
        allowed: dict[str, frozenset[str]] = {}
        for fact in holding:
            if fact.task and fact.kind is not Kind.TIE:
                allowed[fact.task] = allowed.get(fact.task, everywhere) - self._barred(fact)
        return self._leaves_room(graph, allowed, {fact.site for fact in holding if fact.kind is Kind.QUOTA}, effort)

    def _leaves_room(
        self, graph: Graph, allowed: Mapping[str, frozenset[str]], quotas: set[str], effort: Effort
    ) -> bool:
        """Return whether each block has a site left, and quotas can be kept; tasks without an entry may be anywhere."""
        sites = self._inputs.inventory.sites
        everywhere = frozenset(sites)
        blocks = set(blocks_of(graph).values()) if graph.together else {(name,) for name in graph.tasks}
        free = {
            members: frozenset.intersection(*(allowed.get(name, everywhere) for name in members)) for members in blocks
        }
        if not all(free.values()):
            return False
        limits = {
            name: quota * sites[name].speed * _SECONDS_PER_HOUR
            for name in quotas
            if (quota := sites[name].quota_cpu_hours) is not None
        }
        loads = [(sum(graph.tasks[name].cpu_seconds for name in members), there) for members, there in free.items()]
        return fits(sorted(loads, key=lambda load: (load[0], sorted(load[1]))), limits, effort)

    def _is_so(self, fact: Fact) -> bool:
        graph, sites = self._part.graph, self._inputs.inventory.sites
        if fact.kind is Kind.TIE:
            ties = [tied for tied in graph.together if len(tied) > 1]
            return any(_words(tied) == fact.what and min(tied) == fact.task for tied in ties)
        if fact.site not in {"", *sites}:
            return False
        if fact.kind is Kind.QUOTA:
            return sites[fact.site].quota_cpu_hours is not None
        return fact.task in graph.tasks and self._is_so_of(graph.tasks[fact.task], fact)

    def _is_so_of(self, task: Task, fact: Fact) -> bool:
        sites = self._inputs.inventory.sites
        if fact.kind is Kind.PIN:
            return any(pin.by == fact.what and self._listed(pin) == fact.pinned for pin in task.pins)
        if fact.kind is Kind.RESOURCE:
            offered = sites[fact.site].resources
            return offered is not None and task.requests.get(fact.what, 0.0) > offered.get(fact.what, 0.0)
        # In a choice that is part of this one a dataset may refuse alone where here only the join does.
        if self._is_open and not fact.dataset:
            return False
        asked = [fact.site] if fact.site else list(sites)
        return all((fact.what, fact.dataset) in self._refusals(task, site) for site in asked)

    def _barred(self, fact: Fact) -> frozenset[str]:
        """Return the sites that a fact in force keeps its task from."""
        everywhere = frozenset(self._inputs.inventory.sites)
        if fact.kind is Kind.PIN:
            return everywhere - fact.pinned
        return frozenset({fact.site}) if fact.site else everywhere

    def _listed(self, pin: Pin) -> frozenset[str]:
        return pin.sites & self._inputs.inventory.sites.keys()

    def _refusals(self, task: Task, site: str) -> frozenset[tuple[str, str]]:
        """Return every refusal of every step: rule, dataset."""
        if (task.name, site) not in self._refused:
            found: set[tuple[str, str]] = set()
            for step in task.steps:
                if step.role is not Role.IMPORTER:
                    reader = step.reader if step.role is Role.CONTAINER and not task.inserted else None
                    decisions = self._part.permits.all(self._part.carried.read[step.name], reader, site)
                    found |= {(str(each.rule), str(each.dataset or "")) for each in decisions}
            self._refused[task.name, site] = frozenset(found)
        return self._refused[task.name, site]


def _words(tied: frozenset[str]) -> str:
    return ", ".join(sorted(tied))
