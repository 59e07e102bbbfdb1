"""What a pod reads is fixed when it is created, by whichever way its labels could be written afterwards."""

import asyncio
from typing import Any

import pytest

from devcluster.cluster import Cluster
from moorage.errors import KubeError
from moorage.kube import DEPLOYMENTS, PODS, Client
from tests.polling import until
from tests.webhook.pods import NAMESPACE, an_s3_dataset, make_container, make_pod, reading, serve

Raw = dict[str, Any]
PATH = PODS.path(NAMESPACE, "reader")
STAYS = {**reading("claims"), "moorage.dev/purpose": "research", "app": "web"}


async def make(client: Client, pod: Raw) -> None:
    """Create the pod, in place of an earlier one."""
    if "nodeName" not in pod["spec"]:
        await remove(client)
    await client.create(PODS, pod)


async def remove(client: Client) -> None:
    """Delete the pod, if there is one, and wait until it is gone."""

    async def gone() -> bool:
        try:
            await client.delete(PODS, "reader", NAMESPACE, grace_seconds=0)
        except KubeError as error:
            return error.status == 404
        return False

    await until(gone)


async def relabel(client: Client, labels: dict[str, str | None], subresource: str = "") -> str | None:
    """The sentence with which a change of labels is refused, or None."""
    body = {"metadata": {"namespace": NAMESPACE, "name": "reader", "labels": labels}}
    try:
        await client.merge_patch(PODS, body, subresource=subresource)
    except KubeError as error:
        if (error.status, error.reason) != (403, "Forbidden"):
            raise
        return str(error)
    return None


CHANGES: dict[str, tuple[dict[str, str | None], str]] = {
    "another dataset": ({"dataset.0.id": "other"}, "label dataset.0.id can not be added or changed"),
    "one more dataset": ({"dataset.1.id": "other"}, "label dataset.1.id can not be added or changed"),
    "another namespace": ({"dataset.0.namespace": "other"}, "label dataset.0.namespace can not be added"),
    "another use": ({"dataset.0.useas": "configmap"}, "label dataset.0.useas can not be added or changed"),
    "another purpose": ({"moorage.dev/purpose": "sale"}, "label moorage.dev/purpose can not be added or changed"),
    "a bad index": ({"dataset.00.id": "other"}, "label dataset.00.id can not be added or changed"),
    "no dataset": ({"dataset.0.id": None}, "label dataset.0.id can not be removed"),
    "no use": ({"dataset.0.useas": None}, "label dataset.0.useas can not be removed"),
    "no purpose": ({"moorage.dev/purpose": None}, "label moorage.dev/purpose can not be removed"),
}


@pytest.mark.parametrize("subresource", ["", "status"])
async def test_what_a_pod_reads_can_not_be_changed(client: Client, subresource: str) -> None:
    """Added, changed or removed, by the pod itself or by its status; all else can be."""
    await make(client, serve(make_pod(labels=STAYS), an_s3_dataset()))
    for labels, sentence in CHANGES.values():
        told = await relabel(client, labels, subresource)
        assert told is not None, labels
        assert sentence in told
    harmless: dict[str, str | None] = {"app": None, "team": "a", "dataset.example.com/x": "y"}
    assert await relabel(client, harmless, subresource) is None


@pytest.mark.parametrize("subresource", ["", "status"])
async def test_a_pod_without_labels_can_not_be_labelled_later(client: Client, subresource: str) -> None:
    """The webhook only sees a pod when it is created."""
    await make(client, make_pod())
    assert await relabel(client, {"app": "web", "moorage.dev/purpose": "research"}, subresource) is None
    told = await relabel(client, {"dataset.0.id": "claims", "dataset.0.useas": "mount"}, subresource)
    assert told is not None
    assert "can not be added or changed once the pod exists" in told


async def test_the_purpose_of_a_volume_by_hand_stays(client: Client) -> None:
    """It is what the broker believes."""
    volume = {"name": "v", "csi": {"driver": "data.moorage.dev", "volumeAttributes": {"dataset": "claims"}}}
    await make(client, make_pod(labels={"moorage.dev/purpose": "research"}, volumes=[volume]))
    told = await relabel(client, {"moorage.dev/purpose": "sale"})
    assert told is not None
    assert "moorage.dev/purpose can not be added or changed" in told


@pytest.mark.parametrize("labels", [{"dataset.0.id": "claims"}, {"moorage.dev/purpose": "sale"}])
async def test_a_binding_brings_no_labels(client: Client, labels: dict[str, str]) -> None:
    """Its labels become the pod's, without an update of the pod that anybody could judge."""
    await make(client, make_pod())
    binding: Raw = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": "reader", "namespace": NAMESPACE, "labels": labels},
        "target": {"kind": "Node", "name": "eu-1-n1"},
    }
    for path in (f"{PATH}/binding", f"/api/v1/namespaces/{NAMESPACE}/bindings"):
        with pytest.raises(KubeError, match="a Binding must not bring dataset labels"):
            await client.request("POST", path, body=binding)
    binding["metadata"]["labels"] = {"topology.kubernetes.io/zone": "a"}
    await client.request("POST", f"{PATH}/binding", body=binding)
    bound = await client.get(PODS, "reader", NAMESPACE)
    assert bound["spec"]["nodeName"] == "eu-1-n1"


