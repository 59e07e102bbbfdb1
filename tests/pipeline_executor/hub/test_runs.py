"""A hub on a real API server, a spoke's cluster beside it, real stores: runs from their creation to their end."""

import asyncio
import gzip
import hashlib
import json
import random
from base64 import b64encode
from collections import Counter

import pytest

from moorage.errors import NotFoundError
from moorage.kube import CONFIG_MAPS, DATASETS, SITES, STRETCHED_PIPELINES
from moorage.model import API_VERSION
from moorage.runs import PipelineGroup
from moorage.runs.pipelines import QUEUE_LABEL
from tests.pipeline_executor.hub.pipelines import pipeline, placed
from tests.pipeline_executor.hub.played_spoke import playing
from tests.pipeline_executor.hub.stage import Stage
from tests.polling import until

# A hub that is killed in this process leaves sockets to the collector that an operating system would close.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

CHAIN = {"make": [], "refine": ["make"], "judge": ["refine"]}


def along_the_chain(stage: Stage) -> dict[str, str]:
    """From the hub's own cluster to the spoke's and back."""
    return {"make": stage.eu, "refine": stage.us, "judge": stage.eu}


async def test_groups_are_released_to_two_clusters_in_order(stage: Stage) -> None:
    """Planned, written to the stores, released one after the other, ended; run.json beside the plan."""
    sites = along_the_chain(stage)
    async with (
        playing(stage.hub, stage.store, stage.namespace, stage.system) as here,
        playing(stage.spoke, stage.store, stage.namespace, stage.system) as there,
        stage.hub_running(),
    ):
        run = await stage.submit("three", pipeline(CHAIN), hints=placed(sites))
        status = await stage.reaches("three", "Succeeded")
    assert here.problems + there.problems == []
    assert here.begun == [f"three/{stage.eu}-1-1", f"three/{stage.eu}-2-1"]
    assert there.begun == [f"three/{stage.us}-1-1"]
    assert status["groupsDone"] == "3/3"
    assert status["bytesMoved"] > 0
    assert [group["phase"] for group in status["groups"]] == ["Succeeded"] * 3
    assert {task["name"]: task["site"] for task in status["tasks"]} == sites
    for site in (stage.eu, stage.us):
        plan = stage.object(site, run, "plan/plan.json") or b""
        assert hashlib.sha256(plan).hexdigest() == status["plan"]["digest"]
        report = json.loads(stage.object(site, run, "run.json") or b"{}")
        assert report["phase"] == "Succeeded"
        assert [transfer["actual"]["seconds"] for transfer in report["transfers"]] == [0.5, 0.5]
        assert report["totals"]["actual"]["bytes"] == status["bytesMoved"]


@pytest.mark.parametrize("where", ["configMap", "gzipped", "object"])
async def test_a_pipeline_lies_in_many_places(stage: Stage, where: str) -> None:
    """In a ConfigMap, packed or not, or in a Site's store; with a parameter; approved by hand."""
    text = pipeline({"make": []}, parameters={"greeting": None}).encode()
    source: dict[str, object] = {"configMapRef": {"name": "compiled"}}
    metadata = {"namespace": stage.namespace, "name": "compiled"}
    if where == "configMap":
        await stage.hub.create(CONFIG_MAPS, {"metadata": metadata, "data": {"pipeline.yaml": text.decode()}})
    elif where == "gzipped":
        packed = b64encode(gzip.compress(text)).decode()
        await stage.hub.create(CONFIG_MAPS, {"metadata": metadata, "binaryData": {"pipeline.yaml": packed}})
    else:
        key = f"pipelines/{stage.namespace}/small.json"
        stage.store.put({f"{stage.us}/{key}": text})
        source = {"object": {"site": stage.us, "key": key}}
    body = {
        "apiVersion": API_VERSION,
        "kind": "StretchedPipeline",
        "metadata": {"namespace": stage.namespace, "name": "elsewhere", "labels": {QUEUE_LABEL: "team-a"}},
        "spec": {
            "pipeline": source,
            "parameters": {"greeting": "hello"},
            "hints": placed({"make": stage.us}),
            "approval": "manual",
        },
    }
    async with playing(stage.spoke, stage.store, stage.namespace, stage.system), stage.hub_running():
        await stage.hub.create(STRETCHED_PIPELINES, body)
        waiting = await stage.reaches("elsewhere", "AwaitingApproval")
        assert await stage.groups(stage.spoke) == {}
        await stage.change("elsewhere", approvedPlan=waiting["plan"]["digest"])
        await stage.reaches("elsewhere", "Succeeded")
        (group,) = (await stage.groups(stage.spoke)).values()
    assert group["spec"]["parameters"] == {"greeting": "hello"}
    assert group["metadata"]["labels"][QUEUE_LABEL] == "team-a"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"parameters": {"gretting": "x"}}, "is no parameter of the pipeline"),
        ({"hints": {"defaults": {"namespace": "kube-system"}}}, "which the run's pods have"),
        ({"hints": {"tasks": {"mkae": {"seconds": 1}}}}, "names nothing in this pipeline"),
        ({"objective": "beauty"}, "is not one of bytes, money, carbon, time"),
    ],
)
async def test_what_a_run_says_wrongly_is_named(stage: Stage, spec: dict[str, object], said: str) -> None:
    """The run fails with the field and the remedy; nothing is submitted."""
    async with stage.hub_running():
        await stage.submit("wrong", pipeline({"make": []}), **spec)
        status = await stage.reaches("wrong", "Failed")
    assert said in status["message"]


