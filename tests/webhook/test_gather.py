"""What is gathered for a review, against a real API server: no call, but one on a miss."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from typing import Any

import httpx2 as httpx
import pytest

from devcluster.cluster import Cluster
from moorage.errors import KubeError
from moorage.kube import DATASETS, NAMESPACES, SITES, Client
from moorage.kube.connection import find_config, open_http
from moorage.model import SITE_LABEL, DatasetRef
from moorage.policy import Rule
from moorage.sources.s3 import S3Source
from tests.guard.conftest import ROOT
from tests.polling import until
from tests.webhook.pods import SUBJECT, make_pod, reading
from webhook.gather import ABSENT_SECONDS, Gatherer, read_for_admission
from webhook.mutate import PodRequest, read_request

STEWARD = "catalogue"
SITE = "catalogue-eu"


def request_for(*names: str) -> PodRequest:
    """A pod of the steward's own that reads them."""
    return read_request(make_pod(labels=reading(*names)), STEWARD, SUBJECT)


def dataset(name: str, **governance: object) -> dict[str, Any]:
    """Written by a steward."""
    source = {"site": SITE, "s3": {"endpoint": "https://s3", "bucket": "b"}}
    metadata = {"name": name, "namespace": STEWARD}
    return {"metadata": metadata, "spec": {"sources": [source], "governance": governance}}


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """What the time is."""
        return self.now


@pytest.fixture
async def asked() -> list[str]:
    """The paths of single Datasets that were asked for."""
    return []


@pytest.fixture(scope="module")
def with_crds(plane: Cluster) -> Cluster:
    """Our resources exist."""
    kubectl = [str(plane.bin_dir / "kubectl"), f"--kubeconfig={plane.kubeconfig_path}"]
    subprocess.run([*kubectl, "apply", "-f", str(ROOT / "crds")], check=True, capture_output=True)
    subprocess.run([*kubectl, "wait", "--for=condition=Established", "crd", "--all"], check=True, capture_output=True)
    return plane


@pytest.fixture
async def client(with_crds: Cluster, asked: list[str]) -> AsyncIterator[Client]:
    """A connection that keeps a record."""

    async def note(request: httpx.Request) -> None:
        if request.method == "GET" and "/datasets/" in request.url.path:
            asked.append(request.url.path)

    http = open_http(find_config(with_crds.kubeconfig_path))
    http.event_hooks = {"request": [note]}
    async with Client(http) as client:
        await client.apply(NAMESPACES, {"metadata": {"name": STEWARD}})
        yield client
        for resource, namespace in ((DATASETS, STEWARD), (SITES, "")):
            for found in await client.list(resource):
                if found["metadata"].get("namespace", "") == namespace and "catalogue" in str(found):
                    await client.delete(resource, found["metadata"]["name"], namespace)


@pytest.fixture
def clock() -> Clock:
    """One that stands still."""
    return Clock()


@pytest.fixture
async def gatherer(client: Client, clock: Clock) -> AsyncIterator[Gatherer]:
    """Complete."""
    async with Gatherer(client, clock=clock) as gatherer:
        await until(lambda: gatherer.missing() is None)
        yield gatherer


async def test_what_is_in_the_cache_costs_no_call(gatherer: Gatherer, client: Client, asked: list[str]) -> None:
    """However often it is asked for."""
    await client.apply(DATASETS, dataset("claims"))
    ref = DatasetRef(STEWARD, "claims")

    async def known() -> bool:
        asked.clear()
        return (await gatherer.gather(request_for("claims"))).datasets[ref] is not None and not asked

    await until(known)
    for _ in range(20):
        await gatherer.gather(request_for("claims"))
    assert asked == []


async def test_a_storm_of_misspelt_pods_is_one_call(gatherer: Gatherer, clock: Clock, asked: list[str]) -> None:
    """Those who ask at the same time share it, and its answer holds for a moment."""
    facts = await asyncio.gather(*(gatherer.gather(request_for("nothing", "nothing-2")) for _ in range(50)))
    assert all(fact.datasets == {DatasetRef(STEWARD, "nothing"): None} for fact in facts)
    await gatherer.gather(request_for("nothing"))
    assert len(asked) == 1
    clock.now += ABSENT_SECONDS
    await gatherer.gather(request_for("nothing"))
    assert len(asked) == 2


async def test_a_dataset_that_came_after_it_was_missed(gatherer: Gatherer, client: Client) -> None:
    """The watch tells of it; what was remembered does not stand in the way."""
    assert (await gatherer.gather(request_for("late"))).datasets == {DatasetRef(STEWARD, "late"): None}
    await client.apply(DATASETS, dataset("late"))

    async def known() -> bool:
        return (await gatherer.gather(request_for("late"))).datasets[DatasetRef(STEWARD, "late")] is not None

    await until(known)


async def test_where_it_could_run_follows_the_sites(gatherer: Gatherer, client: Client) -> None:
    """The remembered answer is that of the sites as they are."""
    await client.apply(DATASETS, dataset("claims", residency=["JP"]))

    async def rule() -> Rule | None:
        return (await gatherer.gather(request_for("claims"))).placement.rule

    async def is_rule(expected: Rule | None) -> bool:
        return await rule() is expected

    async def write_site(jurisdiction: str) -> None:
        spec = {"jurisdiction": jurisdiction, "nodeSelector": {SITE_LABEL: SITE}}
        await client.apply(SITES, {"metadata": {"name": SITE}, "spec": spec})

    await until(lambda: is_rule(Rule.SITE_UNKNOWN))
    await write_site("DE")
    await until(lambda: is_rule(Rule.RESIDENCY_VIOLATED))
    assert await rule() is Rule.RESIDENCY_VIOLATED
    await write_site("JP")
    await until(lambda: is_rule(None))


async def test_nobody_answers() -> None:
    """A miss that can't be looked up is an error, which the author is told; never a guess."""
    http = httpx.AsyncClient(base_url="http://127.0.0.1:1", trust_env=False)
    async with Client(http) as client:
        gatherer = Gatherer(client)
        with pytest.raises(KubeError, match="does not answer"):
            await gatherer.gather(request_for("claims"))
        assert gatherer.missing() == "datasets, sites, namespaces not in the cache yet"


def test_no_key_is_kept() -> None:
    """What somebody wrote into a Dataset is known to be there, and that is all."""
    local = {
        "type": "COS",
        "site": SITE,
        "endpoint": "https://s3",
        "bucket": "b",
        "accessKeyID": "AKIA",
        "secretAccessKey": "wJalrXUtnFEMI",
    }
    kept = read_for_admission({"metadata": {"name": "x", "namespace": STEWARD}, "spec": {"local": local}})
    (source,) = kept.sources
    assert isinstance(source.location, S3Source)
    keys = source.location.inline_credentials
    assert keys is not None
    assert (keys.access_key_id, keys.secret_access_key) == ("", "")


def test_a_status_that_is_written_again_changes_nothing() -> None:
    """Else ten thousand Datasets that are looked at every minute would keep the caches busy."""
    raw = {"metadata": {"name": "x", "namespace": STEWARD, "generation": 1}, "spec": dataset("x")["spec"]}
    looked_at = {**raw, "status": {"bytes": 5, "objects": 7, "version": "a", "inUseBy": ["a/b"]}}
    assert read_for_admission(raw) == read_for_admission(looked_at)
