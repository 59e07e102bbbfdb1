"""`mount`, case by case."""

from dataclasses import replace
from typing import Any

import pytest

from moorage.model import Source
from moorage.sources import Location
from moorage.sources.hive import HiveSource
from moorage.sources.nfs import NfsSource
from moorage.sources.pvc import PvcSource
from moorage.sources.s3 import S3Source
from moorage.sources.unsupported import UnsupportedSource
from tests.webhook.pods import (
    MOUNT,
    NAMESPACE,
    an_s3_dataset,
    ask,
    make_container,
    make_pod,
    reading,
    refused,
    serve,
    warned,
)
from webhook.mutate import Served

Raw = dict[str, Any]
CSI = {
    "driver": "data.moorage.dev",
    "readOnly": True,
    "volumeAttributes": {"dataset": "claims", "namespace": NAMESPACE},
}


def test_every_container_gets_the_mount() -> None:
    """Containers, init containers and native sidecars; the server is first, and not mounted into itself."""
    inits = [make_container("first"), make_container("helper", restartPolicy="Always")]
    pod = make_pod(
        labels=reading("claims"), containers=[make_container("a"), make_container("b")], initContainers=inits
    )
    spec = serve(pod, an_s3_dataset())["spec"]
    assert [container["name"] for container in spec["initContainers"]] == ["moorage-mount", "first", "helper"]
    for container in [*spec["containers"], *spec["initContainers"][1:]]:
        assert container["volumeMounts"] == [MOUNT]
    assert spec["volumes"][0] == {"name": "claims", "csi": CSI}
    assert [volume["name"] for volume in spec["volumes"]] == ["claims", "moorage-mount", "moorage-cache"]
    assert spec["schedulerName"] == "moorage"