async def test_nothing_feasible(stage: Stage) -> None:
    """A task that is pinned to a site that is none: the facts are told, and what would help."""
    async with stage.hub_running():
        await stage.submit("nowhere", pipeline({"make": []}), hints=placed({"make": "atlantis"}))
        status = await stage.reaches("nowhere", "Infeasible")
    assert "atlantis" in status["message"]


async def test_the_policy_is_asked_again_at_release(stage: Stage) -> None:
    """A Dataset is restricted after the plan was made: the group that would bring its data away fails with the rule."""
    sites = {"make": stage.eu, "refine": stage.us}
    dataset = {
        "apiVersion": API_VERSION,
        "kind": "Dataset",
        "metadata": {"namespace": stage.namespace, "name": "claims"},
        "spec": {"sources": [{"site": stage.eu, "s3": {"endpoint": stage.store.endpoint, "bucket": "b"}}]},
    }
    await stage.hub.create(DATASETS, dataset)
    held = asyncio.Event()

    def behave(_group: PipelineGroup) -> str:
        return "succeed" if held.is_set() else "hang"

    labels = {"make": {"dataset.0.id": "claims", "dataset.0.useas": "mount"}}
    text = pipeline({"make": [], "refine": ["make"]}, labels=labels)
    async with (
        playing(stage.hub, stage.store, stage.namespace, stage.system, behave),
        playing(stage.spoke, stage.store, stage.namespace, stage.system) as there,
        stage.hub_running(),
    ):
        await stage.submit("refused", text, hints=placed(sites))
        await stage.reaches("refused", "Running")
        rules = {"governance": {"sites": {"allow": [stage.eu]}}}
        await stage.hub.merge_patch(DATASETS, {"metadata": dataset["metadata"], "spec": rules})
        await asyncio.sleep(1)
        held.set()
        status = await stage.reaches("refused", "Failed")
        assert there.begun == []
    assert "SiteNotAllowed" in status["message"]
    assert {group["id"]: group["phase"] for group in status["groups"]}[f"{stage.us}-1"] == "Failed"


async def test_retries_go_on_from_what_failed(stage: Stage) -> None:
    """The failed group gets attempt 2; the one that succeeded stays; the run succeeds."""
    mended = asyncio.Event()

    def behave(_group: PipelineGroup) -> str:
        return "succeed" if mended.is_set() else "fail"

    async with (
        playing(stage.hub, stage.store, stage.namespace, stage.system) as here,
        playing(stage.spoke, stage.store, stage.namespace, stage.system, behave) as there,
        stage.hub_running(),
    ):
        await stage.submit("again", pipeline(CHAIN), hints=placed(along_the_chain(stage)))
        failed = await stage.reaches("again", "Failed")
        assert f"group {stage.us}-1 at site {stage.us} failed" in failed["message"]
        mended.set()
        await stage.change("again", retries=1)
        await until(lambda: _is_phase(stage, "again", "Succeeded"))
    assert there.begun == [f"again/{stage.us}-1-1", f"again/{stage.us}-1-2"]
    assert here.begun == [f"again/{stage.eu}-1-1", f"again/{stage.eu}-2-1"]
    assert here.problems + there.problems == []


