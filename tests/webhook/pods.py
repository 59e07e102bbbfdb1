"""Pods as people write them, and what is around them."""

from dataclasses import replace
from typing import Any

from moorage.access import Access
from moorage.model import Dataset, DatasetRef, Governance, Source
from moorage.refusal import Refusal
from moorage.sources.memory import MemorySource
from moorage.sources.s3 import S3Source
from webhook.mutate import Facts, Served, Serving, mutate, read_request

Raw = dict[str, Any]
NAMESPACE = "fraud"
SUBJECT = "Pod fraud/reader"
MOUNT = {
    "name": "claims",
    "mountPath": "/mnt/datasets/claims",
    "readOnly": True,
    "mountPropagation": "HostToContainer",
}
"""What every container gets for the dataset claims."""


def make_pod(name: str = "reader", labels: dict[str, str] | None = None, **spec: object) -> Raw:
    """A pod fit for the Pod Security level `restricted`, with one container unless `spec` says otherwise."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, **({"labels": labels} if labels else {})},
        "spec": {"containers": [make_container()], **spec},
    }


def make_container(name: str = "app", **fields: object) -> Raw:
    """One container that waits."""
    security = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    return {"name": name, "image": "docker.io/moorage/test:1", "securityContext": security, **fields}


def reading(*names: str, useas: str = "mount", **more: str) -> dict[str, str]:
    """The labels that use these datasets."""
    labels = {}
    for index, name in enumerate(names):
        labels[f"dataset.{index}.id"] = name
        labels[f"dataset.{index}.useas"] = useas
    return {**labels, **more}


def an_s3_dataset(name: str = "claims", namespace: str = NAMESPACE, **governance: object) -> Dataset:
    """A Dataset with one S3 copy at eu-1, whose keys are in a Secret; of the pod's own namespace unless said."""
    location = S3Source("https://s3.eu-1", "bucket", prefix="2026", region="eu-1", secret_name=f"{name}-keys")
    return Dataset(DatasetRef(namespace, name), (Source("eu-1", location),), Governance(**governance))  # type: ignore[arg-type]


def a_memory_dataset(name: str = "features", namespace: str = NAMESPACE, **governance: object) -> Dataset:
    """A Dataset that is the memory of the nodes of eu-1."""
    return Dataset(DatasetRef(namespace, name), (Source("eu-1", MemorySource(1 << 30)),), Governance(**governance))  # type: ignore[arg-type]


def writable(dataset: Dataset) -> Dataset:
    """The same, open to pods that write."""
    return replace(dataset, access=Access.READ_WRITE)


def serve(pod: Raw, *datasets: Dataset, serving: Serving | None = None, **facts: object) -> Raw:
    """The pod as the webhook would make it; fails where it would be refused."""
    request = read_request(pod, NAMESPACE, "Pod fraud/reader")
    known = Facts({dataset.ref: dataset for dataset in datasets}, **facts)  # type: ignore[arg-type]
    outcome = mutate(request, known, serving or Serving())
    assert isinstance(outcome, Served), outcome
    return outcome.pod


def ask(pod: Raw, *datasets: Dataset, **facts: object) -> Served | Refusal:
    """What the webhook would answer."""
    request = read_request(pod, NAMESPACE, SUBJECT)
    known = Facts({dataset.ref: dataset for dataset in datasets}, **facts)  # type: ignore[arg-type]
    return mutate(request, known, Serving())


def refused(pod: Raw, *datasets: Dataset, **facts: object) -> Refusal:
    """The refusal."""
    outcome = ask(pod, *datasets, **facts)
    assert isinstance(outcome, Refusal), outcome
    assert outcome.message.startswith(f"{SUBJECT}: ")
    return outcome


def warned(pod: Raw, *datasets: Dataset, **facts: object) -> tuple[str, ...]:
    """The warnings with which a pod is served."""
    outcome = ask(pod, *datasets, **facts)
    assert isinstance(outcome, Served), outcome
    return outcome.warnings
