"""Constraints taken apart: what keeps tasks from sites, as facts of which each can be imagined away alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from moorage.model import DatasetRef
from moorage.policy import Decision, Rule
from moorage.sites import Inventory
from pipeline_splitter.flow.permitting import Asked, amount, namespace_doubt, resource_excess
from pipeline_splitter.flow.relaxing import Choice
from pipeline_splitter.graph import Step, Task

QUOTA = "quotaCpuHours"
NOT_OF_A_SITE = frozenset(
    {
        Rule.DATASET_UNKNOWN,
        Rule.SITE_UNKNOWN,
        Rule.PURPOSE_MISSING,
        Rule.PURPOSE_NOT_ALLOWED,
        Rule.CONSUMER_NOT_ALLOWED,
    }
)
"""Rules that refuse at every site alike, because they look at the dataset and the reader only."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that narrows where tasks may be. Two facts are one if all but the sentence is equal.

    Attributes:
        task: which may not be somewhere; "" for a quota.
        site: where it may not be; "" where the fact holds at every site, or says where it must be.
        rule, dataset: a rule of governance; the dataset is None where only the join refuses.
        resource: of which the site's nodes have too little, or `quotaCpuHours`.
        pin: what says where it must be; `pinned`: there, as far as these are listed sites.
        together: tasks that must stay in one group.
        message: the fact as a sentence.
    """

    task: str = ""
    site: str = ""
    rule: str = ""
    dataset: DatasetRef | None = None
    resource: str = ""
    pin: str = ""
    pinned: frozenset[str] = frozenset()
    together: frozenset[str] = frozenset()
    message: str = field(default="", compare=False)

    def denies(self, site: str) -> bool:
        """Return whether it keeps its task from that site."""
        if self.pin:
            return site not in self.pinned
        return bool(self.rule or self.resource) and self.site in {"", site}

    def order(self) -> tuple[object, ...]:
        """Return a place in a list, for tasks, sites and rules in theirs."""
        rules = [str(rule) for rule in Rule]
        rank = rules.index(self.rule) if self.rule else len(rules)
        kind = (bool(self.together), bool(self.pin), bool(self.resource))
        return (
            not self.task,
            self.task,
            kind,
            rank,
            str(self.dataset or ""),
            self.site,
            self.resource,
            self.pin,
            sorted(self.pinned),
            sorted(self.together),
        )

    def words(self) -> Mapping[str, str]:
        """Return the fact as `infeasible.json` words it."""
        site = self.site or (next(iter(self.pinned)) if len(self.pinned) == 1 else "")
        said = {
            "task": self.task or min(self.together, default=""),
            "dataset": "" if self.dataset is None else str(self.dataset),
            "rule": self.rule,
            "site": site,
            "resource": self.resource,
            "pin": self.pin,
            "sites": ", ".join(sorted(self.pinned)),
            "together": ", ".join(sorted(self.together)),
        }
        return {**{key: value for key, value in said.items() if value}, "message": self.message}


def facts_of_task(task: Task, asked: Asked, inventory: Inventory) -> frozenset[Fact]:
    """Return all that keeps one task from sites: every rule of every step, every resource, every pin."""
    found: set[Fact] = set()
    for step in task.steps:
        where = f"task {step.name}" if not task.inserted else f"inserted task {step.name}"
        for site, decisions in asked.all(task, step).items():
            found.update(_of_decision(task.name, where, site, decision, step) for decision in decisions)
    for name in inventory.sites:
        for resource, message in resource_excess(task.requests, inventory.sites[name]).items():
            found.add(Fact(task.name, name, resource=resource, message=f"task {task.name}: {message}"))
    for pin in task.pins:
        sites = ", ".join(sorted(pin.sites)) or "no site"
        message = f"task {task.name} must run at {sites}: {pin.by} says so"
        unlisted = ", ".join(sorted(pin.sites - inventory.sites.keys()))
        if unlisted:
            message = f"{message} (not listed: {unlisted})"
        found.add(Fact(task.name, pin=pin.by, pinned=pin.sites.intersection(inventory.sites), message=message))
    return frozenset(found)


def facts_of_ties(choice: Choice) -> frozenset[Fact]:
    """Return the facts on tasks that must stay together."""
    return frozenset(
        Fact(
            together=tied,
            message=f"tasks {', '.join(sorted(tied))} must stay in one group, with all tasks on paths between them",
        )
        for tied in choice.graph.together
        if len(tied) > 1
    )


def facts_of_quotas(inventory: Inventory) -> frozenset[Fact]:
    """Return the facts on how much each site computes at most."""
    return frozenset(
        Fact(
            site=site.name,
            resource=QUOTA,
            message=f"site {site.name} computes at most {amount('CPU hours', site.quota_cpu_hours)} (quotaCpuHours)",
        )
        for site in inventory.sites.values()
        if site.quota_cpu_hours is not None
    )


def _of_decision(task: str, where: str, site: str, decision: Decision, step: Step) -> Fact:
    rule = "" if decision.rule is None else str(decision.rule)
    everywhere = decision.rule in NOT_OF_A_SITE
    return Fact(
        task,
        "" if everywhere else site,
        rule,
        decision.dataset,
        message=f"{where}: {decision.message}{namespace_doubt(step, decision)}",
    )
