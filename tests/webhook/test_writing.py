"""Pods that ask to write: served with a mount that can be written, or refused with what would help."""

from dataclasses import replace

import pytest

from moorage.model import DatasetStatus, Governance
from moorage.sites import Inventory
from tests.webhook.pods import (
    NAMESPACE,
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

WRITE = {"dataset.0.access": "readWrite"}


def writing(*names: str) -> dict[str, str]:
    """Labels that mount these datasets, and ask to write to the first."""
    return reading(*names, **WRITE)


def test_the_mount_can_be_written_in_every_container() -> None:
    """The one dataset; the others stay as they are. And serving a pod twice changes nothing."""
    pod = make_pod(
        labels=writing("results", "claims"),
        containers=[make_container("a", volumeMounts=[{"name": "results", "mountPath": "/out", "readOnly": True}])],
        initContainers=[make_container("first")],
    )
    datasets = writable(an_s3_dataset("results")), an_s3_dataset("claims")
    served = serve(pod, *datasets)
    spec = served["spec"]
    assert {volume["name"]: volume["csi"]["readOnly"] for volume in spec["volumes"] if "csi" in volume} == {
        "claims": True,
        "results": False,
    }
    for container in [*spec["containers"], spec["initContainers"][1]]:
        mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
        assert "readOnly" not in mounts["results"]
        assert mounts["claims"]["readOnly"] is True
    assert spec["containers"][0]["volumeMounts"][0]["mountPath"] == "/out"
    assert serve(served, *datasets) == served


def test_a_writer_is_not_told_to_upload() -> None:
    """The first file of an empty Dataset is its own; a reader would wait for somebody's."""
    status = DatasetStatus(problem="NoObjects: the bucket holds no object: upload the data")
    empty = replace(writable(an_s3_dataset("results")), status=status)
    assert warned(make_pod(labels=writing("results")), empty) == ()
    (told,) = warned(make_pod(labels=reading("results")), empty)
    assert "not ready (NoObjects: " in told


@pytest.mark.parametrize(
    ("target", "read", "rule", "help_"),
    [
        (an_s3_dataset("results"), an_s3_dataset("claims"), "AccessNotOffered", "remove the label dataset.N.access"),
        (
            writable(an_s3_dataset("results", writers=frozenset({"other"}))),
            an_s3_dataset("claims"),
            "WriterNotAllowed",
            "ask the steward of dataset fraud/results to add it to spec.governance.writers",
        ),
        (
            writable(an_s3_dataset("results")),
            an_s3_dataset("claims", residency=frozenset({"EU"})),
            "RulesTooWeak",
            "spec.governance, residency: within EU",
        ),
    ],
)
def test_a_refusal_names_label_rule_and_remedy(target, read, rule, help_) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Whatever may be read, by a pod that only reads, as before."""
    labels = writing("results", "claims")
    refusal = refused(make_pod(labels=labels), target, read)
    assert (refusal.code, refusal.reason) == (403, rule)
    assert f"metadata.labels[dataset.0.access]: {rule}: " in refusal.message
    assert help_ in refusal.message
    serve(make_pod(labels=reading("results", "claims")), target, read)


def test_what_is_only_named_counts_as_read() -> None:
    """A dataset without `useas` brings nothing, and still the pod counts as its reader."""
    labels = {**writing("results"), "dataset.1.id": "claims"}
    strict = an_s3_dataset("claims", purposes=frozenset({"research"}))
    pod = make_pod(labels={**labels, "moorage.dev/purpose": "research"})
    assert refused(pod, writable(an_s3_dataset("results")), strict).reason == "RulesTooWeak"


def test_a_steward_is_told_what_is_doubtful() -> None:
    """Keys that readers get too, and writers of what nobody may write."""

    def warnings(**spec: object) -> str:
        s3 = {"endpoint": "https://s3", "bucket": "b", "secretRef": {"name": "r"}, **spec.pop("s3", {})}  # type: ignore[dict-item]
        raw = {"kind": "Dataset", "metadata": {"name": "d"}, "spec": {"sources": [{"site": "a", "s3": s3}], **spec}}
        answer = validate(Review("u", "CREATE", "Dataset", NAMESPACE, raw, {}), Inventory.of([]))
        assert isinstance(answer, Accepted), answer
        return " ".join(answer.warnings)

    assert "s3.writerSecretRef" in warnings(access="readWrite")
    assert "writerSecretRef" not in warnings(access="readWrite", s3={"writerSecretRef": {"name": "w"}})
    assert "nobody may write to it" in warnings(governance={"writers": ["lab"]})
    assert "access" not in warnings()


def test_writers_alone_do_not_make_data_governed() -> None:
    """Who may write says nothing of readers, so `configmap` and other schedulers stay possible."""
    assert not Governance(writers=frozenset({"lab"})).is_governed
    assert replace(Governance(), writers=frozenset({"lab"}), consumers=frozenset({"lab"})).is_governed
