"""What is to be done next for the claim of one Dataset: one step at a time, from what is there. Pure.

The claim is made before its volume, so the namespace's quota of claims bounds both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from dataset_operator.conditions import Condition, State
from moorage.model import CLAIMED_CONDITION, DatasetRef
from moorage.wire.claims import Claim, ClaimVolume, volume_name

KEPT = "ClaimKept"
NAME_TAKEN = "ClaimNameTaken"
REFUSED = "ClaimRefused"
_LONGEST_CAUSE = 500


@dataclass(frozen=True, slots=True)
class Desired:
    """What a Dataset asks for; `uid` is "" where there is no Dataset."""

    uid: str = ""
    claim: bool = False


@dataclass(frozen=True, slots=True)
class MakeClaim:
    """Create the claim."""


@dataclass(frozen=True, slots=True)
class MakeVolume:
    """Create the volume for that claim."""

    claim_uid: str


@dataclass(frozen=True, slots=True)
class RemoveClaim:
    """Delete that very claim."""

    uid: str


@dataclass(frozen=True, slots=True)
class RemoveVolume:
    """Delete that very volume."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Something is about to go; whoever follows it is told."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Nothing is to be done; `condition` says how it stands, None where nothing is asked for."""

    condition: Condition | None = None


Step: TypeAlias = MakeClaim | MakeVolume | RemoveClaim | RemoveVolume | Wait | Settled


def next_step(ref: DatasetRef, desired: Desired, claim: Claim | None, volumes: Sequence[ClaimVolume]) -> Step:
    """The next step; claims and volumes that are not ours are never touched."""
    return _leave(desired, claim, volumes) or _make(ref, desired, claim, volumes)


def _leave(desired: Desired, claim: Claim | None, volumes: Sequence[ClaimVolume]) -> Step | None:
    """What is there in vain: of a Dataset that asks for no claim any more, or of an earlier one of the name."""
    bound_to = claim.uid if claim is not None else None
    for volume in volumes:
        is_needed = desired.claim and volume.name == volume_name(desired.uid) and volume.claim_uid == bound_to
        if not is_needed and not volume.deleting:
            return RemoveVolume(volume.name, volume.uid)
    if claim is not None and claim.dataset_uid and not (desired.claim and claim.dataset_uid == desired.uid):
        return Wait() if claim.deleting else RemoveClaim(claim.uid)
    return None


def _make(ref: DatasetRef, desired: Desired, claim: Claim | None, volumes: Sequence[ClaimVolume]) -> Step:
    if not desired.claim:
        return Settled()
    if claim is None:
        return MakeClaim()
    if not claim.dataset_uid:
        return Settled(name_taken(ref))
    own = next((volume for volume in volumes if volume.name == volume_name(desired.uid)), None)
    if claim.deleting or (own is not None and own.deleting):
        return Wait()
    return MakeVolume(claim.uid) if own is None else Settled(kept(ref))


def kept(ref: DatasetRef) -> Condition:
    """Pods may mount the claim."""
    return Condition(
        CLAIMED_CONDITION,
        State.TRUE,
        KEPT,
        f"pods of namespace {ref.namespace} that mount PersistentVolumeClaim {ref.name} get the data without a label",
    )


def name_taken(ref: DatasetRef) -> Condition:
    """The name is somebody else's."""
    return Condition(
        CLAIMED_CONDITION,
        State.FALSE,
        NAME_TAKEN,
        f"PersistentVolumeClaim {ref} is not this Dataset's, and pods that mount it get what it holds: delete it, or "
        "give the Dataset another name; pods can use the label dataset.0.id meanwhile",
    )


def refused(ref: DatasetRef, cause: str) -> Condition:
    """The API server does not let us make it."""
    return Condition(
        CLAIMED_CONDITION,
        State.FALSE,
        REFUSED,
        f"PersistentVolumeClaim {ref} can't be made: {cause[:_LONGEST_CAUSE]}. It is tried again each minute; pods can "
        "use the label dataset.0.id meanwhile",
    )
