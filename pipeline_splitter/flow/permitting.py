"""Admissible sites: where each task may be by policy, resources and pins, and where not: the first reason.

In this order: the rules of governance in theirs (of a unit's steps, the earliest rule that any of them meets), then
`ResourceExceeded`, then `Pinned`. What must stay together is not asked here.

Decisions are made once for each distinct (map, reader) and shared: equal tasks have the very same answer.
"""

import difflib
from collections.abc import Iterator, Mapping

from moorage.model import Reader, Site
from moorage.policy import Decision, Rule, refusals
from moorage.reading.quantity import format_memory
from moorage.sites import Inventory
from pipeline_splitter.flow.carrying import Datasets, Flow, Rules
from pipeline_splitter.graph import Graph, Pin, Role, Step, Task
from pipeline_splitter.plan import Denial

RESOURCE_EXCEEDED = "ResourceExceeded"
PINNED = "Pinned"

Permits = Mapping[str, Mapping[str, Denial | None]]
_ORDER = {rule: index for index, rule in enumerate(Rule)}


def permit(graph: Graph, flow: Flow, datasets: Datasets, inventory: Inventory) -> Permits:
    """Return for each task and site None, where it may be there, or else the first reason why not. Sites by name."""
    asked = Asked(flow, datasets, inventory)
    decided: dict[object, Mapping[str, Denial | None]] = {}
    permits = {}
    for name in sorted(graph.tasks):
        task = graph.tasks[name]
        key = (
            tuple((asked.key(task, step), step.namespace_assumed) for step in task.steps)
            if len(task.steps) == 1
            else name,
            tuple(sorted(task.requests.items())),
            task.pins,
        )
        if key not in decided:
            decided[key] = {site: _denial(task, asked, inventory.sites[site]) for site in sorted(inventory.sites)}
        permits[name] = decided[key]
    return permits


class Asked:
    """Decisions of the policy engine, each made once."""

    def __init__(self, flow: Flow, datasets: Datasets, inventory: Inventory) -> None:
        self._flow = flow
        self._datasets = datasets
        self._inventory = inventory
        self._first: dict[object, Mapping[str, Decision | None]] = {}
        self._all: dict[object, Mapping[str, tuple[Decision, ...]]] = {}

    def key(self, task: Task, step: Step) -> tuple[int, Reader | None, bool]:
        """Return the key of a decision, besides the site."""
        return id(self._flow.read[step.name]), reader_of(task, step), step.role is Role.IMPORTER

    def first(self, task: Task, step: Step) -> Mapping[str, Decision | None]:
        """Return the first refusal at each site."""
        key = self.key(task, step)
        if key not in self._first:
            self._first[key] = {site: next(self._ask(task, step, site), None) for site in self._inventory.sites}
        return self._first[key]

    def all(self, task: Task, step: Step) -> Mapping[str, tuple[Decision, ...]]:
        """Return every refusal at each site."""
        key = self.key(task, step)
        if key not in self._all:
            self._all[key] = {site: tuple(self._ask(task, step, site)) for site in self._inventory.sites}
        return self._all[key]

    def _ask(self, task: Task, step: Step, site: str) -> Iterator[Decision]:
        carried: Rules = {} if step.role is Role.IMPORTER else self._flow.read[step.name]
        return refusals(carried, self._datasets, reader_of(task, step), self._inventory.place(site), self._inventory)


def reader_of(task: Task, step: Step) -> Reader | None:
    """Return the reader to ask about; None where only site rules bind: control nodes and inserted releases.

    Raises:
        ValueError: a container of the pipeline has no reader.
    """
    if step.role is not Role.CONTAINER or task.inserted:
        return None
    if step.reader is None:
        raise ValueError(f"step {step.name} has no reader")
    return step.reader


def resource_excess(requests: Mapping[str, float], site: Site) -> dict[str, str]:
    """Return a sentence for each resource of which more is requested than the site's largest node has."""
    if site.resources is None:
        return {}
    exceeded = {}
    for name in sorted(requests):
        offered = site.resources.get(name, 0.0)
        if requests[name] > offered:
            exceeded[name] = (
                f"{amount(name, requests[name])} are requested, and the largest node of site {site.name} has "
                f"{amount(name, offered)}: ask for less, or run at a site with larger nodes"
            )
    return exceeded


def namespace_doubt(step: Step, decision: Decision) -> str:
    """Return the cause behind a refusal of somebody whose namespace nobody said; "" where it is none."""
    if not step.namespace_assumed or step.reader is None:
        return ""
    namespace = step.reader.namespace
    is_of_it = decision.dataset is not None and decision.dataset.namespace == namespace
    if decision.rule is Rule.CONSUMER_NOT_ALLOWED or (decision.rule is Rule.DATASET_UNKNOWN and is_of_it):
        return (
            f" (no hint says in which namespace the task runs, so {namespace} was assumed: set defaults.namespace in "
            "--hints)"
        )
    return ""


def pinned_elsewhere(pin: Pin, site: str) -> str:
    """Return the reason why a pin keeps a task from a site, or ""."""
    if site in pin.sites:
        return ""
    named = ", ".join(sorted(pin.sites)) or "no site"
    return f"{pin.by} names {named}, not {site}: run there, or change it"


def pin_warnings(graph: Graph, inventory: Inventory) -> tuple[str, ...]:
    """Sentences about pins that name a site that is not listed; such a site permits nothing."""
    return tuple(
        f"task {name}: {pin.by}{f' ({pin.place})' if pin.place else ''} names {site}, which is not a listed site "
        f"({_near(site, inventory)})"
        for name in sorted(graph.tasks)
        for pin in graph.tasks[name].pins
        for site in sorted(pin.sites - inventory.sites.keys())
    )


def _near(site: str, inventory: Inventory) -> str:
    listed = sorted(inventory.sites)
    near = difflib.get_close_matches(site, listed, n=1)
    return f"nearest: {near[0]}; listed: {', '.join(listed)}" if near else f"listed: {', '.join(listed) or 'none'}"


def amount(resource: str, value: float) -> str:
    """Format an amount for people: `4 cpu`, `12 GiB of memory`, `1 nvidia.com/gpu`."""
    return f"{format_memory(int(value))} of memory" if resource == "memory" else f"{value:g} {resource}"


def _denial(task: Task, asked: Asked, site: Site) -> Denial | None:
    refused = [
        (_ORDER[decision.rule], position, decision)
        for position, step in enumerate(task.steps)
        if (decision := asked.first(task, step)[site.name]) is not None and decision.rule is not None
    ]
    if refused:
        _, position, decision = min(refused, key=lambda each: each[:2])
        where = f"{task.steps[position].name}: " if len(task.steps) > 1 else ""
        message = f"{where}{decision.message}{namespace_doubt(task.steps[position], decision)}"
        return Denial(str(decision.rule), message, decision.dataset)
    for message in resource_excess(task.requests, site).values():
        return Denial(RESOURCE_EXCEEDED, message)
    for pin in task.pins:
        if message := pinned_elsewhere(pin, site.name):
            return Denial(PINNED, message)
    return None
