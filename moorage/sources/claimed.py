"""Places that a claim leads to: the claim is a tenant's, the object that the platform bound to it says where that is.

Of the claim one thing is used, the object's name; of the object nothing, unless it names this very claim as its owner.
So whoever may write claims, ConfigMaps or statuses can't lead a pod, or anybody's keys, anywhere. A status tells the
place to people and nobody reads it back: whoever needs it asks the cluster (`moorage.proving`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from moorage.errors import SourceError
from moorage.sources.location import Abilities, Location
from moorage.sources.node_terms import ANY_NODE, NodeTerms
from moorage.sources.reasons import Reason

Raw = Mapping[str, Any]

# A name becomes part of a path at the API server: it must not lead elsewhere.
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_MOST_SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class Place:
    """Where a claim leads.

    Attributes:
        location: of another kind.
        nodes: where that is; any, but for a volume that is on some.
    """

    location: Location
    nodes: NodeTerms = ANY_NODE


@dataclass(frozen=True, slots=True)
class ClaimedSource(Location):
    """A claim in the dataset's namespace. It is served as what it leads to, once the cluster was asked.

    Attributes:
        unbound: what to do about a claim that is bound to nothing.
    """

    abilities = Abilities(looked_up=True)
    unbound: ClassVar[str] = "its events say what its provisioner waits for"

    @property
    def claim(self) -> str:
        """The claim's name."""
        raise NotImplementedError(f"{self.kind} has no claim")

    def bound_to(self, claim: Raw) -> str:
        """The name of the object that the platform bound to the claim, as the claim has it; "": none."""
        raise NotImplementedError(f"{self.kind} has no claim {claim}")

    def place(self, subject: str, owned: Raw) -> Place:
        """Where the object says that the data is.

        Args:
            subject: the object in messages.
            owned: the object, which names the claim as its owner.

        Raises:
            SourceError: ClaimNotServed, nobody serves such a place.
        """
        raise NotImplementedError(f"{self.kind} has no {subject} {owned}")

    @property
    def remedy(self) -> str:
        """What keeps it from being read."""
        return "the conditions of the Dataset say where the claim leads"


def is_object_name(name: object) -> bool:
    """Whether an object of the API can have the name."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def bound_name(source: ClaimedSource, subject: str, claim: Raw) -> str:
    """The name of the object that the platform bound to a claim.

    Raises:
        SourceError: ClaimNotBound, there is none yet, or none any more.
    """
    name = source.bound_to(claim)
    if (claim.get("metadata") or {}).get("deletionTimestamp"):
        raise SourceError(Reason.CLAIM_NOT_BOUND, f"{subject} is being deleted: name another claim")
    phase = _phase(claim)
    if phase.lower() != "bound" or not name:
        problem = f"{subject} is not bound yet (its phase is {phase[:_MOST_SHOWN] or 'not known'})"
        raise SourceError(Reason.CLAIM_NOT_BOUND, f"{problem}: {source.unbound}")
    if not is_object_name(name):
        problem = f"{subject} names an object that there can't be: create the claim again"
        raise SourceError(Reason.CLAIM_ELSEWHERE, problem)
    return name


def check_owned(subject: str, claim: Raw, about: str, owned: Raw) -> None:
    """Believe an object only where it names this very claim, by its uid: a claim may name any object.

    Args:
        subject: the claim in messages.
        claim: as the API server has it.
        about: the object in messages.
        owned: the object that the claim names.

    Raises:
        SourceError: ClaimElsewhere, it is another claim's; ClaimNotBound, it is nobody's any more.
    """
    ours, named = claim.get("metadata") or {}, (owned.get("spec") or {}).get("claimRef") or {}
    keys = ("namespace", "name", "uid")
    if any(not named.get(key) or named.get(key) != ours.get(key) for key in keys):
        problem = f"{subject} names {about}, which is not bound to it"
        raise SourceError(Reason.CLAIM_ELSEWHERE, f"{problem}: create the claim again, and let its provisioner bind it")
    if _phase(owned).lower() != "bound":
        problem = f"{about} is {_phase(owned)[:_MOST_SHOWN] or 'in no phase yet'} and not Bound"
        raise SourceError(Reason.CLAIM_NOT_BOUND, f"{subject}: {problem}: its provisioner's log says why")


def _phase(raw: Raw) -> str:
    phase = (raw.get("status") or {}).get("phase")
    return phase if isinstance(phase, str) else ""
