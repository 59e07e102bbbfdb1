"""The watch caches against a real API server."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from devcluster.cluster import Cluster
from moorage.kube import DATASETS, NODES, SITES, Client, Resource
from moorage.model import DatasetRef
from scheduler_plugin import gather
from scheduler_plugin.gather import Gatherer
from tests.world import World, make_world

# A connection that is cancelled in its TLS handshake is closed by the garbage collector, which is called here and now.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


async def until(look: Callable[[], bool]) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(60):
        while not look():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.02)


@pytest.fixture
def world(plane: Cluster, request: pytest.FixtureRequest) -> Iterator[World]:
    """A world for each test, because it is changed; its names are its own, because namespaces take a while to go."""
    with make_world(plane, f"gather-{request.node.name.replace('_', '-')[-20:]}") as made:
        yield made


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    """The administrator's."""
    async with Client.from_environment(world.cluster.kubeconfig_path) as opened:
        yield opened
    gc.collect()


async def test_nothing_is_made_twice(client: Client) -> None:
    """While nothing changes, a snapshot is made of the very parts of the one before."""
    async with Gatherer(client) as gatherer:
        await until(lambda: gatherer.missing() is None)
        one, two = gatherer.snapshot(), gatherer.snapshot()
        assert one.inventory is two.inventory
        assert one.places is two.places
        assert one.caches is two.caches
        assert one.reasons is two.reasons


async def test_changes_are_seen(world: World, client: Client) -> None:
    """Of a Dataset, of a node's site, of a Site, of a namespace's purposes; and remembered verdicts are forgotten."""
    ref = DatasetRef(world.steward, "seen")
    node = world.node("stray")
    async with Gatherer(client) as gatherer:
        await until(lambda: gatherer.missing() is None)
        before = gatherer.snapshot()
        assert before.places[node].site_name is None
        await client.apply(DATASETS, world.dataset("seen", world.eu))
        await until(lambda: ref in gatherer.snapshot().datasets)
        assert gatherer.snapshot().reasons is not before.reasons
        await client.merge_patch(NODES, {"metadata": {"name": node, "labels": {"rack": "7"}}})
        await until(lambda: gatherer.snapshot().places is not before.places)
        selector = [{"op": "replace", "path": "/spec/nodeSelector", "value": {"rack": "7"}}]
        await client.json_patch(SITES, world.us, selector)
        await until(lambda: gatherer.snapshot().places[node].site_name == world.us)
        world.kubectl("annotate", "namespace", world.reader, "moorage.dev/purposes=billing, research")
        await until(lambda: gatherer.snapshot().purposes[world.reader] == frozenset({"billing", "research"}))
        await client.delete(DATASETS, "seen", world.steward)
        await until(lambda: ref not in gatherer.snapshot().datasets)


async def test_a_cluster_without_node_caches(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The resource may not exist: everything else is enough to be ready."""
    absent = Resource("moorage.dev", "v1alpha1", "absentcaches", "AbsentCache", namespaced=False)
    monkeypatch.setattr(gather, "NODE_CACHES", absent)
    async with Gatherer(client) as gatherer:
        await until(lambda: gatherer.missing() is None)
        assert gatherer.snapshot().holders == {}


async def test_a_dataset_that_cannot_be_understood_says_why(world: World, client: Client) -> None:
    """The API server let it pass (a residency that only we know to be none), or an older CRD did."""
    raw = world.dataset("odd", world.eu)
    raw["spec"] = {"local": {"type": "COS", "bucket": "b"}}
    await client.apply(DATASETS, raw)
    ref = DatasetRef(world.steward, "odd")
    async with Gatherer(client) as gatherer:
        await until(lambda: ref in gatherer.snapshot().unreadable)
        assert "spec.local.endpoint" in gatherer.snapshot().unreadable[ref]
    await client.delete(DATASETS, "odd", world.steward)
