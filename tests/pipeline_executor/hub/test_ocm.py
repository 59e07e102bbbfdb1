"""A hub that reaches a site's cluster by Open Cluster Management, and has no credentials of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devcluster.cluster import Cluster
from moorage.kube import SITES, STRETCHED_PIPELINES
from tests.pipeline_executor.distribution.grounds import Ground, by_ocm, eventually
from tests.pipeline_executor.hub.pipelines import pipeline, placed
from tests.pipeline_executor.hub.played_spoke import playing
from tests.pipeline_executor.hub.stage import Stage

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

CHAIN = {"make": [], "refine": ["make"], "judge": ["refine"]}


@pytest.fixture
async def ground(stage: Stage, two_planes: tuple[Cluster, Cluster], tmp_path: Path) -> AsyncIterator[Ground]:
    """A ManagedCluster with a played agent for site `us`."""
    async with by_ocm(stage, two_planes[1], tmp_path) as made:
        yield made


def _sites(stage: Stage) -> dict[str, str]:
    return {"make": stage.eu, "refine": stage.us, "judge": stage.eu}


async def test_a_run_crosses_by_works(ground: Ground) -> None:
    """Its groups run in order in two clusters, tasks and bytes are known; deleted, it leaves nothing."""
    stage = ground.stage
    async with (
        playing(stage.hub, stage.store, stage.namespace, stage.system) as here,
        playing(stage.spoke, stage.store, stage.namespace, stage.system) as there,
        stage.hub_running("ocm"),
    ):
        await stage.submit("three", pipeline(CHAIN), hints=placed(_sites(stage)))
        status = await stage.reaches("three", "Succeeded", seconds=300)
        assert {each["name"]: (each["site"], each["phase"]) for each in status["tasks"]} == {
            task: (site, "Succeeded") for task, site in _sites(stage).items()
        }
        assert status["bytesMoved"] > 0
        await stage.hub.delete(STRETCHED_PIPELINES, "three", stage.namespace)
        await eventually(lambda: _is_empty(stage))
    assert here.begun == [f"three/{stage.eu}-1-1", f"three/{stage.eu}-2-1"]
    assert there.begun == [f"three/{stage.us}-1-1"]
    assert here.problems + there.problems == []


async def test_a_run_is_cancelled_by_works(ground: Ground) -> None:
    """The spoke is told; the run is cancelled once it has ended."""
    stage = ground.stage
    async with (
        playing(stage.hub, stage.store, stage.namespace, stage.system),
        playing(stage.spoke, stage.store, stage.namespace, stage.system, lambda _group: "hang") as there,
        stage.hub_running("ocm"),
    ):
        await stage.submit("enough", pipeline(CHAIN), hints=placed(_sites(stage)))
        await eventually(lambda: bool(there.begun))
        await stage.change("enough", cancel=True)
        status = await stage.reaches("enough", "Cancelled", seconds=300)
    assert [group["phase"] for group in status["groups"]] == ["Succeeded", "Cancelled", "Cancelled"]


async def test_a_site_that_ocm_has_lost_is_planned_around(ground: Ground) -> None:
    """The rest runs elsewhere; what comes back is cancelled, and nothing ran twice."""
    stage = ground.stage
    # Cheaper at the site that will be lost; the hub is to know it when it plans.
    await stage.hub.apply(SITES, stage.site(stage.eu, cpuHourPrice="100"))
    async with (
        playing(stage.hub, stage.store, stage.namespace, stage.system) as here,
        playing(stage.spoke, stage.store, stage.namespace, stage.system, lambda _group: "hang") as there,
        stage.hub_running("ocm"),
    ):
        hints = placed({"make": stage.eu, "judge": stage.eu})
        await stage.submit("lost", pipeline(CHAIN), hints=hints, lostAfterSeconds="40")
        await eventually(lambda: bool(there.begun))
        await ground.line.cut()
        status = await stage.reaches("lost", "Succeeded", seconds=300)
        assert {group["id"]: group["phase"] for group in status["groups"]} == {
            f"{stage.eu}-1": "Succeeded",
            f"{stage.eu}-3": "Succeeded",
            f"{stage.us}-1": "Lost",
        }
        await ground.line.restore()
        await eventually(lambda: _is_cancelled(stage))
    assert there.begun == [f"lost/{stage.us}-1-1"]
    assert here.problems + there.problems == []


async def _is_empty(stage: Stage) -> bool:
    return await stage.groups(stage.hub) == {} and await stage.groups(stage.spoke) == {}


async def _is_cancelled(stage: Stage) -> bool:
    raw = (await stage.groups(stage.spoke))[f"{stage.us}-1-1"]
    return bool(raw.get("status", {}).get("phase") == "Cancelled")