async def test_cancelling(stage: Stage) -> None:
    """The spoke is told; the run is cancelled once it has ended; nothing else begins."""
    async with (
        playing(stage.hub, stage.store, stage.namespace, stage.system),
        playing(stage.spoke, stage.store, stage.namespace, stage.system, lambda _group: "hang") as there,
        stage.hub_running(),
    ):
        await stage.submit("enough", pipeline(CHAIN), hints=placed(along_the_chain(stage)))
        await until(lambda: bool(there.begun))
        await stage.change("enough", cancel=True)
        status = await stage.reaches("enough", "Cancelled")
        assert [group["phase"] for group in status["groups"]] == ["Succeeded", "Cancelled", "Cancelled"]
        assert (await stage.groups(stage.spoke))[f"{stage.us}-1-1"]["spec"]["cancel"] is True


async def test_deleting_leaves_nothing_and_waits_for_nobody(stage: Stage) -> None:
    """A run goes at once, though a cluster is out of sight; its group there goes when the cluster is back."""
    async with stage.cut_off_at_will() as network:
        async with (
            playing(stage.hub, stage.store, stage.namespace, stage.system),
            playing(stage.spoke, stage.store, stage.namespace, stage.system, lambda _group: "hang") as there,
            stage.hub_running(),
        ):
            await stage.submit("gone", pipeline(CHAIN), hints=placed(along_the_chain(stage)))
            await until(lambda: bool(there.begun))
            network.cut()
            await stage.hub.delete(STRETCHED_PIPELINES, "gone", stage.namespace)
            await until(lambda: _is_empty(stage, hub=True))
            with pytest.raises(NotFoundError):
                await stage.run("gone")
            assert await stage.groups(stage.spoke) != {}
        async with stage.hub_running():  # another one, which never saw the run
            network.restore()
            await until(lambda: _is_empty(stage, hub=False))


async def test_a_lost_site_is_planned_around_and_runs_nothing_twice(stage: Stage) -> None:
    """What is finished stays; the rest runs elsewhere under new ids; what comes back is cancelled."""
    hints = placed({"make": stage.eu, "judge": stage.eu})
    # Cheaper at the site that will be lost.
    await stage.hub.apply(SITES, stage.site(stage.eu, cpuHourPrice="100"))
    async with (
        stage.cut_off_at_will() as network,
        playing(stage.hub, stage.store, stage.namespace, stage.system) as here,
        playing(stage.spoke, stage.store, stage.namespace, stage.system, lambda _group: "hang") as there,
        stage.hub_running(),
    ):
        run = await stage.submit("lost", pipeline(CHAIN), hints=hints, lostAfterSeconds="40")
        await until(lambda: bool(there.begun))
        network.cut()
        status = await stage.reaches("lost", "Succeeded")
        assert {group["id"]: group["phase"] for group in status["groups"]} == {
            f"{stage.eu}-1": "Succeeded",
            f"{stage.eu}-3": "Succeeded",
            f"{stage.us}-1": "Lost",
        }
        assert here.begun == [f"lost/{stage.eu}-1-1", f"lost/{stage.eu}-3-1"]
        assert (status["plan"]["revision"], status["plan"]["file"]) == (2, "2/plan.json")
        second = stage.object(stage.eu, run, "plan/2/plan.json") or b""
        assert hashlib.sha256(second).hexdigest() == status["plan"]["digest"]
        network.restore()
        await until(lambda: _is_cancelled(stage, f"{stage.us}-1-1"))
    assert there.begun == [f"lost/{stage.us}-1-1"]
    assert here.problems + there.problems == []


