"""Which of the volumes that a node shows may still be read: the policy, asked again for pods that run. Pure."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from moorage.grants.question import GrantQuestion
from moorage.grants.review import Review
from moorage.model import Dataset, Reader, Revocation
from moorage.policy import decide, effective_purpose
from moorage.sites import Inventory, Place

MOST_REMEMBERED: Final = 65_536


@dataclass(frozen=True, slots=True)
class KnownReader:
    """As whom a pod reads: nothing of it changes while the pod lives, but for what its namespace lets count.

    Attributes:
        node: where the pod runs.
        stated_purpose: by its label.
    """

    node: str
    namespace: str
    service_account: str
    stated_purpose: str | None

    def reading(self, listed: frozenset[str] | None) -> Reader:
        """As the policy knows it, where its namespace lists these purposes; None: any."""
        return Reader(self.namespace, self.service_account, effective_purpose(self.stated_purpose, listed))


class KnownReaders:
    """The readers that were vouched for, by their pods' uids, so that a review costs the API server nothing.

    Args:
        most: of them; those that were asked about longest ago are forgotten first.
    """

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._readers: OrderedDict[str, KnownReader] = OrderedDict()

    def put(self, uid: str, reader: KnownReader) -> None:
        """Remember one."""
        self._readers[uid] = reader
        self._readers.move_to_end(uid)
        while len(self._readers) > self._most:
            self._readers.popitem(last=False)

    def get(self, uid: str, node: str) -> KnownReader | None:
        """The reader with this uid, where it runs on that node."""
        reader = self._readers.get(uid)
        if reader is None or reader.node != node:
            return None
        self._readers.move_to_end(uid)
        return reader


def is_ended_at_once(dataset: Dataset | None) -> bool:
    """Whether its steward wants running mounts ended; of a Dataset that is gone or can't be read, nobody knows."""
    return dataset is not None and dataset.revocation is Revocation.IMMEDIATE


def review(asked: GrantQuestion, dataset: Dataset | None, reader: Reader, place: Place, inventory: Inventory) -> Review:
    """Ask the policy again.

    Args:
        asked: the volume.
        dataset: as it is now.
        reader: whose volume it is.
        place: of the node.
        inventory: the sites.
    """
    if not is_ended_at_once(dataset):
        return Review(asked)
    decision = decide(asked.dataset, dataset, reader, place, inventory)
    if decision.allowed or decision.rule is None:
        return Review(asked)
    return Review(asked, decision.rule.value, decision.message)
