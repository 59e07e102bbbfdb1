"""The extender over HTTP: what the scheduler gets for what it sends, good or bad."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer

from moorage.locality.snapshot import Snapshot
from moorage.model import SITE_LABEL, DatasetRef, Node
from moorage.serving.health import Health
from scheduler_plugin.app import make_app
from tests.builders import make_dataset, make_site

Raw = dict[str, Any]
Client = TestClient[Any, Any]

LABELS = {"dataset.0.id": "claims", "dataset.0.namespace": "steward", "dataset.0.useas": "mount"}
POD = {"metadata": {"name": "train", "namespace": "fraud", "labels": LABELS}, "spec": {}}


class Cached:
    """Caches in a given state."""

    def __init__(self) -> None:
        self.behind: str | None = None
        self.now = Snapshot.of(
            datasets=(make_dataset("claims").at("eu-1").staying_in("EU").for_consumers("fraud").sized(10**9).obj(),),
            sites=(make_site("eu-1", "DE"), make_site("us-1", "US")),
            nodes=(Node("a", {SITE_LABEL: "eu-1"}), Node("c", {SITE_LABEL: "us-1"})),
            purposes={"fraud": None},
        )

    def missing(self) -> str | None:
        """What is behind."""
        return self.behind

    def snapshot(self) -> Snapshot:
        """What is cached."""
        return self.now


@pytest.fixture
def cached() -> Cached:
    """Complete caches."""
    return Cached()


@pytest.fixture
async def client(cached: Cached) -> AsyncIterator[Client]:
    """A client of the running application."""
    async with TestClient(TestServer(make_app(cached, Health()))) as running:
        yield running


async def post(client: Client, path: str, body: object) -> tuple[int, Any]:
    """Status and decoded answer."""
    async with client.post(path, data=body if isinstance(body, bytes) else orjson.dumps(body)) as answer:
        return answer.status, orjson.loads(await answer.read())


async def test_filter_and_prioritize(client: Client) -> None:
    """Names in, names out; refusals are unresolvable, for no preemption helps against a rule."""
    status, answer = await post(client, "/filter", {"Pod": POD, "Nodes": None, "NodeNames": ["a", "c"]})
    assert status == 200
    assert answer == {
        "NodeNames": ["a"],
        "FailedNodes": {},
        "FailedAndUnresolvableNodes": {
            "c": "dataset steward/claims: site us-1 (US) is outside its residency EU (ResidencyViolated)"
        },
    }
    assert await post(client, "/prioritize", {"Pod": POD, "NodeNames": ["a"]}) == (200, [{"Host": "a", "Score": 0}])


async def test_until_the_caches_are_complete_the_scheduler_is_told_to_wait(client: Client, cached: Cached) -> None:
    """No verdict from half a cache: an Error for /filter, 503 for the rest, and not ready."""
    cached.behind = "datasets not in the cache yet"
    status, answer = await post(client, "/filter", {"Pod": POD, "NodeNames": ["a"]})
    assert status == 200
    assert answer == {"Error": "Moorage's scheduler extender is not ready: datasets not in the cache yet"}
    for path in ("/prioritize", "/sites/score"):
        assert (await post(client, path, {"Pod": POD, "NodeNames": ["a"]}))[0] == 503
    assert (await client.get("/readyz")).status == 503
    assert (await client.get("/healthz")).status == 200


async def test_a_namespace_made_moments_ago_is_asked_about_again(client: Client) -> None:
    """Its list of purposes is not known yet; that is no ground for a refusal that lasts."""
    pod = {"metadata": {**POD["metadata"], "namespace": "brand-new"}, "spec": {}}
    answer = await post(client, "/filter", {"Pod": pod, "NodeNames": ["a"]})
    assert answer == (200, {"Error": "namespace brand-new is not in the cache yet"})


async def test_labels_that_cannot_be_read_refuse_every_node(client: Client) -> None:
    """With label and remedy; a pod that can't be placed is better than one that is placed unasked."""
    pod = {"metadata": {"name": "odd", "namespace": "fraud", "labels": {"dataset.x.id": "claims"}}}
    _, answer = await post(client, "/filter", {"Pod": pod, "NodeNames": ["a", "c"]})
    assert answer["NodeNames"] == []
    assert set(answer["FailedAndUnresolvableNodes"]) == {"a", "c"}
    assert "the index must be a number" in answer["FailedAndUnresolvableNodes"]["a"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", "ExtenderArgs: document: is not JSON"),
        (b"[" * 10_000, "ExtenderArgs: document: is not JSON that is nested at most 64 levels deep"),
        (b'{"Pod": {"a": 1}, "NodeNames": [["n1"]]}', "NodeNames: must list names"),
        (b"[]", "ExtenderArgs: document: must be a JSON object"),
        (b"{}", "ExtenderArgs: Pod: is required"),
        (orjson.dumps({"Pod": POD, "Nodes": {"items": []}, "NodeNames": None}), "nodeCacheCapable: true"),
    ],
)
async def test_arguments_that_cannot_be_read(client: Client, body: bytes, told: str) -> None:
    """The scheduler shows the sentence to whoever configured it."""
    status, answer = await post(client, "/filter", body)
    assert status == 200
    assert told in answer["Error"]
    assert (await post(client, "/prioritize", body))[0] == 400


