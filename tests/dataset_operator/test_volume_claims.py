"""PersistentVolumeClaims as sources, bound by a real controller-manager: what operator and broker make of them."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.dataset_operator.brokers import Broker, mounting, plugin_pod, token
from tests.dataset_operator.processes import Running
from tests.dataset_operator.test_operator import ready, status_when
from tests.world import World, eventually

Raw = dict[str, Any]


def volume(world: World, name: str, **spec: object) -> Raw:
    """A volume for the steward's claim of that name."""
    ref = {"kind": "PersistentVolumeClaim", "namespace": world.steward, "name": name}
    kept: Raw = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteMany"], "storageClassName": ""}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"{name}-{world.tag}", "labels": {"for": world.tag}},
        "spec": {**kept, "persistentVolumeReclaimPolicy": "Retain", "claimRef": ref, **spec},
    }


def claim(world: World, name: str, volume_name: str = "", storage_class: str = "") -> Raw:
    """A claim of the steward's."""
    spec: Raw = {"accessModes": ["ReadWriteMany"], "storageClassName": storage_class}
    spec["resources"] = {"requests": {"storage": "1Gi"}}
    if not storage_class:
        spec["volumeName"] = volume_name or f"{name}-{world.tag}"
    metadata = {"name": name, "namespace": world.steward}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


def dataset(world: World, name: str) -> Raw:
    """A governed Dataset of that claim."""
    raw = world.dataset(name, world.eu, purposes=["research"], consumers=[f"{world.reader}/trainer"])
    raw["spec"]["sources"] = [{"site": world.eu, "pvc": {"claimName": name}}]
    return raw


@pytest.fixture(scope="module")
def volumes(world: World) -> Iterator[World]:
    """A volume of each kind that is served, and of one that is not; all but one bound."""
    on_one = {"key": "kubernetes.io/hostname", "operator": "In", "values": ["one"]}
    nodes = {"required": {"nodeSelectorTerms": [{"matchExpressions": [on_one]}]}}
    kinds: dict[str, Raw] = {
        "exported": {"nfs": {"server": "nfs.test", "path": "/scans"}},
        "driven": {"csi": {"driver": "nfs.csi.k8s.io", "volumeHandle": "h", "volumeAttributes": {}}},
        "direct": {"hostPath": {"path": "/srv/scans"}},
        "single": {"nfs": {"server": "nfs.test", "path": "/one"}, "nodeAffinity": nodes},
        "foreign": {"csi": {"driver": "ebs.csi.aws.com", "volumeHandle": "vol-1"}},
        "leaving": {"nfs": {"server": "nfs.test", "path": "/leaving"}},
    }
    kinds["driven"]["csi"]["volumeAttributes"] = {"server": "nfs.test", "share": "/e", "subDir": "pvc-1"}
    waits = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": f"waits-{world.tag}", "labels": {"for": world.tag}},
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    claims = [claim(world, name) for name in kinds]
    try:
        # A volume that an earlier run left is bound to a claim that is gone.
        world.kubectl("delete", "pv,storageclass", "-l", f"for={world.tag}")
        world.apply(waits, *(volume(world, name, **spec) for name, spec in kinds.items()))
        world.apply(*claims, claim(world, "waiting", storage_class=f"waits-{world.tag}"))
        world.kubectl("label", "node", world.node("eu-a"), "kubernetes.io/hostname=one", "--overwrite")
        names = [f"pvc/{name}" for name in kinds]
        world.kubectl("wait", *names, "-n", world.steward, "--for=jsonpath={.status.phase}=Bound", "--timeout=90s")
        yield world
    finally:
        world.kubectl("delete", "pvc", *kinds, "waiting", "thief", "-n", world.steward, "--ignore-not-found")
        world.kubectl("delete", "pv,storageclass", "-l", f"for={world.tag}")


def granted(world: World, broker: Broker, name: str, node: str = "eu-a") -> tuple[int, Raw]:
    """What a node plugin is told of a new Dataset of that claim."""
    world.apply(plugin_pod(world, node), dataset(world, name))
    asked = mounting(world, f"reads-{name}-{node}", node, name)
    # The broker may not have seen the Dataset yet.
    return eventually(lambda: known(broker.ask(token(world, node=node), asked)))


