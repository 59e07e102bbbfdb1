"""What pods write is listed once they have ended, and several writers at the same time are told of."""

import json
from pathlib import Path
from typing import Any

from tests.dataset_operator.processes import run_operator
from tests.dataset_operator.stores import Store
from tests.world import World, eventually

Raw = dict[str, Any]


def writer(world: World, name: str) -> Raw:
    """A pod on a node of paper that may write, as admission makes it."""
    attributes = {"dataset": "written", "namespace": world.steward}
    volumes = [{"name": "written", "csi": {"driver": "data.moorage.dev", "volumeAttributes": attributes}}]
    mounts = [{"name": "written", "mountPath": "/data"}]
    containers = [{"name": "main", "image": "none", "volumeMounts": mounts}]
    pod = world.pod(name, "written", nodeName=world.node("eu-a"), volumes=volumes, containers=containers)
    pod["metadata"]["labels"]["dataset.0.access"] = "readWrite"
    return pod


def status(world: World) -> Raw:
    """What the operator says."""
    told: Raw = world.get("dataset", "written", world.steward).get("status") or {}
    return told


def warnings(world: World) -> list[str]:
    """The Events about it that warn of several writers."""
    found = json.loads(world.kubectl("get", "events.events.k8s.io", "-n", world.steward, "-o", "json"))["items"]
    return [
        entry["note"]
        for entry in found
        if entry["regarding"].get("name") == "written" and entry["reason"] == "ConcurrentWriters"
    ]


def test_what_was_written_is_listed_when_its_writer_has_ended(
    world: World, store: Store, rights: dict[str, Path], tmp_path: Path
) -> None:
    """By an operator that would not look again for an hour; also where the pod is deleted."""
    store.put({"written/a.csv": b"x\n1\n"})
    place = {"endpoint": store.endpoint, "bucket": "data", "prefix": "written", "secretRef": {"name": "keys"}}
    raw = world.dataset("written", world.eu)
    raw["spec"] = {"access": "readWrite", "sources": [{"site": world.eu, "s3": place}]}
    with run_operator(world, rights["operator"], tmp_path, reread_seconds=3600):
        world.apply(raw, writer(world, "first"), writer(world, "second"))
        eventually(lambda: status(world).get("objects") == 1)
        before = status(world)["version"]
        world.set_status("pod", "first", {"phase": "Running"}, world.reader)
        eventually(lambda: status(world).get("inUseCount") == 1)
        assert warnings(world) == []
        world.set_status("pod", "second", {"phase": "Running"}, world.reader)
        (warning,) = eventually(lambda: warnings(world))
        assert f"pods {world.reader}/first, {world.reader}/second may write to it at the same time" in warning
        store.put({"written/b.csv": b"x\n2\n"})
        world.set_status("pod", "first", {"phase": "Succeeded"}, world.reader)
        eventually(lambda: status(world).get("objects") == 2)
        assert status(world)["version"] != before
        store.put({"written/c.csv": b"x\n3\n"})
        world.kubectl("delete", "pod", "first", "second", "-n", world.reader, "--force", "--grace-period=0")
        eventually(lambda: status(world).get("objects") == 3)
