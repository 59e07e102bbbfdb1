"""The guard's expressions look at our own keys: others' labels cost nothing, and what else a pod has is bounded."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from devcluster.cluster import Cluster
from moorage.errors import KubeError
from moorage.kube import PODS, Client
from tests.guard.conftest import FEW_LABELS, NODE, open_patiently
from tests.guard.test_create import NOT_SERVED, refusal
from tests.guard.test_later import relabel, remove
from tests.webhook.pods import NAMESPACE, an_s3_dataset, make_container, make_pod, reading, serve
from webhook import pod_limits

Raw = dict[str, Any]


def labels_like_ours(count: int) -> dict[str, str]:
    """As long as a label's key may be, and alike to a dataset's up to the end: what a pattern takes longest for."""
    domain = ".".join(["dataset", *["0" * 57] * 4])
    return {f"{domain}/{number:063}": "" for number in range(count)}


FOREIGN: dict[str, dict[str, str]] = {
    "as many as few": {f"example.com/label-{number}": "value" for number in range(FEW_LABELS)},
    "1,200 that begin as ours do": labels_like_ours(1_200),
    "3,000 that begin as ours do": labels_like_ours(3_000),
    "5,000": {f"example.com/label-{number}": "value" for number in range(5_000)},
}
LARGEST_FOREIGN = {"60,000, as large as etcd likes objects": {f"label-{number}": "" for number in range(60_000)}}
"""Seconds for each request, whatever is asked: one test with it is enough."""


@pytest.fixture
async def reader_gone(client: Client) -> AsyncIterator[None]:
    """No pod before and none after."""
    await remove(client)
    yield
    await remove(client)


@pytest.mark.usefixtures("reader_gone")
@pytest.mark.parametrize("labels", (FOREIGN | LARGEST_FOREIGN).values(), ids=(FOREIGN | LARGEST_FOREIGN).keys())
async def test_no_number_of_other_labels_keeps_a_pod_from_anything(
    guarded: Cluster, client: Client, labels: dict[str, str]
) -> None:
    """It is created and updated, its kubelet reports its state, and it still can't be labelled later."""
    await client.create(PODS, make_pod(labels=labels, nodeName=NODE))
    assert await relabel(client, {"app": "web", "moorage.dev/purpose": "research"}) is None
    identity = {"namespace": NAMESPACE, "name": "reader"}
    await client.merge_patch(PODS, {"metadata": identity, "status": {"message": "a controller"}}, subresource="status")
    assert await patch_status_as_node(guarded, {"status": {"message": "the kubelet"}}) == ""
    for key in ("dataset.0.id", "dataset.63.accepts"):
        told = await relabel(client, {key: "claims"}, "status")
        assert told is not None
        assert f"label {key} can not be added or changed" in told


@pytest.mark.usefixtures("reader_gone")
@pytest.mark.parametrize("labels", FOREIGN.values(), ids=FOREIGN.keys())
async def test_a_labelled_pod_among_any_number_of_other_labels_is_refused(
    client: Client, labels: dict[str, str]
) -> None:
    """With the sentence of one that has no others."""
    for number in (0, 63):
        asked = {f"dataset.{number}.id": "claims", f"dataset.{number}.useas": "mount"}
        told = await refusal(client, make_pod(labels={**labels, **asked}))
        assert told is not None
        assert f"dataset fraud/claims, but {NOT_SERVED}" in told
    nameless = await refusal(client, make_pod(labels={**labels, "dataset.63.accepts": "public"}))
    assert "label dataset.63.accepts stands without the id of its dataset: add dataset.63.id" in str(nameless)


@pytest.mark.usefixtures("reader_gone")
@pytest.mark.parametrize("labels", FOREIGN.values(), ids=FOREIGN.keys())
async def test_a_served_pod_among_any_number_of_other_labels_lives(
    guarded: Cluster, client: Client, labels: dict[str, str]
) -> None:
    """Created as served, reported of by its kubelet, and what it reads stays."""
    pod = make_pod(labels={**labels, **reading("claims"), "moorage.dev/purpose": "research"})
    await client.create(PODS, serve(pod, an_s3_dataset()))
    binding: Raw = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": "reader", "namespace": NAMESPACE},
        "target": {"kind": "Node", "name": NODE},
    }
    await client.request("POST", f"{PODS.path(NAMESPACE, 'reader')}/binding", body=binding)
    assert await patch_status_as_node(guarded, {"status": {"message": "the kubelet"}}) == ""
    assert await relabel(client, {"app": "web"}) is None
    for changed in ({"moorage.dev/purpose": "sale"}, {"dataset.0.id": "other"}, {"dataset.40.useas": "mount"}):
        told = await relabel(client, dict(changed))
        assert f"label {next(iter(changed))} can not be added or changed" in str(told)
    assert "dataset.0.useas can not be removed" in str(await relabel(client, {"dataset.0.useas": None}, "status"))


@pytest.mark.usefixtures("reader_gone")
async def test_a_node_changes_no_label_by_reporting(guarded: Cluster, client: Client) -> None:
    """The guard does not look at what nodes report; the API server itself takes no label from it."""
    await client.create(PODS, make_pod(nodeName=NODE))
    told = await patch_status_as_node(guarded, {"metadata": {"labels": reading("claims")}})
    assert "cannot update labels through pod status" in told