def test_the_sidecar_is_restricted_and_bounded() -> None:
    """Pod Security `restricted`, requests and limits; what it serves is in its environment, and no secret."""
    sidecar = serve(make_pod(labels=reading("scans", "claims")), an_s3_dataset("claims"), an_s3_dataset("scans"))[
        "spec"
    ]["initContainers"][0]
    assert sidecar["restartPolicy"] == "Always"
    assert sidecar["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsGroup": 65532,
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert set(sidecar["resources"]["requests"]) == set(sidecar["resources"]["limits"]) == {"cpu", "memory"}
    assert {"name": "MOORAGE_VOLUMES", "value": "claims,scans"} in sidecar["env"]
    assert sidecar["lifecycle"]["postStart"]["exec"]["command"][-1] == "node_plugin.sidecar.post_start"
    assert "startupProbe" not in sidecar


def test_a_mount_of_the_datasets_name_says_where() -> None:
    """Its path stays; that it is read-only and heals does not depend on its author."""
    author = {"name": "claims", "mountPath": "/data", "recursiveReadOnly": "Enabled", "mountPropagation": "None"}
    pod = make_pod(labels=reading("claims"), containers=[make_container(volumeMounts=[author]), make_container("b")])
    containers = serve(pod, an_s3_dataset())["spec"]["containers"]
    assert containers[0]["volumeMounts"] == [{**MOUNT, "mountPath": "/data"}]
    assert containers[1]["volumeMounts"] == [MOUNT]


def test_another_namespaces_dataset() -> None:
    """The volume names it; the mount is by its name alone."""
    pod = make_pod(labels=reading("claims", **{"dataset.0.namespace": "steward"}))
    dataset = an_s3_dataset(namespace="steward", consumers=frozenset({NAMESPACE}))
    volume = serve(pod, dataset)["spec"]["volumes"][0]
    assert volume["csi"]["volumeAttributes"] == {"dataset": "claims", "namespace": "steward"}


def test_what_another_webhook_put_in_front_stays_there() -> None:
    """It can't be served before the server runs, so it is not; but what wants the data goes behind the server."""
    pod = serve(make_pod(labels=reading("claims")), an_s3_dataset())
    sidecar = pod["spec"]["initContainers"][0]
    pod["spec"]["initContainers"] = [make_container("proxy-init"), sidecar]
    inits = serve(pod, an_s3_dataset())["spec"]["initContainers"]
    assert [container["name"] for container in inits] == ["proxy-init", "moorage-mount"]
    assert "volumeMounts" not in inits[0]
    pod["spec"]["initContainers"] = [make_container("eager", volumeMounts=[MOUNT]), sidecar]
    inits = serve(pod, an_s3_dataset())["spec"]["initContainers"]
    assert [container["name"] for container in inits] == ["moorage-mount", "eager"]


def test_a_container_that_came_later_is_served_too() -> None:
    """Another webhook injected it after us, and we are asked again; the sidecar keeps what was added to it."""
    pod = serve(make_pod(labels=reading("claims")), an_s3_dataset())
    token = {"name": "kube-api-access-x", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
    pod["spec"]["initContainers"][0]["volumeMounts"].append(token)
    pod["spec"]["containers"].append(make_container("injected"))
    spec = serve(pod, an_s3_dataset())["spec"]
    assert spec["containers"][1]["volumeMounts"] == [MOUNT]
    assert token in spec["initContainers"][0]["volumeMounts"]


def test_a_dataset_that_came_later_is_served_by_the_same_sidecar() -> None:
    """Another webhook added labels."""
    pod = serve(make_pod(labels=reading("claims")), an_s3_dataset())
    pod["metadata"]["labels"] = reading("claims", "scans")
    inits = serve(pod, an_s3_dataset(), an_s3_dataset("scans"))["spec"]["initContainers"]
    assert len(inits) == 1
    assert {"name": "MOORAGE_VOLUMES", "value": "claims,scans"} in inits[0]["env"]


EMPTY = {"name": "work", "emptyDir": {}}
CLASHES: dict[str, tuple[Raw, str]] = {
    "a volume of the dataset's name": (
        make_pod(labels=reading("claims"), volumes=[{"name": "claims", "emptyDir": {}}]),
        "spec.volumes[claims]: this volume has the name that the one for dataset fraud/claims needs",
    ),
    "a claim of the dataset's name": (
        make_pod(
            labels=reading("claims"), volumes=[{"name": "claims", "persistentVolumeClaim": {"claimName": "claims"}}]
        ),
        "has the name that the one for dataset fraud/claims needs",
    ),
    "our driver, another dataset": (
        make_pod(
            labels=reading("claims"),
            volumes=[{"name": "claims", "csi": {**CSI, "volumeAttributes": {"dataset": "other"}}}],
        ),
        "has the name that the one for dataset fraud/claims needs",
    ),
    "the path": (
        make_pod(
            labels=reading("claims"),
            volumes=[EMPTY],
            containers=[make_container(volumeMounts=[{"name": "work", "mountPath": "/mnt/datasets/claims/"}])],
        ),
        "spec.containers[app].volumeMounts: volume work is mounted at /mnt/datasets/claims, where dataset",
    ),
    "a path inside": (
        make_pod(
            labels=reading("claims"),
            volumes=[EMPTY],
            containers=[make_container(volumeMounts=[{"name": "work", "mountPath": "/mnt/datasets/claims/a/b"}])],
        ),
        "volume work is mounted at /mnt/datasets/claims/a/b, where dataset claims goes",
    ),
    "two datasets at one path": (
        make_pod(
            labels=reading("claims", "scans"),
            containers=[make_container(volumeMounts=[{"name": "scans", "mountPath": "/mnt/datasets/claims"}])],
        ),
        "where dataset claims goes",
    ),
    "two datasets of one name": (
        make_pod(labels=reading("claims", "claims", **{"dataset.1.namespace": "steward"})),
        "datasets fraud/claims and steward/claims have the same name",
    ),
    "an init container of our name": (
        make_pod(labels=reading("claims"), initContainers=[make_container("moorage-mount")]),
        "spec.initContainers[moorage-mount]: this name is Moorage's own",
    ),
    "a container of our name": (
        make_pod(labels=reading("claims"), containers=[make_container("moorage-mount")]),
        "spec.containers[moorage-mount]: this name is Moorage's own",
    ),
    "a volume of our name": (
        make_pod(labels=reading("claims"), volumes=[{"name": "moorage-mount", "configMap": {"name": "x"}}]),
        "spec.volumes[moorage-mount]: this name is Moorage's own",
    ),
    "a user namespace": (make_pod(labels=reading("claims"), hostUsers=False), "spec.hostUsers: must not be false"),
    "windows": (make_pod(labels=reading("claims"), os={"name": "windows"}), "spec.os.name: must not be windows"),
    "a node": (make_pod(labels=reading("claims"), nodeName="eu-1-n1"), "spec.nodeName: must not be set"),
    "memory": (
        make_pod(labels=reading("claims", useas="memory")),
        "dataset fraud/claims has no source of kind memory, so no node has memory for it: use mount",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("pod", "sentence"), CLASHES.values(), ids=CLASHES.keys())
def test_what_can_not_be_served_is_refused(pod: Raw, sentence: str) -> None:
    """With a sentence that names both sides."""
    datasets = [an_s3_dataset(), an_s3_dataset("scans")]
    datasets.append(an_s3_dataset(namespace="steward", consumers=frozenset({NAMESPACE})))
    refusal = refused(pod, *datasets)
    assert (refusal.code, refusal.reason) == (403, "Forbidden")
    assert sentence in refusal.message


def test_a_dataset_named_like_our_volumes() -> None:
    """It could never be mounted beside them."""
    refusal = refused(make_pod(labels=reading("moorage-cache")), an_s3_dataset("moorage-cache"))
    assert "a volume moorage-cache of Moorage's own is in every such pod" in refusal.message


TABLE = HiveSource("thrift://m:9083", table="default.t")
LOCATIONS: dict[str, Location] = {
    "H3": UnsupportedSource("H3"),
}


def test_a_table_that_is_being_looked_up_is_no_reason_to_refuse() -> None:
    """Its pods wait for their mount; where nobody said what its files lie in, waiting is in vain."""
    claim = replace(an_s3_dataset(), sources=(Source("eu-1", PvcSource("claim")),))
    assert isinstance(ask(make_pod(labels=reading("claims")), claim), Served)
    dataset = replace(an_s3_dataset(), sources=(Source("eu-1", TABLE),))
    pod = make_pod(labels=reading("claims"))
    assert "its steward has to say in hive.within where" in refused(pod, dataset).message
    within = replace(TABLE, within=S3Source("https://s3", "b"))
    assert isinstance(ask(pod, replace(dataset, sources=(Source("eu-1", within),))), Served)


@pytest.mark.parametrize("kind", LOCATIONS)
def test_sources_that_are_not_served_yet(kind: str) -> None:
    """The sentence names the kind and what is served."""
    dataset = replace(an_s3_dataset(), sources=(Source("eu-1", LOCATIONS[kind]),))
    message = refused(make_pod(labels=reading("claims")), dataset).message
    assert f"its sources ({kind}) are not served yet, only s3, nfs, hostPath, http are" in message
    mixed = replace(dataset, sources=(*dataset.sources, Source("us-1", NfsSource("nfs", "/x"))))
    assert isinstance(ask(make_pod(labels=reading("claims")), mixed), Served)


def test_a_part_of_a_dataset_does_not_heal() -> None:
    """A subPath is bound once, when the container starts."""
    mounts = [{"name": "claims", "mountPath": "/data", "subPath": "2026"}]
    pod = make_pod(labels=reading("claims"), containers=[make_container(volumeMounts=mounts)])
    (warning,) = warned(pod, an_s3_dataset())
    assert "container app mounts a part of dataset volume claims" in warning
