"""The HTTP server by itself: what it answers before it knows anything, and to what is no review."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from moorage.errors import SettingError
from moorage.kube import Client
from moorage.kube.reflector import Key
from moorage.model import Dataset
from moorage.recording import Places, Recorder
from moorage.serving.health import Health
from moorage.serving.run import Listener, serve
from moorage.settings import describe, read
from tests.webhook.pods import make_pod, reading
from webhook.__main__ import serving_of
from webhook.app import TURNS, make_app
from webhook.evidence import Witness
from webhook.gather import Gatherer
from webhook.mutate import Serving
from webhook.settings import WebhookSettings
from webhook.turns import MOST_ASKING_OF_A_NAMESPACE


@pytest.fixture
async def server() -> AsyncIterator[httpx.AsyncClient]:
    """A webhook that can't reach any API server."""
    async with Client(httpx.AsyncClient(base_url="http://127.0.0.1:1", trust_env=False)) as client:
        app = make_app(Gatherer(client), Serving(), Witness(Recorder(client, "webhook", Places("", ""))), Health())
        async with (
            serve(app, Listener(port=0, host="127.0.0.1", drain_seconds=0)) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http,
        ):
            yield http


def review(pod: dict[str, object], operation: str = "CREATE") -> dict[str, object]:
    """As the API server sends it."""
    kind = {"group": "", "version": "v1", "kind": "Pod"}
    asked = {"uid": "u-1", "operation": operation, "kind": kind, "namespace": "fraud", "object": pod}
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": asked}


async def test_alive_but_not_ready(server: httpx.AsyncClient) -> None:
    """A restart would not help; requests would not be answered."""
    assert (await server.get("/healthz")).status_code == 200
    answer = await server.get("/readyz")
    assert answer.status_code == 503
    assert "[-] caches: datasets, sites, namespaces not in the cache yet" in answer.text


async def test_no_answer_before_the_caches_are_complete(server: httpx.AsyncClient) -> None:
    """The API server goes on without us, and the guard refuses; a wrong refusal would be worse."""
    for path in ("/mutate-pods", "/validate-datasets"):
        answer = await server.post(path, json=review(make_pod(labels=reading("claims"))))
        assert answer.status_code == 503


async def test_what_needs_no_cache_is_answered(server: httpx.AsyncClient) -> None:
    """Pods that are not ours, other operations, labels that nobody can read."""
    for asked in (review(make_pod()), review(make_pod(labels=reading("claims")), "UPDATE")):
        answer = (await server.post("/mutate-pods", json=asked)).json()
        assert answer["response"] == {"uid": "u-1", "allowed": True}
    answer = (await server.post("/mutate-pods", json=review(make_pod(labels={"dataset.0.useas": "mount"})))).json()
    assert answer["apiVersion"] == "admission.k8s.io/v1"
    assert answer["response"]["status"]["code"] == 400


async def test_a_misspelt_label_is_named_where_another_needs_it(server: httpx.AsyncClient) -> None:
    """The refusal of a `useas` without an `id` says where the `id` is."""
    labels = {"datasets.0.id": "claims", "dataset.0.useas": "mount"}
    answer = (await server.post("/mutate-pods", json=review(make_pod(labels=labels)))).json()
    told = answer["response"]["status"]["message"]
    assert "dataset.0.id]: is required beside dataset.0.useas" in told
    assert told.endswith("; label datasets.0.id is not read: write dataset.0.id: claims")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"request": {}}', b'{"apiVersion": "admission.k8s.io/v1beta1"}'])
async def test_what_is_no_review(server: httpx.AsyncClient, body: bytes) -> None:
    """400, with what is wrong."""
    for path in ("/mutate-pods", "/validate-datasets"):
        answer = await server.post(path, content=body)
        assert answer.status_code == 400
        assert answer.text.startswith("AdmissionReview: ")


async def test_a_pod_as_large_as_they_may_be(server: httpx.AsyncClient) -> None:
    """3 MiB, and aiohttp's own limit is one."""
    pod = make_pod(labels={"dataset.0.useas": "mount"})
    pod["metadata"]["annotations"] = {"x": "y" * (3 << 20)}
    assert (await server.post("/mutate-pods", json=review(pod))).status_code == 200


