"""What is kept in a real API server: ConfigMaps of runs' pipelines find their runs, and the hub finds both."""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from kfp_api import objects
from kfp_api.adoption import sweep
from moorage.errors import NotFoundError
from moorage.kube import CONFIG_MAPS, STRETCHED_PIPELINES, Client, RawObject
from moorage.wire.runs import read_stretched_pipeline
from pipeline_executor.hub import sources
from pipeline_executor.store import SiteStores
from pipeline_splitter.documents import parse
from tests.kfp_api import compiled
from tests.kfp_api.servers import Server
from tests.world import World


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    """The administrator."""
    async with Client.from_environment(world.cluster.kubeconfig_path) as client:
        yield client


def orphan(world: World, run_id: str) -> RawObject:
    """What a server leaves that dies before it makes the run."""
    name = objects.run_config_map(run_id)
    return objects.make_config_map(objects.RUN, world.steward, name, {}, labels={objects.UNOWNED_LABEL: "true"})


async def test_what_a_crash_left_finds_its_run_or_goes(world: World, client: Client) -> None:
    """One whose run is there belongs to it; one without a run goes, but not while it may be being made."""
    with_run, without = str(uuid.uuid4()), str(uuid.uuid4())
    for run_id in (with_run, without):
        await client.create(CONFIG_MAPS, orphan(world, run_id))
    run = {
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "StretchedPipeline",
        "metadata": {"name": with_run, "namespace": world.steward},
        "spec": {"pipeline": {"inline": "x"}},
    }
    made = await client.create(STRETCHED_PIPELINES, run)
    now = datetime.now(tz=UTC)
    await sweep(client, world.steward, now)
    await client.get(CONFIG_MAPS, objects.run_config_map(without), world.steward)
    await sweep(client, world.steward, now + timedelta(minutes=11))
    with pytest.raises(NotFoundError):
        await client.get(CONFIG_MAPS, objects.run_config_map(without), world.steward)
    owned = await client.get(CONFIG_MAPS, objects.run_config_map(with_run), world.steward)
    assert [owner["uid"] for owner in owned["metadata"]["ownerReferences"]] == [made["metadata"]["uid"]]
    assert objects.UNOWNED_LABEL not in owned["metadata"]["labels"]


async def test_the_hub_reads_what_was_submitted(server: Server, token: str, client: Client) -> None:
    """The object is one that the hub understands, and the pipeline that it finds is the one that was sent."""
    hints = orjson.dumps({"tasks": {"count": {"seconds": 5}}}).decode()
    description = f"mine\nmoorage.dev/hints: {hints}\nmoorage.dev/approval: manual"
    body = {"display_name": "x", "description": description, "pipeline_spec": compiled.spec()}
    status, made = server.ask("POST", "/apis/v2beta1/runs", token, body)
    assert status == 200, made
    raw = await client.get(STRETCHED_PIPELINES, made["run_id"], server.world.reader)
    run = read_stretched_pipeline(raw)
    assert (run.objective, run.approval) == ("carbon", True)
    assert run.hints == {"tasks": {"count": {"seconds": 5}}}
    async with SiteStores(client, server.world.reader, lambda _: None) as stores:
        text = await sources.read_pipeline(run, client, stores)
    assert parse(text, "x") == compiled.documents()
