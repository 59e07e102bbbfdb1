"""`gateway`: the pod's own mounts over the S3 protocol; and where others could read through it."""

from typing import Any

import pytest

from moorage.errors import LabelError
from moorage.model import Classification, Dataset, DatasetRef, Source
from moorage.sources.nfs import NfsSource
from tests.webhook.pods import MOUNT, NAMESPACE, an_s3_dataset, make_container, make_pod, reading, refused, serve
from webhook.gateway import COMMAND, NAME, PORT

Raw = dict[str, Any]
LABELS = reading("claims", useas="gateway")


def names(containers: list[Raw]) -> list[str]:
    """Of containers, in order."""
    return [container["name"] for container in containers]


def test_every_container_learns_where_the_pods_own_endpoint_is() -> None:
    """By the variables of configmap, so that a program need not change; no key of the store is among them."""
    spec = serve(make_pod(labels=LABELS), an_s3_dataset())["spec"]
    assert spec["containers"][0]["env"] == [
        {"name": "claims_endpoint", "value": f"http://127.0.0.1:{PORT}"},
        {"name": "claims_bucket", "value": "claims"},
        {"name": "claims_region", "value": "us-east-1"},
        {"name": "claims_accessKeyID", "value": "none"},
        {"name": "claims_secretAccessKey", "value": "none"},
    ]
    assert "claims-keys" not in str(spec)


def test_the_gateway_starts_behind_the_mounts_server_and_has_the_mount() -> None:
    """A container whose mount has no server can't start; those of the pod come after both."""
    pod = make_pod(labels=LABELS, initContainers=[make_container("first")])
    spec = serve(pod, an_s3_dataset())["spec"]
    assert names(spec["initContainers"]) == ["moorage-mount", NAME, "first"]
    gateway = spec["initContainers"][1]
    assert gateway["restartPolicy"] == "Always"
    assert gateway["volumeMounts"] == [MOUNT]
    assert {"name": "GOMEMLIMIT", "value": "375809638B"} in gateway["env"]
    assert not any(variable["name"].startswith("claims_") for variable in gateway["env"])
    assert gateway["securityContext"] == spec["initContainers"][0]["securityContext"]


def test_what_the_store_may_not_tell_the_gateway_may() -> None:
    """A governed dataset, of another namespace, that lies in no S3 store: it is a mount, and asked for as one."""
    source = Source("eu-1", NfsSource("nfs.eu-1", "/export"))
    governance = an_s3_dataset(classification=Classification.RESTRICTED, consumers=frozenset({NAMESPACE})).governance
    dataset = Dataset(DatasetRef("steward", "claims"), (source,), governance)
    labels = {**LABELS, "dataset.0.namespace": "steward"}
    assert names(serve(make_pod(labels=labels), dataset)["spec"]["initContainers"]) == ["moorage-mount", NAME]


def test_being_asked_again_changes_nothing() -> None:
    """Also where another webhook has put a container in front, or changed the image."""
    once = serve(make_pod(labels=LABELS), an_s3_dataset())
    assert serve(once, an_s3_dataset()) == once
    once["spec"]["initContainers"].insert(0, make_container("mesh"))
    once["spec"]["initContainers"][2]["image"] = "mirror.example.com/moorage/mount:1"
    again = serve(once, an_s3_dataset())["spec"]
    assert names(again["initContainers"]) == ["mesh", "moorage-mount", NAME]
    assert again["initContainers"][2]["image"].startswith("mirror.")


def test_a_pod_that_was_served_as_a_mount_gets_it_behind_the_server() -> None:
    """As a copy of a pod that runs, with another label."""
    mounted = serve(make_pod(labels=reading("claims")), an_s3_dataset())
    mounted["metadata"]["labels"]["dataset.0.useas"] = "gateway"
    spec = serve(mounted, an_s3_dataset())["spec"]
    assert names(spec["initContainers"]) == ["moorage-mount", NAME]
    assert spec["initContainers"][1]["volumeMounts"] == [MOUNT]


def test_only_one_gateway_serves_all() -> None:
    """Those that are only mounted are there as well: it is the same pod."""
    labels = {**reading("claims", "more", useas="gateway"), "dataset.2.id": "other", "dataset.2.useas": "mount"}
    datasets = [an_s3_dataset(name) for name in ("claims", "more", "other")]
    spec = serve(make_pod(labels=labels), *datasets)["spec"]
    assert names(spec["initContainers"]) == ["moorage-mount", NAME]
    assert names(spec["initContainers"][1]["volumeMounts"]) == ["claims", "more", "other"]
    told = {variable["name"] for variable in spec["containers"][0]["env"]}
    assert {"claims_bucket", "more_bucket"} <= told
    assert "other_bucket" not in told


@pytest.mark.parametrize(
    ("labels", "spec", "told"),
    [
        (LABELS, {"hostNetwork": True}, "spec.hostNetwork: must not be true on a pod that reads"),
        (LABELS, {"containers": [make_container(NAME)]}, f"spec.containers[{NAME}]: this name is Moorage's own"),
        (LABELS, {"initContainers": [make_container(NAME, restartPolicy="Always")]}, "this name is Moorage's own"),
        (LABELS, {"initContainers": [make_container(NAME, command=list(COMMAND))]}, "this name is Moorage's own"),
        (LABELS, {"containers": [make_container(ports=[{"containerPort": PORT}])]}, f"[app].ports[{PORT}]: is where"),
    ],
)  # fmt: skip
def test_what_can_not_be_served_is_refused(labels: dict[str, str], spec: Raw, told: str) -> None:
    """With the field, and what to do instead."""
    assert told in refused(make_pod(labels=labels, **spec), an_s3_dataset()).message


def test_a_name_that_no_bucket_may_have_is_refused() -> None:
    """Clients would not even ask."""
    message = refused(make_pod(labels=reading("ab", useas="gateway")), an_s3_dataset("ab", NAMESPACE)).message
    assert "metadata.labels[dataset.0.id]: dataset fraud/ab has a name of fewer than 3 letters" in message


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (reading("claims", useas="configmap.gateway"), "configmap and gateway give the same variables"),
        ({**LABELS, "dataset.0.access": "readWrite"}, "readWrite needs a mount"),
    ],
)
def test_labels_that_contradict_each_other(labels: dict[str, str], told: str) -> None:
    """The gateway is for reading, and two endpoints can't have one name."""
    with pytest.raises(LabelError, match=told):
        serve(make_pod(labels=labels), an_s3_dataset())
