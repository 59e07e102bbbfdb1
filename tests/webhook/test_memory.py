"""`memory`, case by case."""

from typing import Any

import pytest

from moorage.errors import LabelError
from moorage.sites import Inventory
from tests.builders import make_site
from tests.webhook.pods import (
    NAMESPACE,
    a_memory_dataset,
    an_s3_dataset,
    make_container,
    make_pod,
    reading,
    refused,
    serve,
    warned,
    writable,
)
from webhook.review import Review
from webhook.validate import Accepted, validate

Raw = dict[str, Any]
MOUNT = {"name": "features", "mountPath": "/mnt/memory/features", "mountPropagation": "HostToContainer"}
SAID = {"name": "MOORAGE_MEMORY", "value": "/mnt/memory/features"}


def using(*names: str, **more: str) -> dict[str, str]:
    """The labels that use these datasets as memory."""
    return reading(*names, useas="memory", **more)


def test_every_container_gets_it_without_a_sidecar() -> None:
    """A volume, a mount and the variable in each; the node shows it, so nothing else is added."""
    pod = make_pod(labels=using("features"), initContainers=[make_container("first")])
    spec = serve(pod, a_memory_dataset())["spec"]
    assert [each["name"] for each in spec["initContainers"]] == ["first"]
    for container in (*spec["containers"], *spec["initContainers"]):
        assert container["volumeMounts"] == [{**MOUNT, "readOnly": True}]
        assert container["env"] == [SAID]
    attributes = {"dataset": "features", "namespace": NAMESPACE}
    csi = {"driver": "data.moorage.dev", "readOnly": True, "volumeAttributes": attributes}
    assert spec["volumes"] == [{"name": "features", "csi": csi}]
    assert spec["schedulerName"] == "moorage"
    assert "initContainers" not in serve(make_pod(labels=using("features")), a_memory_dataset())["spec"]


def test_a_writer_gets_it_to_write() -> None:
    """Where the Dataset permits that; else the refusal says what is missing."""
    labels = using("features", **{"dataset.0.access": "readWrite"})
    spec = serve(make_pod(labels=labels), writable(a_memory_dataset()))["spec"]
    assert spec["containers"][0]["volumeMounts"] == [MOUNT]
    assert spec["volumes"][0]["csi"]["readOnly"] is False
    assert "AccessNotOffered" in refused(make_pod(labels=labels), a_memory_dataset()).message


def test_what_it_reads_rules_what_it_puts() -> None:
    """An object may hold whatever its writer read."""
    labels = {"dataset.0.id": "claims", "dataset.0.useas": "mount", "moorage.dev/purpose": "research"}
    labels |= {"dataset.1.id": "features", "dataset.1.useas": "memory", "dataset.1.access": "readWrite"}
    strict = an_s3_dataset(purposes=frozenset({"research"}))
    refusal = refused(make_pod(labels=labels), strict, writable(a_memory_dataset()))
    assert refusal.reason == "RulesTooWeak"
    as_strict = writable(a_memory_dataset(purposes=frozenset({"research"})))
    assert serve(make_pod(labels=labels), strict, as_strict)


def test_beside_a_mount_the_sidecar_serves_the_mount_alone() -> None:
    """It would wait for ever for a volume that nobody tells it of."""
    labels = {"dataset.0.id": "claims", "dataset.0.useas": "mount"}
    labels |= {"dataset.1.id": "features", "dataset.1.useas": "memory"}
    spec = serve(make_pod(labels=labels), an_s3_dataset(), a_memory_dataset())["spec"]
    assert {"name": "MOORAGE_VOLUMES", "value": "claims"} in spec["initContainers"][0]["env"]
    assert [each["name"] for each in spec["containers"][0]["volumeMounts"]] == ["claims", "features"]
    assert SAID not in spec["initContainers"][0]["env"]