async def patch_status_as_node(plane: Cluster, body: Raw) -> str:
    """What the API server says when the pod's node patches its status; empty where it may."""
    headers = [
        ("Impersonate-User", f"system:node:{NODE}"),
        ("Impersonate-Group", "system:nodes"),
        ("Impersonate-Group", "system:authenticated"),
        ("Content-Type", "application/merge-patch+json"),
    ]
    async with open_patiently(plane) as http:
        path = f"{PODS.path(NAMESPACE, 'reader')}/status"
        answer = await http.patch(path, content=json.dumps(body), headers=headers)
    return "" if answer.is_success else str(answer.json()["message"])


def many(datasets: int, containers: int, useas: str = "mount", mounts: int = 0, variables: int = 0) -> Raw:
    """A pod as it is sent, with so many mounts and variables of its own in each container."""
    volumes: list[Raw] = [{"name": f"own-{number}", "emptyDir": {}} for number in range(mounts)]
    fields = {
        "volumeMounts": [{"name": f"own-{number}", "mountPath": f"/own/{number}"} for number in range(mounts)],
        "env": [{"name": f"own_{number}_bucket", "value": ""} for number in range(variables)],
    }
    return make_pod(
        labels=reading(*[f"d{number:02}" for number in range(datasets)], useas=useas),
        containers=[make_container(f"c{number}", **fields) for number in range(containers)],
        volumes=volumes,
        automountServiceAccountToken=False,
    )


def served(datasets: int, containers: int, **more: Any) -> Raw:  # noqa: ANN401 - passed on
    """A pod with so many of everything, as the webhook makes it."""
    return serve(many(datasets, containers, **more), *[an_s3_dataset(f"d{number:02}") for number in range(datasets)])


async def test_64_datasets_in_30_containers_are_served(client: Client) -> None:
    """Both ways of using them at once."""
    assert await refusal(client, served(64, 30, useas="mount.configmap")) is None


async def test_65_datasets_are_refused_with_a_sentence(client: Client) -> None:
    """By the first number that is too high."""
    told = await refusal(client, many(65, 30))
    assert told is not None
    assert "label dataset.64." in told
    assert "with N a number from 0 to 63" in told


@pytest.mark.parametrize("datasets", [100, 5_000])
async def test_very_many_datasets_are_refused_with_a_sentence(client: Client, datasets: int) -> None:
    """By whatever rule: none of it is the API server's word for a budget that was exceeded."""
    told = await refusal(client, many(datasets, 30))
    assert told is not None
    assert "cost" not in told
    assert "can not be read" in told or NOT_SERVED in told


LARGEST = {
    "the most containers and mounts": served(64, 127),
    "the most volumes": served(64, 4, mounts=900),
    "the most variables": served(64, 30, useas="configmap", variables=25),
}


@pytest.mark.parametrize("pod", LARGEST.values(), ids=LARGEST.keys())
async def test_the_largest_pod_that_the_webhook_serves_passes(client: Client, pod: Raw) -> None:
    """The guard's budget holds for whatever the webhook does not refuse."""
    assert await refusal(client, pod) is None


@pytest.mark.parametrize(
    "pod",
    [many(64, 128, mounts=64), many(64, 128, useas="configmap", variables=96), many(64, 8, mounts=1024)],
    ids=["mounts", "variables", "volumes"],
)
async def test_the_largest_pod_that_was_not_served_is_refused_with_a_sentence(client: Client, pod: Raw) -> None:
    """All that is looked through is somebody else's, under names that could be ours."""
    told = await refusal(client, pod)
    assert told is not None
    assert NOT_SERVED in told


TOO_LARGE = {
    "containers": many(1, pod_limits.MOST_CONTAINERS + 1),
    "volumes": many(1, 1, mounts=pod_limits.MOST_VOLUMES + 1),
    "mounts": many(1, 100, mounts=82),
    "variables": many(1, 100, variables=123),
    "everything": many(64, 300, mounts=100, variables=30),
}


@pytest.mark.parametrize("pod", TOO_LARGE.values(), ids=TOO_LARGE.keys())
async def test_a_pod_that_is_too_large_is_refused_with_a_sentence(client: Client, pod: Raw) -> None:
    """Before it is looked through."""
    told = await refusal(client, pod)
    assert told is not None
    assert "a pod with dataset labels may have at most 128 containers" in told


async def test_a_static_pod_and_a_binding_with_very_many_labels(client: Client) -> None:
    """What they may not bring is found among any number of other labels, and those alone pass."""
    (labels,) = LARGEST_FOREIGN.values()
    static = make_pod("static", labels=labels, nodeName=NODE)
    static["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    assert await refusal(client, static) is None
    static["metadata"]["labels"] = {**labels, "dataset.63.id": "claims"}
    static["metadata"]["namespace"] = "kube-system"
    assert "a static pod can not read a dataset" in str(await refusal(client, static))
    await remove(client)
    await client.create(PODS, make_pod())
    binding: Raw = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": "reader", "namespace": NAMESPACE, "labels": {**labels, "dataset.63.id": "claims"}},
        "target": {"kind": "Node", "name": NODE},
    }
    with pytest.raises(KubeError, match="a Binding must not bring dataset labels"):
        await client.request("POST", f"{PODS.path(NAMESPACE, 'reader')}/binding", body=binding)
    await remove(client)
