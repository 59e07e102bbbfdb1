"""Pods without labels that mount the claims of Datasets."""

from dataclasses import replace
from typing import Any

import pytest

from moorage.errors import InputError, LabelError
from moorage.model import CSI_DRIVER, Dataset, DatasetRef, DatasetStatus
from moorage.refusal import Refusal
from tests.webhook.pods import (
    NAMESPACE,
    SUBJECT,
    a_memory_dataset,
    an_s3_dataset,
    make_container,
    make_pod,
    reading,
    writable,
)
from webhook.claims import label_by_claims
from webhook.labelled import Labelled
from webhook.mutate import Facts, Served, Serving, mutate, read_request

Raw = dict[str, Any]


def claimed(dataset: Dataset) -> Dataset:
    """The same, with its claim in place."""
    return replace(dataset, claim=True, status=replace(dataset.status, claimed=True))


CLAIMS, SCANS = claimed(an_s3_dataset("claims")), claimed(an_s3_dataset("scans"))


def volume(claim: str = "claims", name: str = "data", **fields: object) -> Raw:
    """As Datashim's users write it."""
    return {"name": name, "persistentVolumeClaim": {"claimName": claim, **fields}}


def mounting(*mounts: Raw) -> Raw:
    """A container with these mounts."""
    return make_container(volumeMounts=list(mounts))


def at(path: str, name: str = "data", **fields: object) -> Raw:
    """One mount."""
    return {"name": name, "mountPath": path, **fields}


def label(pod: Raw, *datasets: Dataset) -> Labelled:
    """The pod with the labels that its claims stand for."""
    known = {dataset.ref: dataset for dataset in datasets or (CLAIMS, SCANS)}
    return label_by_claims(pod, NAMESPACE, known.get, SUBJECT)


def labels_of(pod: Raw, *datasets: Dataset) -> dict[str, str]:
    """All labels that it has then."""
    labels: dict[str, str] = label(pod, *datasets).pod["metadata"].get("labels") or {}
    return labels


def served(pod: Raw, *datasets: Dataset) -> Served | Refusal:
    """What admission answers."""
    known: dict[DatasetRef, Dataset | None] = {dataset.ref: dataset for dataset in datasets or (CLAIMS, SCANS)}
    labelled = label(pod, *datasets)
    outcome = mutate(read_request(labelled.pod, NAMESPACE, SUBJECT), Facts(known), Serving())
    return labelled.explain(outcome)


def test_a_claim_is_as_good_as_a_label() -> None:
    """The pod gets the label and, where it mounts the claim, what a labelled pod with a path of its own gets."""
    pod = make_pod(containers=[mounting(at("/data"))], volumes=[volume()])
    own_path = mounting(at("/data", "claims"))
    by_label = served(make_pod(labels=reading("claims"), containers=[own_path], volumes=[]))
    assert served(pod) == by_label
    assert isinstance(by_label, Served)


def test_being_asked_again_changes_nothing() -> None:
    """As the API server does when another webhook changed the pod."""
    first = served(make_pod(containers=[mounting(at("/data"))], volumes=[volume()]))
    assert isinstance(first, Served)
    assert served(first.pod) == first


def test_two_volumes_of_one_claim_are_one() -> None:
    """Each mount stays where it was, with its part of the volume; init containers are no exception."""
    init = make_container("prepare", volumeMounts=[at("/in", "again", subPath="2026")])
    pod = make_pod(
        initContainers=[init],
        containers=[mounting(at("/a"), at("/b", "again"))],
        volumes=[volume(), volume(name="again", readOnly=True), {"name": "tmp", "emptyDir": {}}],
    )
    outcome = served(pod)
    assert isinstance(outcome, Served)
    spec = outcome.pod["spec"]
    assert outcome.pod["metadata"]["labels"] == reading("claims")
    assert [each["name"] for each in spec["volumes"]] == ["tmp", "claims", "moorage-mount", "moorage-cache"]
    assert [each.get("csi", {}).get("driver") for each in spec["volumes"][:2]] == [None, CSI_DRIVER]
    paths = [(mount["name"], mount["mountPath"]) for mount in spec["containers"][0]["volumeMounts"]]
    assert paths == [("claims", "/a"), ("claims", "/b")]
    assert [each["name"] for each in spec["initContainers"]] == ["moorage-mount", "prepare"]
    (mount,) = spec["initContainers"][1]["volumeMounts"]
    assert (mount["name"], mount["subPath"]) == ("claims", "2026")
    assert "does not heal" in outcome.warnings[0]


