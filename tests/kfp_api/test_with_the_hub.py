"""The real hub behind the server: what an unmodified client submits is planned, split over two clusters, and ends."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from kfp import Client

from devcluster.cluster import Cluster
from moorage.kube import RawObject
from tests.dataset_operator.stores import Store, run_store
from tests.kfp_api.servers import Server, run_server
from tests.pipeline_executor.hub.pipelines import pipeline, placed
from tests.pipeline_executor.hub.played_spoke import playing
from tests.pipeline_executor.hub.stage import Stage, install_crds, rendered_rights, staged
from tests.world import World

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # the SDK leaves its connections to the garbage collector
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
CHAIN = {"make": [], "refine": ["make"], "judge": ["refine"]}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """An S3 server."""
    with run_store(tmp_path_factory.mktemp("weed")) as running:
        yield running


@pytest.fixture(scope="module")
def hubs_rights(plane: Cluster, second_plane: Cluster) -> list[RawObject]:
    """What the chart gives the hub; both clusters have our definitions."""
    install_crds(plane)
    install_crds(second_plane)
    return rendered_rights()


@pytest.fixture
async def stage(
    plane: Cluster, second_plane: Cluster, store: Store, hubs_rights: list[RawObject], tmp_path: Path
) -> AsyncIterator[Stage]:
    """Sites in two clusters."""
    async with staged(plane, second_plane, store, hubs_rights, tmp_path) as made:
        yield made


@pytest.fixture
def in_front(world: World, plane: Cluster, stage: Stage, tmp_path: Path) -> Iterator[Server]:
    """The server for the stage's namespace, for one person's machine."""
    settings = {"authentication": "false", "run_namespaces": stage.namespace}
    with run_server(world, plane.kubeconfig_path, tmp_path, tls=False, **settings) as running:
        yield running


def submit(client: Client, path: Path, hints: dict[str, Any]) -> str:
    """As a person does: upload, an experiment that says where, a run of the version."""
    uploaded = client.upload_pipeline(str(path), pipeline_name="chain")
    (version,) = client.list_pipeline_versions(uploaded.pipeline_id).pipeline_versions
    description = f"Where each task goes.\nmoorage.dev/objective: bytes\nmoorage.dev/hints: {json.dumps(hints)}"
    experiment = client.create_experiment("placed", description=description)
    run = client.run_pipeline(
        experiment.experiment_id,
        "along the chain",
        pipeline_id=uploaded.pipeline_id,
        version_id=version.pipeline_version_id,
    )
    identity: str = run.run_id
    return identity


async def test_a_run_crosses_two_clusters(stage: Stage, in_front: Server, tmp_path: Path) -> None:
    """Three groups, two clusters, one `wait_for_run_completion`."""
    path = tmp_path / "chain.yaml"
    path.write_text(pipeline(CHAIN))
    sites = {"make": stage.eu, "refine": stage.us, "judge": stage.eu}
    client = in_front.client("")
    async with (
        playing(stage.hub, stage.store, stage.namespace, stage.system) as here,
        playing(stage.spoke, stage.store, stage.namespace, stage.system) as there,
        stage.hub_running(),
    ):
        run_id = await asyncio.to_thread(submit, client, path, placed(sites))
        await stage.reaches(run_id, "Succeeded", seconds=240)
        ended = await asyncio.to_thread(client.wait_for_run_completion, run_id, 60, 1)
    assert (ended.state, ended.error) == ("SUCCEEDED", None)
    assert here.problems + there.problems == []
    assert (len(here.begun), len(there.begun)) == (2, 1)
    assert {each.display_name: each.state for each in ended.run_details.task_details} == dict.fromkeys(
        sites, "SUCCEEDED"
    )
    assert [each.state for each in ended.state_history] == ["PENDING", "RUNNING", "SUCCEEDED"]
    assert ended.finished_at >= ended.created_at
    status = await stage.status(run_id)
    assert status["plan"]["objective"] == "bytes"
    assert {task["name"]: task["site"] for task in status["tasks"]} == sites


async def test_what_can_not_be_placed_says_why(stage: Stage, in_front: Server, tmp_path: Path) -> None:
    """The plan's explanation is the error that a client sees."""
    path = tmp_path / "chain.yaml"
    path.write_text(pipeline(CHAIN))
    client = in_front.client("")
    async with stage.hub_running():
        run_id = await asyncio.to_thread(submit, client, path, placed({"make": "atlantis"}))
        ended = await asyncio.to_thread(client.wait_for_run_completion, run_id, 120, 1)
    assert ended.state == "FAILED"
    assert "atlantis" in ended.error.message or "make" in ended.error.message