async def test_a_run_that_can_run_nowhere_else_waits_for_its_site(stage: Stage) -> None:
    """The explanation is told; when the site is back, the group runs there under a new attempt."""
    again = asyncio.Event()

    def behave(group: PipelineGroup) -> str:
        return "succeed" if again.is_set() and group.spec.attempt > 1 else "hang"

    async with (
        stage.cut_off_at_will() as network,
        playing(stage.hub, stage.store, stage.namespace, stage.system) as here,
        playing(stage.spoke, stage.store, stage.namespace, stage.system, behave) as there,
        stage.hub_running(),
    ):
        await stage.submit("stuck", pipeline(CHAIN), hints=placed(along_the_chain(stage)), lostAfterSeconds="3")
        await until(lambda: bool(there.begun))
        network.cut()
        await until(lambda: _says(stage, "stuck", f"can't go on without site {stage.us}"))
        status = await stage.status("stuck")
        assert (status["phase"], _condition(status, "Planned")["reason"]) == ("Running", "Infeasible")
        again.set()
        network.restore()
        await stage.reaches("stuck", "Succeeded")
    assert there.begun == [f"stuck/{stage.us}-1-1", f"stuck/{stage.us}-1-2"]
    assert here.problems + there.problems == []


async def test_a_broken_kubeconfig_is_the_trouble_of_those_who_need_it(stage: Stage) -> None:
    """Their runs say what to mend; others run; once it is mended, all do."""
    await stage.lead_to("apiVersion: v1\nkind: Config\n")
    async with (
        playing(stage.hub, stage.store, stage.namespace, stage.system),
        playing(stage.spoke, stage.store, stage.namespace, stage.system),
        stage.hub_running() as hub,
    ):
        await stage.submit("needs-it", pipeline({"make": []}), hints=placed({"make": stage.us}))
        await stage.submit("does-not", pipeline({"make": []}), hints=placed({"make": stage.eu}))
        await stage.reaches("does-not", "Succeeded")
        await until(lambda: _says(stage, "needs-it", f"Secret {stage.system}/spoke"))
        condition = _condition(await stage.status("needs-it"), "ClustersReachable")
        assert (condition["status"], "kubeconfig" in condition["message"]) == ("False", True)
        await stage.lead_to(stage.spoke_kubeconfig.read_text())
        await stage.reaches("needs-it", "Succeeded")
        assert not hub.done()


async def test_a_hub_that_is_killed_again_and_again_neither_loses_nor_repeats(stage: Stage) -> None:
    """Whenever it ends, the next one goes on: each attempt begins once, all runs succeed."""
    chance = random.Random(7)  # noqa: S311 - no secret
    names = ["one", "two", "three"]
    async with (
        playing(stage.hub, stage.store, stage.namespace, stage.system) as here,
        playing(stage.spoke, stage.store, stage.namespace, stage.system) as there,
    ):
        for name in names:
            await stage.submit(name, pipeline(CHAIN), hints=placed(along_the_chain(stage)))
        for _ in range(12):
            async with stage.hub_running():
                await asyncio.sleep(chance.uniform(0.2, 2.5))
        async with stage.hub_running():
            for name in names:
                await stage.reaches(name, "Succeeded")
    begun = Counter(here.begun + there.begun)
    wanted = {f"{name}/{group}-1" for name in names for group in (f"{stage.eu}-1", f"{stage.us}-1", f"{stage.eu}-2")}
    assert begun == dict.fromkeys(wanted, 1)
    assert here.problems + there.problems == []


# --- looking ---


async def _is_phase(stage: Stage, name: str, phase: str) -> bool:
    return (await stage.status(name)).get("phase") == phase


async def _says(stage: Stage, name: str, words: str) -> bool:
    return words in str((await stage.status(name)).get("message"))


async def _is_empty(stage: Stage, *, hub: bool) -> bool:
    return await stage.groups(stage.hub if hub else stage.spoke) == {}


async def _is_cancelled(stage: Stage, name: str) -> bool:
    return bool((await stage.groups(stage.spoke))[name].get("status", {}).get("phase") == "Cancelled")


def _condition(status: object, kind: str) -> dict[str, str]:
    assert isinstance(status, dict)
    found: dict[str, str] = next(each for each in status["conditions"] if each["type"] == kind)
    return found
