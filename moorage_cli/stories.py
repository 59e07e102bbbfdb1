"""What `why` tells: the verdict for each site, and why a pod is where it is. Pure.

Verdicts come from the phases that the scheduler extender runs; nothing is decided here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moorage.locality import best_way, dataset_bytes
from moorage.locality.snapshot import Request, Snapshot
from moorage.locality.verdict_json import write_verdicts
from moorage.locality.verdicts import SiteVerdict, by_site, filter_nodes, judge
from moorage.model import SCHEDULER_NAME, DatasetRef, Node, Pod
from moorage.policy import Decision, carried_rules, decide_write
from moorage_cli.sentences import words

Raw = Mapping[str, Any]
HERE = "here"


@dataclass(frozen=True, slots=True)
class SiteStory:
    """One site.

    Attributes:
        verdict: on all the datasets together.
        alone: the decision on each dataset by itself.
        origins: for each dataset that could be brought, the site that it would come from.
        nodes: how many nodes the site has; None where nodes can't be seen.
        passing_nodes: how many of them pass.
    """

    verdict: SiteVerdict
    alone: Mapping[DatasetRef, Decision]
    origins: Mapping[DatasetRef, str]
    nodes: int | None = None
    passing_nodes: int | None = None


def site_stories(request: Request, snapshot: Snapshot, *, nodes_seen: bool) -> tuple[SiteStory, ...]:
    """The story of every Site, by name."""
    passing = set(filter_nodes(request, list(snapshot.places.number_of), snapshot).passed)
    stories = []
    for verdict in by_site(request, snapshot):
        name = verdict.site_name
        place = snapshot.inventory.place(name)
        here = [node for node, its_place in snapshot.places.items() if its_place.site_name == name]
        alone = {ref: judge(Request(request.reader, (ref,)), place, snapshot) for ref in request.refs}
        stories.append(
            SiteStory(
                verdict,
                alone,
                {ref: origin for ref in request.refs if (origin := _origin(ref, name, snapshot))},
                len(here) if nodes_seen else None,
                len(passing.intersection(here)) if nodes_seen else None,
            )
        )
    return tuple(stories)


def writing_refusals(pod: Pod, request: Request, snapshot: Snapshot) -> list[str]:
    """Why the pod may not write where its labels ask for it, wherever it runs; empty where it may."""
    datasets = {ref: snapshot.datasets.get(ref) for ref in request.refs}
    carried = carried_rules(pod.usage, datasets, pod.component_digest)
    told = []
    for use in pod.usage.writing:
        target = datasets.get(use.ref)
        if target is None:
            continue  # each site refuses it
        decision = decide_write(target, request.reader, datasets, carried)
        if not decision.allowed:
            told.append(f"It may not write to dataset {use.ref} ({decision.rule}): {decision.message}.")
    return told


def _origin(ref: DatasetRef, site_name: str, snapshot: Snapshot) -> str:
    dataset = snapshot.datasets.get(ref)
    if dataset is None:
        return ""
    cached = (site_name, ref) in snapshot.caches.full_at_sites
    way = best_way(dataset, site_name, dataset_bytes(dataset), snapshot.inventory, site_cache=cached)
    if way is None:
        return ""
    return HERE if way.local else way.site_name


def refusals(stories: tuple[SiteStory, ...]) -> list[tuple[str, str]]:
    """Each sentence of a refusal once, with its sites: those on datasets alone, else the one on them together."""
    sites_of: dict[str, list[str]] = {}
    for story in stories:
        told = [decision.message for decision in story.alone.values() if not decision.allowed]
        if not told and not story.verdict.decision.allowed:
            told = [story.verdict.decision.message]
        for message in told:
            sites_of.setdefault(message, []).append(story.verdict.site_name)
    return [(", ".join(sites), message) for message, sites in sites_of.items()]


def reader_words(request: Request, stated_purpose: str | None, listed: frozenset[str] | None) -> str:
    """As whom, and what for: `as fraud/trainer for the purpose research`."""
    account = f"as service account {request.reader.namespace}/{request.reader.service_account}"
    if request.reader.purpose:
        return f"{account}, for the purpose {request.reader.purpose}"
    if not stated_purpose:
        return f"{account}, without a purpose"
    return (
        f"{account}; the purpose that it states, {stated_purpose}, does not count, because namespace "
        f"{request.reader.namespace} lists {words(listed or (), 'and')} only (annotation moorage.dev/purposes)"
    )


def unsited_nodes(snapshot: Snapshot) -> list[str]:
    """The nodes that no verdict on sites covers, each problem in a sentence."""
    nodes_of: dict[str, list[str]] = {}
    for name, place in snapshot.places.items():
        if place.site_name is None:
            nodes_of.setdefault(place.problem, []).append(name)
    return [f"{words(nodes)}: {problem}." for problem, nodes in sorted(nodes_of.items())]


def assumptions(request: Request, snapshot: Snapshot) -> list[str]:
    """What had to be assumed for the seconds."""
    return [
        f"The size of dataset {ref} is not known yet: 100 MiB is assumed."
        for ref in request.refs
        if (dataset := snapshot.datasets.get(ref)) and dataset.status.size_bytes is None
    ]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a pod is, or why it is nowhere yet."""

    placed_and_allowed: bool
    sentences: list[str]