def test_settings_shape_what_is_served() -> None:
    """As the chart gives them."""
    settings = read(
        WebhookSettings,
        {
            "MOORAGE_MOUNT_IMAGE": "r.example.com/mount:2",
            "MOORAGE_MOUNT_IMAGE_PULL_POLICY": "Always",
            "MOORAGE_MOUNT_RESOURCES": '{"requests":{"cpu":"1"}}',
            "MOORAGE_MOUNT_CACHE_SIZE_LIMIT": "2Gi",
            "MOORAGE_SCHEDULER_NAME": "default-scheduler",
            "MOORAGE_MANAGED_RESOURCE": "moorage.dev/dataset",
        },
    )
    serving = serving_of(settings)
    assert (serving.sidecar.image, serving.sidecar.pull_policy) == ("r.example.com/mount:2", "Always")
    assert serving.sidecar.resources == {"requests": {"cpu": "1"}}
    assert serving.sidecar.cache_size_limit_bytes == 2 << 30
    assert (serving.scheduler_name, serving.managed_resource) == ("default-scheduler", "moorage.dev/dataset")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MOORAGE_MOUNT_RESOURCES", "cpu: 1"),
        ("MOORAGE_MOUNT_RESOURCES", '{"cpu": "1"}'),
        ("MOORAGE_MOUNT_CACHE_SIZE_LIMIT", "much"),
        ("MOORAGE_MOUNT_CACHE_SIZE_LIMIT", "10"),
        ("MOORAGE_MOUNT_IMAGE_PULL_POLICY", "Sometimes"),
        ("MOORAGE_LOG_LEVEL", "LOUD"),
    ],
)
def test_settings_that_can_not_be_used(variable: str, value: str) -> None:
    """The variable and the value are named."""
    with pytest.raises(SettingError, match=variable):
        read(WebhookSettings, {variable: value})


def test_the_chart_sets_what_the_webhook_reads() -> None:
    """A variable that nobody reads is a mistake in one of the two."""
    chart = (Path(__file__).parents[2] / "charts/moorage/templates/webhook.yaml").read_text()
    known = {each.variable for each in describe(WebhookSettings)}
    named = {line.split("name: ")[1].split(",")[0] for line in chart.splitlines() if "{name: MOORAGE_" in line}
    assert named
    assert named <= known


class Complete(Gatherer):
    """Its caches are complete, and there is nothing in the cluster."""

    def missing(self) -> None:
        """Nothing."""

    @property
    def known(self) -> Mapping[Key, Dataset | None]:
        """No Dataset."""
        return {}


async def test_searches_beyond_a_short_queue_are_refused() -> None:
    """With a sentence, at once; those that wait are answered in their turn."""
    question: dict[str, object] = {"kind": "DatasetAccessReview", "metadata": {"name": "question"}, "spec": {}}
    asked: dict[str, Any] = review(question)
    asked["request"] |= {"kind": {"group": "moorage.dev", "version": "v1alpha1", "kind": "DatasetAccessReview"}}
    asked["request"]["dryRun"] = True
    async with Client(httpx.AsyncClient(base_url="http://127.0.0.1:1", trust_env=False)) as client:
        app = make_app(Complete(client), Serving(), Witness(Recorder(client, "webhook", Places("", ""))), Health())
        async with (
            serve(app, Listener(port=0, host="127.0.0.1", drain_seconds=0)) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as http,
        ):
            async with AsyncExitStack() as others:
                for namespace in ("a", "b"):
                    assert await others.enter_async_context(app[TURNS].turn(namespace))
                count = MOST_ASKING_OF_A_NAMESPACE + 1
                tasks = {asyncio.create_task(http.post("/answer-reviews", json=asked)) for _ in range(count)}
                (refused,), waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                status = refused.result().json()["response"]["status"]
                assert (status["code"], status["reason"]) == (429, "TooManyRequests")
                assert "DatasetAccessReview fraud/question: too many ask now" in status["message"]
            for answer in await asyncio.gather(*waiting):
                assert answer.json()["response"]["allowed"]
