"""Reviews of mounted volumes: the policy, asked again for running pods. Pure."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from moorage.access import Access
from moorage.grants.question import GrantQuestion
from moorage.grants.review import Review
from moorage.model import Dataset, DatasetRef, Pod, Reader, Revocation, Usage
from moorage.policy import ALLOWED, Decision, Rule, carried_rules, decide, decide_flow, decide_write, effective_purpose
from moorage.sites import Inventory, Place

MOST_REMEMBERED: Final = 65_536
_NO_USAGE: Final = Usage()


@dataclass(frozen=True, slots=True)
class KnownReader:
    """The identity by which a pod reads, fixed for the pod's life; only its namespace's list of purposes may change.

    Attributes:
        node: the node that the pod runs on.
        stated_purpose: by its label.
        usage: of a pod that writes: what its labels say.
        datasets: of a pod that writes: all that it reads.
        component_digest: of a pod that writes: what its only container runs.
    """

    node: str
    namespace: str
    service_account: str
    stated_purpose: str | None
    usage: Usage = _NO_USAGE
    datasets: frozenset[DatasetRef] = frozenset()
    component_digest: str | None = None

    @classmethod
    def of(cls, node: str, pod: Pod) -> "KnownReader":
        """Return the reader that a pod on a node is."""
        known = cls(node, pod.namespace, pod.service_account, pod.usage.stated_purpose)
        if not pod.usage.writing:
            return known
        return replace(known, usage=pod.usage, datasets=pod.datasets, component_digest=pod.component_digest)

    def reading(self, listed: frozenset[str] | None) -> Reader:
        """Return the policy's reader, where the namespace lists these purposes; None lists any."""
        return Reader(self.namespace, self.service_account, effective_purpose(self.stated_purpose, listed))


class KnownReaders:
    """The readers that were vouched for, by their pods' uids, so that a review costs the API server nothing.

    Args:
        most: of them, and of the datasets of those that write; who was asked about longest ago is forgotten first.
    """

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._weight = 0
        self._readers: OrderedDict[str, KnownReader] = OrderedDict()

    def put(self, uid: str, reader: KnownReader) -> None:
        """Remember one pod's reader, and forget the oldest beyond the limit."""
        if (before := self._readers.pop(uid, None)) is not None:
            self._weight -= _weight(before)
        self._readers[uid] = reader
        self._weight += _weight(reader)
        while self._weight > self._most:
            _, forgotten = self._readers.popitem(last=False)
            self._weight -= _weight(forgotten)

    def get(self, uid: str, node: str) -> KnownReader | None:
        """Return the reader with this uid, where it runs on that node."""
        reader = self._readers.get(uid)
        if reader is None or reader.node != node:
            return None
        self._readers.move_to_end(uid)
        return reader


def is_ended_at_once(dataset: Dataset | None) -> bool:
    """Return whether the steward wants running mounts ended; False where the Dataset is gone or unreadable."""
    return dataset is not None and dataset.revocation is Revocation.IMMEDIATE


@dataclass(frozen=True, slots=True)
class Circumstances:
    """The current circumstances of a review, besides the volume and its reader.

    Attributes:
        dataset_of: the Datasets.
        listed: the purposes that count in the pod's namespace; None: any.
        place: of the node.
        inventory: the sites.
    """

    dataset_of: Callable[[DatasetRef], Dataset | None]
    listed: frozenset[str] | None
    place: Place
    inventory: Inventory


def review(asked: GrantQuestion, known: KnownReader, now: Circumstances) -> Review:
    """Ask the policy again.

    Args:
        asked: the volume.
        known: whose volume it is.
        now: as things are.
    """
    dataset = now.dataset_of(asked.dataset)
    if dataset is None or not is_ended_at_once(dataset):
        return Review(asked)
    reader = known.reading(now.listed)
    decision = decide(asked.dataset, dataset, reader, now.place, now.inventory)
    if decision.allowed:
        decision = _decide_writing(dataset, now.dataset_of, known, reader)
    if decision.allowed or decision.rule is None:
        return Review(asked)
    return Review(asked, decision.rule.value, decision.message)


def _decide_writing(
    dataset: Dataset, dataset_of: Callable[[DatasetRef], Dataset | None], known: KnownReader, reader: Reader
) -> Decision:
    """Decide whether a pod that writes may still do so, given all that it reads."""
    if not known.usage.writing:
        return ALLOWED
    # A dataset that was read and is gone ends nothing, as it has no steward to want that.
    read = {ref: found for ref in known.datasets if (found := dataset_of(ref)) is not None}
    carried = carried_rules(known.usage, read, known.component_digest)
    if known.usage.access_to(dataset.ref) is Access.READ_WRITE:
        decision = decide_write(dataset, reader, read, carried)
        if not decision.allowed:
            return decision
    for use in known.usage.writing:
        if use.ref == dataset.ref:
            continue
        target = dataset_of(use.ref)
        if target is None:
            message = (
                f"what this pod writes to dataset {use.ref} can't be judged: nobody can read that Dataset any more"
            )
            return Decision.denied(Rule.DATASET_UNKNOWN, message, use.ref)
        decision = decide_flow(target, reader, {dataset.ref: dataset}, carried)
        if not decision.allowed:
            return decision
    return ALLOWED


def _weight(reader: KnownReader) -> int:
    return 1 + len(reader.usage.uses) + len(reader.datasets)