def test_a_claim_that_is_no_datasets_is_left_alone() -> None:
    """Nobody's, one of a Dataset without a claim of its own, and one whose name somebody else's claim has."""
    unclaimed = an_s3_dataset("claims")
    taken = replace(unclaimed, claim=True, status=DatasetStatus())
    gone = replace(CLAIMS, claim=False)
    pod = make_pod(containers=[mounting(at("/data"))], volumes=[volume()])
    for dataset in (an_s3_dataset("other"), unclaimed, taken, gone):
        assert label(pod, dataset) == Labelled(pod)
        assert label(pod, dataset).pod is pod


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (reading("scans"), {**reading("scans"), "dataset.1.id": "claims", "dataset.1.useas": "mount"}),
        (reading("claims"), reading("claims")),
        (reading("claims", useas="cache"), reading("claims", useas="cache")),
        (reading("claims", useas="configmap"), reading("claims", useas="configmap.mount")),
        ({"dataset.7.id": "claims"}, {"dataset.7.id": "claims", "dataset.7.useas": "mount"}),
    ],
)
def test_labels_of_the_pod_stay(labels: dict[str, str], expected: dict[str, str]) -> None:
    """What a label says of the same Dataset decides; the claim adds that it is mounted."""
    pod = make_pod(labels=labels, containers=[mounting(at("/data"))], volumes=[volume()])
    assert labels_of(pod) == expected


@pytest.mark.parametrize(
    ("dataset", "claim", "mount", "access"),
    [
        (writable(CLAIMS), {}, {}, "readWrite"),
        (writable(CLAIMS), {"readOnly": True}, {}, None),
        (writable(CLAIMS), {}, {"readOnly": True}, None),
        (CLAIMS, {}, {}, None),
    ],
)
def test_a_pod_writes_where_volume_mount_and_dataset_let_it(
    dataset: Dataset, claim: Raw, mount: Raw, access: str | None
) -> None:
    """Datashim's pods never say that they only read: where the Dataset is for reading, so is the mount."""
    pod = make_pod(containers=[mounting(at("/data", **mount))], volumes=[volume(**claim)])
    assert labels_of(pod, dataset).get("dataset.0.access") == access


def test_a_label_says_whether_the_pod_writes() -> None:
    """Also where the claim could."""
    pod = make_pod(labels=reading("claims"), containers=[mounting(at("/data"))], volumes=[volume()])
    assert "dataset.0.access" not in labels_of(pod, writable(CLAIMS))


def test_memory_is_used_as_memory() -> None:
    """The claim of a Dataset that is the memory of nodes."""
    pod = make_pod(containers=[mounting(at("/shared"))], volumes=[volume("features")])
    assert labels_of(pod, claimed(a_memory_dataset()))["dataset.0.useas"] == "memory"


def test_a_refusal_says_where_the_label_comes_from() -> None:
    """Its author never wrote one; and how to read, where only writing is refused."""
    pod = make_pod(containers=[mounting(at("/data"))], volumes=[volume()])
    secret = claimed(an_s3_dataset("claims", purposes=frozenset({"audit"})))
    outcome = served(pod, secret)
    assert isinstance(outcome, Refusal)
    assert outcome.reason == "PurposeMissing"
    assert outcome.message.endswith(
        "(dataset.0 stands for spec.volumes[data], which mounts PersistentVolumeClaim claims)"
    )
    outcome = served(pod, claimed(writable(an_s3_dataset("claims", writers=frozenset({"elsewhere"})))))
    assert isinstance(outcome, Refusal)
    assert "set readOnly: true in its persistentVolumeClaim if the pod only reads" in outcome.message


def test_what_can_not_be_served_is_refused() -> None:
    """A block device, a volume that has the Dataset's name, more datasets than a pod may have."""
    device = make_container(volumeDevices=[{"name": "data", "devicePath": "/dev/x"}])
    with pytest.raises(InputError, match=r"spec\.containers\[app\]\.volumeDevices\[data\].*no block"):
        label(make_pod(containers=[device], volumes=[volume()]))
    clash = [volume(), {"name": "claims", "emptyDir": {}}]
    outcome = served(make_pod(containers=[mounting(at("/data"))], volumes=clash))
    assert isinstance(outcome, Refusal)
    assert "spec.volumes[claims]: this volume has the name that the one for dataset" in outcome.message
    many = [claimed(an_s3_dataset(f"d-{number}")) for number in range(65)]
    with pytest.raises(LabelError, match="more than 64 datasets"):
        label(make_pod(volumes=[volume(each.ref.name, each.ref.name) for each in many]), *many)
