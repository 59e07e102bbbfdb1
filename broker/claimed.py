"""Review of mounts that came through a claim: such a mount ends when the claim's source changes or goes.

Nothing holds a claim that pods read by a Dataset, so its volume may be somebody else's next.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final

from moorage.errors import KubeError, SourceError
from moorage.grants.question import GrantQuestion
from moorage.grants.review import Review
from moorage.model import Dataset, DatasetRef, Source
from moorage.proving import Prover
from moorage.sources.claimed import ClaimedSource
from moorage.sources.location import Location
from moorage.sources.reasons import Reason

MOST_REMEMBERED: Final = 65_536
_GONE: Final = frozenset(
    {Reason.CLAIM_NOT_FOUND, Reason.CLAIM_NOT_BOUND, Reason.CLAIM_ELSEWHERE, Reason.CLAIM_NOT_SERVED}
)


@dataclass(frozen=True, slots=True)
class Held:
    """The source that a claim led to when a pod was granted it.

    Attributes:
        dataset_uid: of the Dataset that named the claim.
        claim: as the Dataset names it.
        location: None: the broker began later, and has not asked yet.
    """

    dataset_uid: str
    claim: ClaimedSource
    location: Location | None

    @classmethod
    def of(cls, dataset_uid: str, source: Source) -> "Held | None":
        """Return the record of a granted source, or None where it is not a claim's."""
        claim = source.declared
        return cls(dataset_uid, claim, source.location) if isinstance(claim, ClaimedSource) else None


class Holdings:
    """Index of the sources that pods were granted through claims, by pod uid and dataset.

    Args:
        most: of them; what was asked about longest ago is forgotten first.
    """

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._held: OrderedDict[tuple[str, DatasetRef], Held] = OrderedDict()

    def note(self, pod_uid: str, ref: DatasetRef, held: Held) -> None:
        """Note that a pod was granted the source."""
        self._held[pod_uid, ref] = held
        self._held.move_to_end((pod_uid, ref))
        while len(self._held) > self._most:
            self._held.popitem(last=False)

    def get(self, pod_uid: str, ref: DatasetRef) -> Held | None:
        """Return the source that a pod was granted, or None where it is no claim's or is not known."""
        held = self._held.get((pod_uid, ref))
        if held is not None:
            self._held.move_to_end((pod_uid, ref))
        return held


def unknown_held(dataset: Dataset | None) -> Held | None:
    """Infer what a pod was granted before the broker started, or None where that can't be told."""
    if dataset is None or len(dataset.sources) != 1:
        return None
    claim = dataset.sources[0].location
    return Held(dataset.uid, claim, None) if isinstance(claim, ClaimedSource) else None


async def review_claim(prover: Prover, asked: GrantQuestion, held: Held) -> tuple[Review, Held]:
    """Ask the cluster where the claim leads now. Who does not answer ends nothing; gives what is held as well."""
    going_on = Review(asked), held
    try:
        place = await prover.place(asked.dataset.namespace, held.claim, held.dataset_uid)
    except SourceError as error:
        return (Review(asked, str(error.reason), str(error)), held) if error.reason in _GONE else going_on
    except (KubeError, TimeoutError):
        return going_on
    if held.location is None:
        return Review(asked), replace(held, location=place.location)
    if place.location == held.location:
        return going_on
    message = f"{held.claim.words} leads elsewhere than when the pod was given it: create the pod again"
    return Review(asked, str(Reason.CLAIM_ELSEWHERE), message), held
