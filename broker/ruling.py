"""The ruling: whether the pod may read the dataset on its node, and from which source. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from broker import caching
from moorage.access import Access
from moorage.grants.grant import FillTerms, Grant
from moorage.locality import best_way, dataset_bytes
from moorage.locality.emptiness import nothing_to_read
from moorage.model import Dataset, DatasetRef, Node, Pod, Reader, Source
from moorage.policy import ALLOWED, Decision, carried_rules, decide, decide_write, effective_purpose
from moorage.refusal import DENIED, NOT_POSSIBLE, Refusal
from moorage.sites import Inventory
from moorage.sources import COPIED_KINDS, Credentials, unserved
from moorage.sources.reasons import Reason


@dataclass(frozen=True, slots=True)
class Question:
    """The inputs of a ruling.

    Attributes:
        ref: the dataset that is asked for.
        dataset: None where no Dataset has the name, or its spec can't be read.
        unreadable: whether it is the latter.
        pod: vouched for.
        purposes: that the pod's namespace lists; None: any.
        node: the node that the pod runs on.
        inventory: the sites.
        read: all datasets of a pod that asks to write; None where there is none, or its spec can't be read.
        problems: of its sources that are claims and lead nowhere, why, by their site.
    """

    ref: DatasetRef
    dataset: Dataset | None
    unreadable: bool
    pod: Pod
    purposes: frozenset[str] | None
    node: Node
    inventory: Inventory
    read: Mapping[DatasetRef, Dataset | None] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)

    @property
    def access(self) -> Access:
        """The access that the pod's labels ask for; the API server keeps labels from being changed."""
        return self.pod.usage.access_to(self.ref)


@dataclass(frozen=True, slots=True)
class Permission:
    """Permission to read a dataset from one of its sources.

    Attributes:
        dataset: that is read.
        site: the site of the node.
        source: to read from.
        local: whether it lies in the node's own site.
        purpose: that counted; None: none was stated, or none counts.
        fill: on which terms the node may keep a copy; None: there is nothing to verify it with, or the pod writes.
        access: to read, or to write as well.
    """

    dataset: Dataset
    site: str
    source: Source
    local: bool
    purpose: str | None
    fill: FillTerms | None = None
    access: Access = Access.READ_ONLY


def rule(question: Question) -> Permission | Refusal:
    """Ask the policy, then pick the source: the own site's, else the quickest."""
    ref, dataset, pod = question.ref, question.dataset, question.pod
    if question.unreadable:
        message = f"dataset {ref} can't be used, because its spec can't be read: its steward sees why in its conditions"
        return Refusal(DENIED, "DatasetUnknown", message)
    purpose = effective_purpose(pod.usage.stated_purpose, question.purposes)
    place = question.inventory.place_of_node(question.node)
    reader = Reader(pod.namespace, pod.service_account, purpose)
    decision = decide(ref, dataset, reader, place, question.inventory)
    if decision.allowed and dataset is not None:
        decision = _decide_write(question, dataset, reader)
    if not decision.allowed or dataset is None or place.site_name is None:
        return Refusal(DENIED, "" if decision.rule is None else decision.rule.value, decision.message)
    source = choose_source(dataset, place.site_name, question.inventory)
    if source is None:
        return Refusal(NOT_POSSIBLE, "", _no_source(question, dataset, place.site_name))
    writes = question.access is Access.READ_WRITE
    # An empty folder is where writing begins.
    if (problem := nothing_to_read(replace(dataset, allow_empty=dataset.allow_empty or writes), source)) is not None:
        message = f"dataset {ref} would be an empty folder here, so it is not mounted: {problem}"
        return Refusal(NOT_POSSIBLE, "", message)
    is_local = source.site == place.site_name
    if writes:
        source = replace(source, location=source.location.for_writers())
        return Permission(dataset, place.site_name, source, is_local, purpose, access=Access.READ_WRITE)
    terms = caching.fill_terms(dataset, source, place.site_name, pod, question.inventory)
    return Permission(dataset, place.site_name, source, is_local, purpose, terms)


def _no_source(question: Question, dataset: Dataset, site: str) -> str:
    """Explain why a node of the site can mount none of the sources, or that one is still being looked up."""
    waiting = [source for source in dataset.sources if source.location.abilities.looked_up]
    if waiting:
        first = waiting[0]
        problem = question.problems.get(first.site) or nothing_to_read(dataset, first) or unserved(first.location)
        return f"dataset {dataset.ref} can't be mounted yet: {problem}"
    kinds = ", ".join(sorted({source.kind for source in dataset.sources}))
    return (
        f"dataset {dataset.ref} has no source that a node of site {site} can mount (it has {kinds}): give it one of "
        f"{', '.join(COPIED_KINDS)} at that site"
    )


def _decide_write(question: Question, dataset: Dataset, writer: Reader) -> Decision:
    """Decide as at admission, over all that the pod reads now, by its labels or by volumes without labels."""
    if question.access is Access.READ_ONLY:
        return ALLOWED
    carried = carried_rules(question.pod.usage, question.read, question.pod.component_digest)
    return decide_write(dataset, writer, question.read, carried)


def granted(permission: Permission, credentials: Credentials | None) -> Grant:
    """Return the grant that the node plugin gets.

    Raises:
        SourceError: the source says what can't be used.
    """
    dataset = permission.dataset
    return Grant(
        fill=permission.fill,
        location=permission.source.location.granted(),
        local=permission.local,
        credentials=credentials,
        cache=dataset.cache,
        site=permission.site,
        source_site=permission.source.site,
        version=dataset.status.version,
        access=permission.access,
        uid=dataset.uid,
    )


def choose_source(dataset: Dataset, site: str, inventory: Inventory) -> Source | None:
    """Return the source in the own site, else the one that brings the data soonest.

    Those out of reach come last, and after them those that are known to hold nothing.
    """
    mountable = [source for source in inventory.sources(dataset) if _can_be_mounted(source, site)]
    mountable = [source for source in mountable if nothing_to_read(dataset, source) is None] or mountable
    told = {status.site: status for status in dataset.status.sources}
    reachable = [
        source
        for source in mountable
        if source.site not in told or told[source.site].reachable or told[source.site].reason == Reason.NOT_LISTED
    ]
    candidates = replace(dataset, sources=tuple(reachable or mountable))
    way = best_way(candidates, site, dataset_bytes(dataset), inventory)
    return None if way is None else way.source


def _can_be_mounted(source: Source, site: str) -> bool:
    is_here = source.site == site or not source.location.abilities.own_site_only
    return source.location.served and is_here
