"""What is done next for the claim of a Dataset, as a table."""

from dataclasses import replace
from typing import Any

import pytest

from dataset_operator.claims.deciding import (
    Desired,
    MakeClaim,
    MakeVolume,
    RemoveClaim,
    RemoveVolume,
    Settled,
    Step,
    Wait,
    kept,
    name_taken,
    next_step,
)
from dataset_operator.conditions import Condition, State
from dataset_operator.reconciling import reconcile
from moorage.model import DatasetRef
from moorage.wire.claims import (
    Claim,
    ClaimVolume,
    read_claim,
    read_claim_volume,
    volume_name,
    write_claim,
    write_claim_volume,
)
from tests.dataset_operator.test_reconciling import FACTS, NOW

REF = DatasetRef("steward", "claims")
WANTED, UNWANTED, GONE = Desired("u", claim=True), Desired("u"), Desired()
CLAIM = Claim(REF, "c", "u")
FOREIGN, EARLIER = replace(CLAIM, dataset_uid=""), replace(CLAIM, dataset_uid="before")
VOLUME = ClaimVolume(volume_name("u"), "v", REF, "c")
OLD = ClaimVolume(volume_name("before"), "w", REF, "b")


@pytest.mark.parametrize(
    ("desired", "claim", "volumes", "step"),
    [
        (WANTED, None, [], MakeClaim()),
        (WANTED, CLAIM, [], MakeVolume("c")),
        (WANTED, CLAIM, [VOLUME], Settled(kept(REF))),
        (WANTED, FOREIGN, [], Settled(name_taken(REF))),
        (WANTED, replace(CLAIM, deleting=True), [VOLUME], Wait()),
        (WANTED, CLAIM, [replace(VOLUME, deleting=True)], Wait()),
        # A claim that was made again needs a volume that is not bound to the first one.
        (WANTED, replace(CLAIM, uid="c2"), [VOLUME], RemoveVolume(VOLUME.name, "v")),
        (WANTED, None, [VOLUME], RemoveVolume(VOLUME.name, "v")),
        # Of an earlier Dataset of the same name.
        (WANTED, EARLIER, [], RemoveClaim("c")),
        (WANTED, replace(EARLIER, deleting=True), [], Wait()),
        (WANTED, CLAIM, [OLD, VOLUME], RemoveVolume(OLD.name, "w")),
        (UNWANTED, CLAIM, [VOLUME], RemoveVolume(VOLUME.name, "v")),
        (UNWANTED, CLAIM, [replace(VOLUME, deleting=True)], RemoveClaim("c")),
        (UNWANTED, FOREIGN, [], Settled()),
        (UNWANTED, None, [], Settled()),
        (GONE, CLAIM, [], RemoveClaim("c")),
        (GONE, None, [OLD], RemoveVolume(OLD.name, "w")),
    ],
)
def test_one_step_at_a_time(desired: Desired, claim: Claim | None, volumes: list[ClaimVolume], step: Step) -> None:
    """From whatever is there, and never at somebody else's claim."""
    assert next_step(REF, desired, claim, volumes) == step


def test_what_is_written_is_read_back() -> None:
    """As ours; what only looks like it is not."""
    claim: Any = write_claim(REF, "u")
    claim["metadata"]["uid"] = "c"
    volume: Any = write_claim_volume(REF, "u", "c")
    volume["metadata"]["uid"] = "v"
    assert (read_claim(claim), read_claim_volume(volume)) == (CLAIM, VOLUME)
    assert volume["spec"]["claimRef"]["name"] == claim["metadata"]["name"]
    assert volume["metadata"]["name"] == claim["spec"]["volumeName"]
    claim["spec"]["volumeName"] = "pv-7"
    volume["spec"]["csi"]["driver"] = "ebs.csi.aws.com"
    assert read_claim(claim).dataset_uid == ""
    assert read_claim_volume(volume) is None


def test_what_was_said_of_a_claim_counts_until_more_is_known() -> None:
    """An operator that starts anew must not have pods admitted without their data meanwhile."""
    told = Condition("Claimed", State.TRUE, "ClaimKept", "there")
    asking = replace(FACTS, dataset=replace(FACTS.dataset, claim=True))  # type: ignore[type-var]

    def claimed(written: dict[str, Any]) -> list[str]:
        return [each["reason"] for each in written["conditions"] if each["type"] == "Claimed"]

    first = reconcile(replace(asking, claim=told), NOW)
    assert claimed(first) == ["ClaimKept"]
    assert claimed(reconcile(replace(asking, raw_status=first), NOW)) == ["ClaimKept"]
    assert claimed(reconcile(replace(FACTS, raw_status=first), NOW)) == []
