"""Why nothing can be planned: every fact is true of the inputs, and together they leave no plan."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice, product

from moorage.policy import refusals
from pipeline_splitter.checking.blocks import blocks_of
from pipeline_splitter.checking.carrying import Carried, carry
from pipeline_splitter.checking.findings import CheckInputs, Notes
from pipeline_splitter.checking.rewiring import Option, insert, options
from pipeline_splitter.graph import Graph, Role, Task
from pipeline_splitter.plan import Infeasible

MOST_CHOICES = 256
QUOTA = "quotaCpuHours"
Fact = Mapping[str, str]


def check_impossible(answer: Infeasible, inputs: CheckInputs, notes: Notes) -> None:
    """Facts and their sum, over all choices of releases.

    Remedies, and whether a fact could be left out, are not looked at.
    """
    cases = [_Case(graph, inputs) for graph in islice(_choices(inputs), MOST_CHOICES + 1)]
    if len(cases) > MOST_CHOICES:
        notes.unchecked.append(f"infeasible.json: there are more than {MOST_CHOICES} choices of releases")
        return
    notes.unchecked.append("infeasible.json: whether a fact could be left out, and the remedies")
    if not answer.facts:
        notes.add("facts", "there are none, expected at least one")
    for number, fact in enumerate(answer.facts):
        if not any(case.is_true(fact) for case in cases):
            notes.add(f"facts[{number}]", f"is not so: {fact['message']}")
    if any(fact.get("resource") == QUOTA for fact in answer.facts):
        notes.unchecked.append("infeasible.json: whether the quotas leave no plan")
        return
    if not all(case.leaves_nothing(answer.facts) for case in cases):
        notes.add("facts", "leave a plan: with all of them, every task has a site still")
    notes.checked.append(f"{len(answer.facts)} facts that leave no plan, over {len(cases)} choices of releases")


def _choices(inputs: CheckInputs) -> Iterator[Graph]:
    slots: dict[object, list[Option]] = {}
    for option in sorted(options(inputs.graph, inputs.datasets)):
        slots.setdefault(option.slot, []).append(option)
    for choice in product(*((None, *slot) for slot in slots.values())):
        yield insert(inputs.graph, [option for option in choice if option is not None], inputs.datasets)


class _Case:
    """One choice of releases."""

    def __init__(self, graph: Graph, inputs: CheckInputs) -> None:
        self.graph, self.inputs = graph, inputs
        self.carried: Carried = carry(graph, inputs.datasets)
        self._refused: dict[tuple[str, str], set[tuple[str, str]]] = {}

    def is_true(self, fact: Fact) -> bool:
        """Whether a fact holds here."""
        sites = self.inputs.inventory.sites
        if "together" in fact:
            return any(", ".join(sorted(tied)) == fact["together"] for tied in self.graph.together)
        if fact.get("resource") == QUOTA:
            return fact.get("site") in sites and sites[fact["site"]].quota_cpu_hours is not None
        if fact.get("task") not in self.graph.tasks or fact.get("site", "") not in {"", *sites}:
            return False
        if "pin" in fact:
            return any(pin.by == fact["pin"] for pin in self.graph.tasks[fact["task"]].pins)
        return all(self._denies(fact, site) for site in ([fact["site"]] if "site" in fact else sites))

    def leaves_nothing(self, facts: tuple[Fact, ...]) -> bool:
        """Whether the facts that are true here leave some task no site."""
        ties = frozenset(frozenset(fact["together"].split(", ")) for fact in facts if "together" in fact)
        graph = replace(self.graph, together=tuple(tied for tied in self.graph.together if tied in ties))
        holding = [fact for fact in facts if "together" not in fact and self.is_true(fact)]
        allowed = {name: set(self.inputs.inventory.sites) for name in graph.tasks}
        for fact in holding:
            for site in self.inputs.inventory.sites:
                if self._bars(fact, site):
                    allowed[fact["task"]].discard(site)
        return any(not set.intersection(*(allowed[name] for name in members)) for members in blocks_of(graph).values())

    def _bars(self, fact: Fact, site: str) -> bool:
        if "pin" in fact:
            pins = [pin for pin in self.graph.tasks[fact["task"]].pins if pin.by == fact["pin"]]
            return all(site not in pin.sites for pin in pins)
        return fact.get("site", site) == site and self._denies(fact, site)

    def _denies(self, fact: Fact, site: str) -> bool:
        task = self.graph.tasks[fact["task"]]
        if "resource" in fact:
            offered = self.inputs.inventory.sites[site].resources
            return offered is not None and task.requests.get(fact["resource"], 0.0) > offered.get(fact["resource"], 0.0)
        return (fact.get("rule", ""), fact.get("dataset", "")) in self._refusals(task, site)

    def _refusals(self, task: Task, site: str) -> set[tuple[str, str]]:
        """Every refusal of every step: rule, dataset."""
        if (task.name, site) not in self._refused:
            inventory, found = self.inputs.inventory, set()
            for step in task.steps:
                if step.role is not Role.IMPORTER:
                    reader = step.reader if step.role is Role.CONTAINER and not task.inserted else None
                    rules = self.carried.read[step.name]
                    for each in refusals(rules, self.inputs.datasets, reader, inventory.place(site), inventory):
                        found.add((str(each.rule), str(each.dataset or "")))
            self._refused[task.name, site] = found
        return self._refused[task.name, site]