async def test_statuses_finalizers_and_debuggers_pass(client: Client) -> None:
    """What kubelets, controllers and people do to a served pod all day."""
    await make(client, serve(make_pod(labels=STAYS), an_s3_dataset()))
    name = {"namespace": NAMESPACE, "name": "reader"}
    await client.merge_patch(PODS, {"metadata": name, "status": {"phase": "Running"}}, subresource="status")
    await client.merge_patch(PODS, {"metadata": {**name, "finalizers": ["example.com/x"], "annotations": {"a": "b"}}})
    await client.merge_patch(PODS, {"metadata": {**name, "finalizers": None}})
    debugger = {"name": "debug", "image": "docker.io/moorage/test:1"}
    await client.request(
        "PATCH",
        f"{PATH}/ephemeralcontainers",
        body={"spec": {"ephemeralContainers": [debugger]}},
        content_type="application/strategic-merge-patch+json",
    )
    await client.request(
        "PATCH",
        f"{PATH}/resize",
        body={"spec": {"containers": [{"name": "app", "resources": {"limits": {"memory": "1Gi"}}}]}},
        content_type="application/strategic-merge-patch+json",
    )
    changed = await client.get(PODS, "reader", NAMESPACE)
    assert [each["name"] for each in changed["spec"]["ephemeralContainers"]] == ["debug"]


@pytest.mark.parametrize("subresource", ["ephemeralcontainers", "resize"])
async def test_other_subresources_carry_no_labels(client: Client, subresource: str) -> None:
    """The guard does not look at them, because the API server takes nothing but their own part from such a write."""
    await make(client, make_pod())
    await client.request(
        "PATCH",
        f"{PATH}/{subresource}",
        body={"metadata": {"labels": reading("claims")}},
        content_type="application/merge-patch+json",
    )
    assert "dataset.0.id" not in ((await client.get(PODS, "reader", NAMESPACE))["metadata"].get("labels") or {})


async def test_replacing_a_pod_is_changing_it(client: Client) -> None:
    """PUT, and server-side apply, are updates as a patch is."""
    await make(client, make_pod())
    stored = await client.get(PODS, "reader", NAMESPACE)
    # Whatever else happens to the pod meanwhile, this is no conflict.
    del stored["metadata"]["resourceVersion"]
    stored["metadata"]["labels"] = reading("claims")
    with pytest.raises(KubeError, match="can not be added or changed once the pod exists"):
        await client.replace(PODS, stored)
    identity = {"name": "reader", "namespace": NAMESPACE}
    with pytest.raises(KubeError, match="can not be added or changed once the pod exists"):
        await client.apply(PODS, {"metadata": {**identity, "labels": reading("claims")}})


async def test_a_static_pod_reads_nothing(client: Client) -> None:
    """A taken node could else claim to run a reader, in any namespace and without a scheduler."""
    for pod in (
        make_pod("static", labels={"dataset.0.id": "claims"}, nodeName="eu-1-n1"),
        make_pod(
            "static",
            nodeName="eu-1-n1",
            volumes=[{"name": "v", "csi": {"driver": "data.moorage.dev", "volumeAttributes": {"dataset": "claims"}}}],
        ),
    ):
        pod["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
        for namespace in (NAMESPACE, "kube-system"):
            pod["metadata"]["namespace"] = namespace
            with pytest.raises(KubeError, match=r"a static pod can not read a dataset|nodeName must not be set"):
                await client.create(PODS, pod, dry_run=True)
    harmless = make_pod("static", nodeName="eu-1-n1")
    harmless["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    await client.create(PODS, harmless, dry_run=True)


async def test_a_deployment_tells_the_sentence(client: Client) -> None:
    """Templates are not judged; the pods made of them are, and the Deployment says why it has none."""
    deployment: Raw = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "reader", "namespace": NAMESPACE},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "reader"}},
            "template": {
                "metadata": {"labels": {"app": "reader", **reading("claims")}},
                "spec": {"containers": [make_container()]},
            },
        },
    }
    await client.create(DEPLOYMENTS, deployment)
    try:

        async def told() -> bool:
            found = await client.get(DEPLOYMENTS, "reader", NAMESPACE)
            conditions = {each["type"]: each for each in found.get("status", {}).get("conditions", [])}
            failure = conditions.get("ReplicaFailure", {})
            return "the admission webhook of Moorage did not serve it" in failure.get("message", "")

        await until(told)
    finally:
        await client.delete(DEPLOYMENTS, "reader", NAMESPACE)


@pytest.fixture(autouse=True, scope="module")
def nothing_left(guarded: Cluster) -> Any:  # noqa: ANN401 - a generator fixture
    """The pod of these tests is gone afterwards."""
    yield

    async def clean() -> None:
        async with Client.from_environment(guarded.kubeconfig_path) as client:
            await remove(client)

    asyncio.run(clean())
