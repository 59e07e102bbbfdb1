"""`configmap`: where the store is and its keys, as variables; and where that would tell too much."""

from dataclasses import replace
from typing import Any

import pytest

from moorage.model import Classification, Dataset, Snapshot, Source
from moorage.sources import Credentials
from moorage.sources.nfs import NfsSource
from moorage.sources.s3 import S3Source
from tests.webhook.pods import (
    MOUNT,
    NAMESPACE,
    an_s3_dataset,
    make_container,
    make_pod,
    reading,
    refused,
    serve,
    warned,
)

Raw = dict[str, Any]


def test_configmap_hands_over_the_store_and_refers_to_its_keys() -> None:
    """As Datashim's variables are named; the values of the keys are nowhere."""
    env = serve(make_pod(labels=reading("claims", useas="configmap")), an_s3_dataset())["spec"]["containers"][0]["env"]
    assert env == [
        {"name": "claims_endpoint", "value": "https://s3.eu-1"},
        {"name": "claims_bucket", "value": "bucket"},
        {"name": "claims_prefix", "value": "2026"},
        {"name": "claims_region", "value": "eu-1"},
        {
            "name": "claims_accessKeyID",
            "valueFrom": {"secretKeyRef": {"name": "claims-keys", "key": "accessKeyID"}},
        },
        {
            "name": "claims_secretAccessKey",
            "valueFrom": {"secretKeyRef": {"name": "claims-keys", "key": "secretAccessKey"}},
        },
    ]


def test_a_tables_reader_is_told_what_to_open() -> None:
    """The metadata file and the snapshot; a pod that was told before keeps what it was told."""
    table = an_s3_dataset()
    table = replace(table, status=replace(table.status, snapshot=Snapshot(5, "metadata/v2.json", pinned=True)))
    labels = reading("claims", useas="configmap")
    served = serve(make_pod(labels=labels), table)
    env = served["spec"]["containers"][0]["env"]
    told = [{"name": "claims_metadata", "value": "metadata/v2.json"}, {"name": "claims_snapshot", "value": "5"}]
    assert [entry for entry in env if entry in told] == told
    later = replace(table, status=replace(table.status, snapshot=Snapshot(6, "metadata/v3.json")))
    again = serve(make_pod(labels=labels, containers=served["spec"]["containers"]), later)
    assert again["spec"]["containers"][0]["env"] == env
    new = replace(table, status=replace(table.status, snapshot=Snapshot(None, "metadata/v1.json")))
    names = [entry["name"] for entry in serve(make_pod(labels=labels), new)["spec"]["containers"][0]["env"]]
    assert ("claims_metadata" in names, "claims_snapshot" in names) == (True, False)


def test_what_others_say_names_no_other_variable() -> None:
    """The kubelet expands references, and one of them may hold another dataset's key."""
    dataset = an_s3_dataset()
    snapshot = Snapshot(7, "metadata/$(pages_secretAccessKey).json", pinned=True)
    dataset = replace(dataset, status=replace(dataset.status, snapshot=snapshot))
    env = serve(make_pod(labels=reading("claims", useas="configmap")), dataset)["spec"]["containers"][0]["env"]
    told = {entry["name"]: entry.get("value") for entry in env}
    assert told["claims_metadata"] == "metadata/$$(pages_secretAccessKey).json"


def test_configmap_alone_mounts_nothing() -> None:
    """No volume, no sidecar; but the scheduler."""
    spec = serve(make_pod(labels=reading("claims", useas="configmap")), an_s3_dataset())["spec"]
    assert "volumes" not in spec
    assert "initContainers" not in spec
    assert spec["schedulerName"] == "moorage"


