"""What a workload's author is told when it is applied."""

from typing import Any

import pytest

from moorage.model import Dataset, DatasetRef
from moorage.refusal import Refusal
from tests.webhook.pods import NAMESPACE, an_s3_dataset, make_container, reading
from webhook.mutate import Facts, Served, Serving, mutate, read_request
from webhook.review import Review
from webhook.workloads import MOST_WARNINGS, warnings_of

Raw = dict[str, Any]
KNOWN = {
    dataset.ref: dataset
    for dataset in (an_s3_dataset("claims"), an_s3_dataset("secret", purposes=frozenset({"audit"})))
}


async def ask(raw: Raw, namespace: str, subject: str) -> Served | Refusal | None:
    """What admission answers, over two Datasets."""
    pod = read_request(raw, namespace, subject)
    if not pod.usage.uses:
        return None
    datasets: dict[DatasetRef, Dataset | None] = {use.ref: KNOWN.get(use.ref) for use in pod.usage.reading}
    return mutate(pod, Facts(datasets), Serving())


def workload(kind: str, labels: Raw, *, own: Raw | None = None, owner: bool = False, replicas: int = 1) -> Raw:
    """One whose pods carry these labels."""
    template = {"metadata": {"labels": labels}, "spec": {"containers": [make_container()]}}
    spec: Raw = {"replicas": replicas, "template": template}
    if kind == "CronJob":
        spec = {"jobTemplate": {"spec": {"template": template}}}
    if kind == "Workflow":
        spec = {
            "templates": [{"name": "steps", "steps": []}, {"metadata": {"labels": labels}, "container": {"image": "x"}}]
        }
    metadata: Raw = {"name": "train", "labels": own or {}}
    if owner:
        metadata["ownerReferences"] = [{"kind": "Deployment", "name": "train", "controller": True}]
    return {"metadata": metadata, "spec": spec}


async def told(kind: str, new: Raw, old: Raw | None = None) -> tuple[str, ...]:
    """The warnings."""
    return await warnings_of(Review("u", "UPDATE" if old else "CREATE", kind, NAMESPACE, new, old or {}), ask)


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("Deployment", "spec.template"),
        ("StatefulSet", "spec.template"),
        ("Job", "spec.template"),
        ("CronJob", "spec.jobTemplate.spec.template"),
        ("Workflow", "spec.templates[1]"),
    ],
)
async def test_a_refusal_is_told_at_once(kind: str, field: str) -> None:
    """With the field, and the sentence that the pods would be refused with."""
    (warning,) = await told(kind, workload(kind, reading("secret")))
    assert warning.startswith(f"{field}: its pods will be refused: a pod of {kind} {NAMESPACE}/train: metadata.labels[")
    assert "PurposeMissing" in warning


async def test_what_is_right_is_not_told() -> None:
    """No warnings about a workload that will be served, or that reads nothing."""
    assert await told("Deployment", workload("Deployment", reading("claims"))) == ()
    assert await told("Deployment", workload("Deployment", {"app": "x"})) == ()
    assert await told("Widget", workload("Deployment", reading("secret"))) == ()


async def test_labels_on_the_workload_are_not_on_its_pods() -> None:
    """A mistake that is silent otherwise."""
    (warning,) = await told("Deployment", workload("Deployment", {}, own=reading("claims")))
    assert warning == (
        "metadata.labels: dataset.0.id is on the Deployment, and its pods do not get it: write it under "
        "spec.template.metadata.labels, too"
    )
    assert await told("Deployment", workload("Deployment", reading("claims"), own=reading("claims"))) == ()


async def test_labels_that_can_not_be_read() -> None:
    """Told as the pod's refusal will be, and near misses by their own sentence."""
    (warning,) = await told("Job", workload("Job", {"dataset.0.id": "claims", "dataset.0.useas": "folder"}))
    assert "its pods will be refused" in warning
    assert "'folder' is not one of" in warning
    (warning,) = await told("Job", workload("Job", {"datasets.0.id": "claims"}))
    assert warning == "spec.template: label datasets.0.id is not read: write dataset.0.id: claims"


async def test_only_news_are_told() -> None:
    """Scaling, a controller's own objects and deletions tell nothing again."""
    refused = workload("Deployment", reading("secret"))
    assert await told("Deployment", workload("Deployment", reading("secret"), replicas=5), refused) == ()
    assert await told("ReplicaSet", workload("ReplicaSet", reading("secret"), owner=True)) == ()
    going = {**refused, "metadata": {**refused["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}}
    assert await told("Deployment", going) == ()
    assert await told("Deployment", workload("Deployment", reading("secret")), workload("Deployment", {})) != ()


async def test_a_workflow_of_thousands_is_looked_at_in_part() -> None:
    """Work and answer are bounded."""
    asked = 0

    async def count(raw: Raw, namespace: str, subject: str) -> Served | Refusal | None:
        nonlocal asked
        asked += 1
        return await ask(raw, namespace, subject)

    one = {"metadata": {"labels": reading("secret")}, "container": {"image": "x"}}
    review = Review(
        "u", "CREATE", "Workflow", NAMESPACE, {"metadata": {"name": "w"}, "spec": {"templates": [one] * 5000}}, {}
    )
    assert len(await warnings_of(review, count)) == MOST_WARNINGS
    assert asked <= 64
