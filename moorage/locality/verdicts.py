"""Which nodes and sites may run a pod, and why the others may not. Pure: the policy, asked once per distinct place."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from moorage.locality.bringing import bring_seconds, scores
from moorage.locality.reasons import short_reason
from moorage.locality.snapshot import Request, Snapshot
from moorage.policy import ALLOWED, Decision, decide_all
from moorage.sites import Place


def judge(request: Request, place: Place, snapshot: Snapshot) -> Decision:
    """The policy's decision on all the datasets together."""
    if not request.refs:
        return ALLOWED
    return decide_all(request.pairs(snapshot), request.reader, place, snapshot.inventory)


@dataclass(frozen=True, slots=True)
class Filtered:
    """The nodes that may run the pod, in the order given, and for each other one the reason."""

    passed: list[str]
    refused: dict[str, str]


def filter_nodes(request: Request, node_names: Sequence[str], snapshot: Snapshot) -> Filtered:
    """Sort the nodes into those that pass and those that don't."""
    if not request.refs:
        return Filtered(list(node_names), {})
    distinct, find_number = snapshot.places.distinct, snapshot.places.number_of.get
    reasons = snapshot.reasons.setdefault(request, [None] * len(distinct))
    passed: list[str] = []
    refused: dict[str, str] = {}
    for name in node_names:
        number = find_number(name, 0)
        reason = reasons[number]
        if reason is None:
            reason = reasons[number] = _reason(request, distinct[number], snapshot)
        if reason:
            refused[name] = reason
        else:
            passed.append(name)
    return Filtered(passed, refused)


def _reason(request: Request, place: Place, snapshot: Snapshot) -> str:
    """Why the request is refused at the place; empty where it is allowed."""
    decision = judge(request, place, snapshot)
    if decision.allowed:
        return ""
    return short_reason(decision, request.pairs(snapshot), request.reader, place, snapshot.unreadable)


@dataclass(frozen=True, slots=True)
class SiteVerdict:
    """What holds at one site, for a node that has nothing cached of its own.

    `seconds` and `score` are None where the site refuses; `seconds` also where no source is usable.
    """

    site_name: str
    decision: Decision
    seconds: float | None = None
    score: int | None = None


def by_site(request: Request, snapshot: Snapshot) -> tuple[SiteVerdict, ...]:
    """The verdict of every Site, by name."""
    datasets = request.known(snapshot)
    places = {name: snapshot.inventory.place(name) for name in sorted(snapshot.inventory.sites)}
    decisions = {name: judge(request, place, snapshot) for name, place in places.items()}
    seconds = {
        name: bring_seconds("", places[name], datasets, snapshot.inventory, snapshot.caches)
        for name, decision in decisions.items()
        if decision.allowed
    }
    of_site = scores(seconds)
    return tuple(
        SiteVerdict(
            name,
            decision,
            seconds[name] if name in seconds and math.isfinite(seconds[name]) else None,
            of_site.get(name),
        )
        for name, decision in decisions.items()
    )