def outcome(raw_pod: Raw, pod: Pod, request: Request, snapshot: Snapshot, nodes: tuple[Node, ...]) -> Outcome:
    """What became of the pod."""
    phase = str((raw_pod.get("status") or {}).get("phase") or "Pending")
    if pod.node_name:
        return _placed(pod.node_name, phase, request, snapshot)
    told = [*_scheduler_words(pod), *_selector_words(raw_pod, request, snapshot, nodes)]
    waiting = _unscheduled_message(raw_pod)
    if waiting:
        told.append(f"It waits. The scheduler {pod.scheduler_name} says: {waiting}")
    elif phase == "Pending":
        told.append(f"It waits, and no scheduler has looked at it yet: is the scheduler {pod.scheduler_name} running?")
    return Outcome(placed_and_allowed=False, sentences=told)


def _placed(node_name: str, phase: str, request: Request, snapshot: Snapshot) -> Outcome:
    if node_name not in snapshot.places.number_of:
        return Outcome(
            placed_and_allowed=phase != "Failed",
            sentences=[f"It is on node {node_name} ({phase}), which can't be seen."],
        )
    place = snapshot.places[node_name]
    decision = judge(request, place, snapshot)
    where = f"at site {place.site_name}" if place.site_name else "of no site"
    told = [f"It is on node {node_name} {where} ({phase})."]
    if not decision.allowed:
        told.append(f"It would be refused there now: {decision.message} ({decision.rule}).")
    return Outcome(placed_and_allowed=decision.allowed, sentences=told)


def _scheduler_words(pod: Pod) -> list[str]:
    if pod.scheduler_name == SCHEDULER_NAME:
        return []
    told = (
        f"Its scheduler is {pod.scheduler_name}, not {SCHEDULER_NAME}: nothing checks the rules before it is placed. "
        "The node plugin still refuses the data where they forbid it."
    )
    return [told]


def _selector_words(raw_pod: Raw, request: Request, snapshot: Snapshot, nodes: tuple[Node, ...]) -> list[str]:
    selector: Mapping[str, str] = (raw_pod.get("spec") or {}).get("nodeSelector") or {}
    if not selector or not nodes:
        return []
    wanted = [node.name for node in nodes if all(node.labels.get(key) == value for key, value in selector.items())]
    named = words([f"{key}={value}" for key, value in selector.items()])
    if not wanted:
        return [f"Its node selector ({named}) matches no node."]
    sites = sorted({snapshot.places[name].site_name or "no site" for name in wanted})
    passed = filter_nodes(request, wanted, snapshot).passed
    refused = "" if passed else ", and the rules refuse all of them"
    return [f"Its node selector ({named}) leaves nodes of {words(sites)} only{refused}."]


def _unscheduled_message(raw_pod: Raw) -> str:
    for condition in (raw_pod.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return str(condition.get("message") or condition.get("reason") or "")
    return ""


def as_document(request: Request, stories: tuple[SiteStory, ...]) -> dict[str, Any]:
    """For programs: what /sites/score answers, with the nodes and each dataset's own decision."""
    body = write_verdicts(request, [story.verdict for story in stories])
    for entry, story in zip(body["sites"], stories, strict=True):
        entry["rule"] = None if entry["rule"] is None else str(entry["rule"])
        entry["nodes"], entry["passingNodes"] = story.nodes, story.passing_nodes
        entry["datasets"] = [
            {
                "dataset": str(ref),
                "allowed": decision.allowed,
                "rule": None if decision.rule is None else str(decision.rule),
                "message": decision.message,
                "from": (story.verdict.site_name if story.origins[ref] == HERE else story.origins[ref])
                if ref in story.origins
                else None,
            }
            for ref, decision in story.alone.items()
        ]
    return body