def test_mount_and_configmap_together_in_every_container_once() -> None:
    """Whatever the order of the words, and how often they stand there; our sidecar gets no keys."""
    both = [
        make_pod(labels=reading("claims", useas=useas), containers=[make_container("a"), make_container("b")])
        for useas in ("mount.configmap", "configmap.mount", "mount.mount.configmap")
    ]
    first, *others = [serve(pod, an_s3_dataset())["spec"] for pod in both]
    assert all(other == first for other in others)
    for container in first["containers"]:
        assert len(container["env"]) == 6
        assert container["volumeMounts"] == [MOUNT]
    assert not any(entry["name"].startswith("claims_") for entry in first["initContainers"][0]["env"])


def test_a_public_bucket_has_no_keys() -> None:
    """Nothing refers to a Secret that does not exist."""
    dataset = replace(an_s3_dataset(), sources=(Source("eu-1", S3Source("https://s3", "open")),))
    env = serve(make_pod(labels=reading("claims", useas="configmap")), dataset)["spec"]["containers"][0]["env"]
    assert [entry["name"] for entry in env] == ["claims_endpoint", "claims_bucket"]


def test_the_authors_variables_may_refer_to_ours() -> None:
    """Kubernetes expands $(NAME) of what stands before."""
    container = make_container(env=[{"name": "URL", "value": "$(claims_endpoint)/x"}])
    pod = make_pod(labels=reading("claims", useas="configmap"), containers=[container])
    env = serve(pod, an_s3_dataset())["spec"]["containers"][0]["env"]
    assert [entry["name"] for entry in env][-1] == "URL"


def inline() -> Dataset:
    """With keys in the Dataset itself."""
    keys = Credentials("id", "secret")
    return replace(an_s3_dataset(), sources=(Source("", S3Source("https://s3", "b", inline_credentials=keys)),))


@pytest.mark.parametrize(
    ("dataset", "sentence"),
    [
        (an_s3_dataset(purposes=frozenset({"research"})), "is governed, and configmap would hand its keys to the pod"),
        (an_s3_dataset(classification=Classification.INTERNAL), "is governed"),
        (an_s3_dataset(consumers=frozenset({NAMESPACE})), "is governed"),
        (
            replace(an_s3_dataset(), sources=(Source("eu-1", NfsSource("nfs", "/x")),)),
            "has no s3, http or bucketClaim source (only nfs)",
        ),
        (inline(), "has its keys in spec.local"),
    ],
)
def test_configmap_is_refused_where_it_would_tell_too_much(dataset: Dataset, sentence: str) -> None:
    """Always with the other way."""
    labels = reading("claims", useas="configmap", **{"moorage.dev/purpose": "research"})
    message = refused(make_pod(labels=labels), dataset).message
    assert "metadata.labels[dataset.0.useas]" in message
    assert sentence in message
    assert "use mount" in message
    assert "secret" not in message.replace("secretRef", "").replace("secret-name", "").replace("Secret", "")


def test_keys_never_leave_their_namespace() -> None:
    """Not even of an ungoverned Dataset; its consumers alone already govern it."""
    dataset = an_s3_dataset(namespace="steward")
    labels = reading("claims", useas="configmap", **{"dataset.0.namespace": "steward"})
    assert refused(make_pod(labels=labels), dataset).reason == "ConsumerNotAllowed"


def test_a_variable_in_the_way() -> None:
    """Both are named."""
    container = make_container(env=[{"name": "claims_bucket", "value": "mine"}])
    pod = make_pod(labels=reading("claims", useas="configmap"), containers=[container])
    message = refused(pod, an_s3_dataset()).message
    assert "spec.containers[app].env[claims_bucket]: is set already, and dataset claims needs this name" in message


def test_one_of_several_stores() -> None:
    """Keys are chosen before the site is, so the author is told which."""
    dataset = an_s3_dataset()
    other = Source("us-1", S3Source("https://s3.us-1", "bucket"))
    (warning,) = warned(
        make_pod(labels=reading("claims", useas="configmap")), replace(dataset, sources=(*dataset.sources, other))
    )
    assert "configmap names its first source (site eu-1)" in warning