async def test_fifteen_thousand_nodes_fit(client: Client) -> None:
    """The largest clusters there are."""
    names = [f"{number:05}-{'n' * 57}" for number in range(15_000)]
    pod = {"metadata": {"name": "plain", "namespace": "fraud"}}
    status, answer = await post(client, "/filter", {"Pod": pod, "NodeNames": names})
    assert (status, len(answer["NodeNames"])) == (200, 15_000)


@pytest.mark.parametrize(
    "question",
    [
        {"namespace": "fraud", "labels": LABELS},
        POD,
        {"metadata": {"generateName": "train-", "namespace": "fraud", "labels": LABELS}},
    ],
)
async def test_sites_are_scored_for_pods_templates_and_labels(client: Client, question: Raw) -> None:
    """Whoever plans ahead has no pod yet."""
    status, answer = await post(client, "/sites/score", question)
    assert status == 200
    eu, us = answer["sites"]
    assert (eu["site"], eu["allowed"], eu["seconds"], eu["score"]) == ("eu-1", True, 1.0, 0)
    assert (us["site"], us["rule"], us["seconds"], us["score"]) == ("us-1", "ResidencyViolated", None, None)


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ({}, "give a Pod, or {namespace, serviceAccount, labels}"),
        ({"namespace": "fraud", "labels": {"dataset.0.useas": "mount"}}, "dataset.0.id"),
    ],
)
async def test_a_question_that_cannot_be_read(client: Client, question: Raw, told: str) -> None:
    """400, and what to send instead."""
    status, answer = await post(client, "/sites/score", question)
    assert status == 400
    assert told in answer["message"]


async def test_verdicts_are_remembered_only_as_long_as_they_hold(client: Client, cached: Cached) -> None:
    """A rule that changes is seen by the next pod."""
    asked = {"Pod": POD, "NodeNames": ["a", "c"]}
    for _ in range(2):
        assert (await post(client, "/filter", asked))[1]["NodeNames"] == ["a"]
    dataset = cached.now.datasets[DatasetRef("steward", "claims")]
    wider = make_dataset("claims").at("eu-1").for_consumers("fraud").obj()
    assert dataset != wider
    cached.now = Snapshot.of(
        datasets=(wider,),
        sites=cached.now.inventory.sites.values(),
        nodes=(Node("a", {SITE_LABEL: "eu-1"}), Node("c", {SITE_LABEL: "us-1"})),
        purposes={"fraud": None},
    )
    assert (await post(client, "/filter", asked))[1]["NodeNames"] == ["a", "c"]