def known(told: tuple[int, Raw]) -> tuple[int, Raw] | None:
    """An answer about a Dataset that the broker knows."""
    return None if told[1].get("rule") == "DatasetUnknown" else told


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("exported", {"kind": "nfs", "server": "nfs.test", "path": "/scans"}),
        ("driven", {"kind": "nfs", "server": "nfs.test", "path": "/e/pvc-1"}),
        ("single", {"kind": "nfs", "server": "nfs.test", "path": "/one"}),
    ],
)
def test_a_claim_is_granted_as_what_its_volume_is(volumes: World, broker: Broker, name: str, place: Raw) -> None:
    """Across namespaces, under the Dataset's rules, and to nobody else."""
    code, grant = granted(volumes, broker, name)
    assert code == 200, grant
    assert place.items() <= grant["source"].items()
    assert grant["credentials"] is None
    volumes.kubectl("label", "pod", f"reads-{name}-eu-a", "-n", volumes.reader, "moorage.dev/purpose-")
    uid = volumes.get("pod", f"reads-{name}-eu-a", volumes.reader)["metadata"]["uid"]
    pod = {"namespace": volumes.reader, "name": f"reads-{name}-eu-a", "uid": uid}
    code, refused = broker.ask(token(volumes), {"pod": pod, "dataset": {"namespace": volumes.steward, "name": name}})
    assert (code, refused["rule"]) == (403, "PurposeMissing")


@pytest.mark.parametrize(
    ("name", "node", "sentence"),
    [
        ("direct", "eu-a", "is a directory of a node, and only nfs, and csi of"),
        (
            "single",
            "eu-b",
            "claim single is on other nodes than eu-b-oper: give the pod the node affinity",
        ),
        ("single", "us-a", "the volume of claim single is on other nodes than us-a-oper"),
        (
            "foreign",
            "eu-a",
            "is of the CSI driver ebs.csi.aws.com, and only nfs, and csi of",
        ),
        (
            "waiting",
            "eu-a",
            "is not bound yet (its phase is Pending): its events say why; where its Storage",
        ),
    ],
)
def test_a_volume_of_one_node_is_none_of_another(
    volumes: World, broker: Broker, name: str, node: str, sentence: str
) -> None:
    """And what is not served says which are."""
    code, refused = granted(volumes, broker, name, node)
    assert code == 409
    assert sentence in refused["message"]


def test_a_claim_that_names_anothers_volume_gets_nothing(volumes: World, broker: Broker) -> None:
    """Kubernetes leaves such a claim pending, whatever is written into its status; nor is a Dataset's believed."""
    world = volumes
    world.apply(claim(world, "thief", f"exported-{world.tag}"))
    world.set_status("pvc", "thief", {"phase": "Bound"}, world.steward)
    code, refused = granted(world, broker, "thief")
    assert code == 409
    assert "thief is not bound yet" in refused["message"] or "which is not bound to it" in refused["message"]
    lie = {"site": world.eu, "reachable": True, "reason": "NotListed", "place": "nfs.test:/salaries"}
    world.set_status("dataset", "exported", {"sources": [lie]}, world.steward)
    code, grant = granted(world, broker, "exported")
    assert (code, grant["source"]["kind"], grant["source"]["path"]) == (200, "nfs", "/scans")


def test_a_mount_ends_with_its_claim(volumes: World, broker: Broker) -> None:
    """Also after the Dataset went: the volume may be somebody else's next."""
    world = volumes
    code, grant = granted(world, broker, "leaving")
    assert (code, grant["source"]["path"]) == (200, "/leaving")
    uid = world.get("pod", "reads-leaving-eu-a", world.reader)["metadata"]["uid"]
    pod = {"namespace": world.reader, "name": "reads-leaving-eu-a", "uid": uid}
    asked = {"volumes": [{"pod": pod, "dataset": {"namespace": world.steward, "name": "leaving"}}]}

    def rule() -> str:
        code, told = broker.ask(token(world), asked, "/v1/reviews")
        assert code == 200, told
        return str(told["volumes"][0].get("rule", ""))

    assert rule() == ""
    world.kubectl("delete", "dataset", "leaving", "-n", world.steward)
    world.kubectl("delete", "pvc", "leaving", "-n", world.steward)
    assert eventually(rule) == "ClaimNotFound"


def test_the_status_says_where_a_claim_leads(volumes: World, operator: Running) -> None:
    """As a source that the nodes mount; or why it leads nowhere."""
    world = volumes
    for name in ("exported", "foreign", "waiting"):
        world.apply(dataset(world, name))
    status = status_when(world, "exported", "NotListed")
    assert status["sources"][0]["place"] == "nfs.test:/scans"
    assert "nodes mount nfs sources" in ready(status)["message"]
    assert "and only nfs, and csi" in ready(status_when(world, "foreign", "ClaimNotServed"))["message"]
    assert "is not bound yet" in ready(status_when(world, "waiting", "ClaimNotBound"))["message"]
    assert operator.alive()