def test_the_variable_is_the_containers_own() -> None:
    """Of several the first by name; at a path of the container's choice; and what it says itself stays."""
    pod = make_pod(
        labels=using("later", "features"),
        containers=[
            make_container("a", volumeMounts=[{"name": "features", "mountPath": "/m"}]),
            make_container("b", env=[{"name": "MOORAGE_MEMORY", "value": "/mnt/memory/later"}]),
        ],
    )
    first, second = serve(pod, a_memory_dataset(), a_memory_dataset("later"))["spec"]["containers"]
    assert first["env"] == [{"name": "MOORAGE_MEMORY", "value": "/m"}]
    assert second["env"] == [{"name": "MOORAGE_MEMORY", "value": "/mnt/memory/later"}]


def test_asking_again_changes_nothing() -> None:
    """Another webhook may have us asked again, and the pod is as it was."""
    labels = {"dataset.0.id": "claims", "dataset.0.useas": "mount"}
    labels |= {"dataset.1.id": "features", "dataset.1.useas": "memory"}
    pod = serve(make_pod(labels=labels), an_s3_dataset(), a_memory_dataset())
    assert serve(pod, an_s3_dataset(), a_memory_dataset()) == pod


@pytest.mark.parametrize(
    ("useas", "told"),
    [
        ("mount", "use memory, which puts it at /mnt/memory/features"),
        ("cache", "is the memory of nodes, and nothing of it can be mounted or copied from elsewhere"),
        ("configmap", "has no s3, http or bucketClaim source (only memory)"),
    ],
)
def test_another_use_of_it_is_refused(useas: str, told: str) -> None:
    """With the use that it has."""
    assert told in refused(make_pod(labels=reading("features", useas=useas)), a_memory_dataset()).message


def test_it_stands_alone() -> None:
    """No dataset is in memory and elsewhere."""
    with pytest.raises(LabelError, match="memory stands alone"):
        refused(make_pod(labels=reading("features", useas="memory.mount")), a_memory_dataset())


def test_a_part_of_it_needs_no_warning() -> None:
    """Nothing has to heal, because no server is behind it."""
    part = {"name": "features", "mountPath": "/m", "subPath": "x"}
    pod = make_pod(labels=using("features"), containers=[make_container(volumeMounts=[part])])
    assert warned(pod, a_memory_dataset()) == ()


def test_a_limit_that_does_not_hold_what_may_be_put_is_doubted() -> None:
    """Of who writes: a reader is charged for nothing that is there already. What is no quantity is not ours to tell."""
    containers = [
        make_container(name, resources={"limits": {"memory": limit}})
        for name, limit in (("small", "512Mi"), ("large", "2Gi"), ("odd", "much"))
    ]
    pod = make_pod(labels=using("features", **{"dataset.0.access": "readWrite"}), containers=containers)
    (told,) = warned(pod, writable(a_memory_dataset()))
    assert told.startswith(
        "container small has a memory limit below the 1,073,741,824 bytes that dataset fraud/features"
    )
    assert warned(make_pod(labels=using("features"), containers=containers), a_memory_dataset()) == ()


def test_memory_that_nobody_may_write_to_is_doubted() -> None:
    """Nothing would ever be in it. That readers get the same keys as writers is no doubt: there are none."""
    spec: Raw = {"sources": [{"site": "eu-1", "memory": {"size": "1Gi"}}]}
    assert reviewed(spec) == ("spec.access: nobody can put anything into this memory before spec.access is readWrite",)
    assert reviewed(spec | {"access": "readWrite"}) == ()


def reviewed(spec: Raw) -> tuple[str, ...]:
    """The warnings for whoever applies such a Dataset."""
    raw = {"kind": "Dataset", "metadata": {"name": "features"}, "spec": spec}
    found = validate(Review("uid", "CREATE", "Dataset", "fraud", raw, {}), Inventory.of([make_site("eu-1")]))
    assert isinstance(found, Accepted), found
    return found.warnings
