"""The operator keeps the claims of Datasets, with the chart's rights and under the chart's policy."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.world import World, eventually

pytestmark = pytest.mark.usefixtures("operator")

Raw = dict[str, Any]


def dataset(world: World, name: str, *, claim: bool = True) -> Raw:
    """One whose source is nowhere: a claim does not wait for what is behind it."""
    raw = world.dataset(name, world.eu)
    raw["spec"]["claim"] = claim
    return raw


def condition(world: World, name: str) -> Raw | None:
    """How its claim stands, as its status says."""
    told: list[Raw] = world.get("dataset", name, world.steward).get("status", {}).get("conditions") or []
    return next((each for each in told if each["type"] == "Claimed"), None)


def reason(world: World, name: str) -> str | None:
    """In a word."""
    told = condition(world, name)
    return None if told is None else told["reason"]


def volumes_of(world: World, name: str) -> list[Raw]:
    """The volumes of its claims."""
    selector = f"moorage.dev/dataset={name},moorage.dev/dataset-namespace={world.steward}"
    found: list[Raw] = json.loads(world.kubectl("get", "pv", "-l", selector, "-o", "json"))["items"]
    return found


def claim_of(world: World, name: str) -> Raw | None:
    """The claim of that name; None where there is none."""
    told = world.kubectl("get", "pvc", name, "-n", world.steward, "-o", "json", "--ignore-not-found")
    return json.loads(told) if told else None


def test_a_claim_comes_is_mended_and_goes(world: World) -> None:
    """With its volume; made again where somebody deleted it; gone when the Dataset asks for none."""
    world.apply(dataset(world, "mine"))
    eventually(lambda: reason(world, "mine") == "ClaimKept")
    first = claim_of(world, "mine")
    assert first is not None
    (volume,) = volumes_of(world, "mine")
    assert (volume["spec"]["csi"]["driver"], volume["spec"]["claimRef"]["uid"]) == (
        "data.moorage.dev",
        first["metadata"]["uid"],
    )
    world.kubectl("delete", "pvc", "mine", "-n", world.steward)

    def is_another() -> bool:
        found, volumes = claim_of(world, "mine"), volumes_of(world, "mine")
        uids = {each["spec"]["claimRef"]["uid"] for each in volumes}
        return found is not None and uids == {found["metadata"]["uid"]} != {first["metadata"]["uid"]}

    eventually(is_another)
    world.apply(dataset(world, "mine", claim=False))
    eventually(lambda: not volumes_of(world, "mine") and claim_of(world, "mine") is None)
    assert eventually(lambda: condition(world, "mine") is None)


def test_a_claim_goes_with_its_dataset(world: World) -> None:
    """Deleting a Dataset waits for nothing, and nothing of it stays."""
    world.apply(dataset(world, "brief"))
    eventually(lambda: reason(world, "brief") == "ClaimKept")
    world.kubectl("delete", "dataset", "brief", "-n", world.steward)
    eventually(lambda: not volumes_of(world, "brief") and claim_of(world, "brief") is None)


def test_somebodys_own_claim_is_left_alone(world: World) -> None:
    """The status says so. A quota is told in the API server's words."""
    own = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "theirs", "namespace": world.steward, "labels": {"moorage.dev/dataset": "theirs"}},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    world.apply(own, dataset(world, "theirs"))
    eventually(lambda: reason(world, "theirs") == "ClaimNameTaken")
    world.kubectl("delete", "dataset", "theirs", "-n", world.steward)
    assert volumes_of(world, "theirs") == []
    world.kubectl("create", "quota", "no-claims", "--hard=persistentvolumeclaims=0", "-n", world.steward)
    try:
        world.apply(dataset(world, "limited"))
        eventually(lambda: reason(world, "limited") == "ClaimRefused")
        told = condition(world, "limited")
        assert told is not None
        assert "exceeded quota: no-claims" in told["message"]
        assert volumes_of(world, "limited") == []
    finally:
        world.kubectl("delete", "dataset", "limited", "-n", world.steward)
        world.kubectl("delete", "quota", "no-claims", "-n", world.steward)
    claim = claim_of(world, "theirs")
    assert claim is not None
    assert "ownerReferences" not in claim["metadata"]
    world.kubectl("delete", "pvc", "theirs", "-n", world.steward)


def test_the_operator_may_touch_nobody_elses_volumes(world: World, rights: dict[str, Path]) -> None:
    """RBAC can't say so, a policy does."""
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"disk-{world.tag}"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": "1Gi"},
            "storageClassName": "disks",  # so that it is not bound to the claim below
            "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": "vol-1"},
        },
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "own", "namespace": world.steward},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }

    def as_operator(*arguments: str, stdin: str | None = None) -> str:
        environment = os.environ | {"KUBECONFIG": str(rights["operator"])}
        command = [str(world.cluster.bin_dir / "kubectl"), *arguments]
        return subprocess.run(command, input=stdin, text=True, capture_output=True, check=False, env=environment).stderr

    for body in (volume, claim):
        assert "claims and volumes of Datasets only" in as_operator("create", "-f", "-", stdin=json.dumps(body))
    world.apply(volume, claim)
    try:
        for what in (["pv", f"disk-{world.tag}"], ["pvc", "own", "-n", world.steward]):
            assert "claims and volumes of Datasets only" in as_operator("delete", *what, "--wait=false")
    finally:
        world.kubectl("delete", "pv", f"disk-{world.tag}")
        world.kubectl("delete", "pvc", "own", "-n", world.steward)
