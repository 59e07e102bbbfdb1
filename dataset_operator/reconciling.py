"""Reconciliation: from all that is known of one Dataset to the status that it should have. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dataset_operator import conditions
from dataset_operator.conditions import Condition
from dataset_operator.findings import Findings
from dataset_operator.status import write_status
from dataset_operator.verdict import Verdict, judge, keep, refuse_spec
from moorage.errors import InputError
from moorage.model import CLAIMED_CONDITION, Dataset, DatasetStatus
from moorage.sites import Inventory
from moorage.wire import read_dataset_status


@dataclass(frozen=True, slots=True)
class Facts:
    """One Dataset, gathered.

    Attributes:
        dataset: None where its spec can't be read.
        problem: why not.
        generation: the generation of the spec.
        raw_status: what the status says now.
        status_is_about_it: whether its data (bytes, version ...) are of the sources that the spec names now.
        findings: the last look; None before the first.
        users: the pods that use it now, sorted.
        inventory: the sites.
        claim: how its claim stands; None where that is not known, as after a restart.
    """

    dataset: Dataset | None
    problem: InputError | None
    generation: int
    raw_status: Mapping[str, Any]
    status_is_about_it: bool
    findings: Findings | None
    users: Sequence[str]
    inventory: Inventory
    claim: Condition | None = None


def reconcile(facts: Facts, now: str) -> dict[str, Any]:
    """Return the whole status; `now` is the time of whatever turns, RFC 3339."""
    verdict = _decide(facts)
    verdict = replace(verdict, conditions=(*verdict.conditions, *_claimed(facts)))
    return write_status(verdict, facts.raw_status, facts.generation, now)


def _claimed(facts: Facts) -> tuple[Condition, ...]:
    """Return the condition of a requested claim, kept as it was until more is known: pods are admitted by it."""
    if facts.dataset is None or not facts.dataset.claim:
        return ()
    told = conditions.read(facts.raw_status.get("conditions") or ())
    found = facts.claim or told.get(CLAIMED_CONDITION)
    return () if found is None else (found,)


def _decide(facts: Facts) -> Verdict:
    last = read_dataset_status(facts.raw_status)
    if facts.problem is not None or facts.dataset is None:
        problem = facts.problem or InputError("Dataset", "spec", "can't be read")
        return refuse_spec(problem, last, facts.users)
    if not facts.status_is_about_it:
        last = DatasetStatus()
    told = conditions.read(facts.raw_status.get("conditions") or ())
    current = facts.raw_status.get("observedGeneration") == facts.generation
    if facts.findings is None and current and {"Ready", "Accessible"} <= told.keys():
        sites = str(facts.raw_status.get("sites") or "")
        return keep(facts.dataset, last, told=told, sites=sites, inventory=facts.inventory, users=facts.users)
    return judge(facts.dataset, facts.findings, last, facts.inventory, facts.users)
