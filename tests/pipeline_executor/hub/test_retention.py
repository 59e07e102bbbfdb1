"""Retention with real stores and a real API server: what has expired is gone, and there is proof."""

from typing import Any

import pytest

from devcluster.cluster import Cluster
from moorage.errors import KubeError
from moorage.kube import EVENTS, SITES, STRETCHED_PIPELINES, Change, Client, RawObject, Recorder
from moorage.kube.client import Selection
from moorage.kube.statuses import replace_status
from moorage.runs import RunPhase
from pipeline_executor.hub import retention
from pipeline_executor.hub.controller import read_mark
from pipeline_executor.hub.retention import RetentionController
from pipeline_executor.hub.state import PlanMark, RunState, write_state
from pipeline_executor.store import SiteStores
from tests.dataset_operator.stores import BUCKET
from tests.pipeline_executor.hub.pipelines import pipeline, placed
from tests.pipeline_executor.hub.played_spoke import playing
from tests.pipeline_executor.hub.stage import Stage, install_crds
from tests.polling import until

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def left(stage: Stage, site: str, name: str) -> set[str]:
    """The folders of a run in a site's store."""
    root = f"{site}/runs/{stage.namespace}/{name}/"
    page = stage.store.client.list_objects_v2(Bucket=BUCKET, Prefix=root)
    return {each["Key"].removeprefix(root).split("/")[1] for each in page.get("Contents") or ()}


async def expired(stage: Stage, name: str) -> bool:
    """Whether the hub says that it deleted what the run left."""
    return bool((await stage.status(name)).get("expired"))


async def gone(stage: Stage, name: str) -> bool:
    """Whether the StretchedPipeline is."""
    try:
        await stage.run(name)
    except KubeError as error:
        return error.status == 404
    return False


async def test_what_has_expired_is_deleted(stage: Stage) -> None:
    """All of it, or all but what it made; then the object; what another run reads stays until that is gone."""
    sites = {"make": stage.eu, "refine": stage.us}
    text = pipeline({"make": [], "refine": ["make"]}, parameters={"note": ""})
    common: dict[str, Any] = {"hints": placed(sites)}
    async with (
        playing(stage.hub, stage.store, stage.namespace, stage.system),
        playing(stage.spoke, stage.store, stage.namespace, stage.system),
        stage.hub_running(),
    ):
        await stage.submit("whole", text, retention={"days": 0}, **common)
        await stage.submit("made", text, retention={"days": 0, "keepArtifacts": True}, **common)
        await stage.submit("short", text, retention={"days": 0}, ttlSecondsAfterFinished=0, **common)
        read = await stage.submit("read", text, **common)
        await stage.reaches("read", "Succeeded", seconds=240)
        uri = f"s3://{BUCKET}/{stage.eu}/runs/{stage.namespace}/read/{read['metadata']['uid']}/data/make/1/data"
        await stage.submit("reader", text, parameters={"note": uri}, approval="manual", **common)
        await stage.change("read", retention={"days": 0})
        for name in ("whole", "made"):
            await until(lambda name=name: expired(stage, name), seconds=240)  # type: ignore[misc]
        await until(lambda: gone(stage, "short"), seconds=240)
        await until(lambda: _told(stage, "StillReferred"), seconds=240)
        assert not await expired(stage, "read")
    for site in (stage.eu, stage.us):
        assert left(stage, site, "whole") == left(stage, site, "short") == set()
        assert {"plan", "tasks", "groups"} & left(stage, site, "made") == set()
        assert {"run.json", "report.html"} <= left(stage, site, "made")
        assert "plan" in left(stage, site, "read")
    assert "data" in left(stage, stage.eu, "made")
    assert await _told(stage, "Expired")
    assert (await stage.status("whole"))["phase"] == "Succeeded"


async def _told(stage: Stage, reason: str) -> bool:
    events = await stage.hub.list(EVENTS, Selection(namespace=stage.namespace))
    return any(event.get("reason") == reason for event in events)


async def test_a_store_that_does_not_answer_is_waited_for(stage: Stage) -> None:
    """Nothing counts as deleted before it is, and an Event says why."""
    async with playing(stage.hub, stage.store, stage.namespace, stage.system), stage.hub_running():
        await stage.submit("run", pipeline({"make": []}), hints=placed({"make": stage.eu}))
        await stage.reaches("run", "Succeeded", seconds=240)
        dark = stage.site(stage.eu)
        dark["spec"]["artifactStore"]["s3"]["endpoint"] = "http://127.0.0.1:9"
        await stage.hub.apply(SITES, dark)
        await stage.change("run", retention={"days": 0})
        await until(lambda: _told(stage, "NotDeleted"), seconds=240)
        assert not await expired(stage, "run")
        await stage.hub.apply(SITES, stage.site(stage.eu))
        await until(lambda: expired(stage, "run"), seconds=240)
    raws = await stage.hub.list(STRETCHED_PIPELINES, Selection(namespace=stage.namespace))
    assert [raw["metadata"]["name"] for raw in raws] == ["run"]


async def test_nothing_is_deleted_while_others_may_read_it_unseen(
    client: Client, plane: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hub that does not see all runs waits until it does; one that it then sees reading keeps what it reads."""
    install_crds(plane)
    monkeypatch.setattr(retention, "_SEE_AGAIN_SECONDS", 0.01)
    asked = 0

    def sees_all() -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    runs = {name: await _over(client, namespace, name) for name in ("read", "unread")}
    uri = f"s3://bucket/runs/{namespace}/read/{runs['read']['metadata']['uid']}/data"
    reader = read_mark({"metadata": {"namespace": namespace, "name": "reader", "uid": "u"}, "spec": {"x": uri}})
    async with (
        SiteStores(client, namespace, lambda _: None) as stores,
        RetentionController(client, Recorder(client, "hub", "test"), stores, sees_all=sees_all) as controller,
    ):
        controller.run_changed(Change((namespace, "reader"), None, reader))
        for name, raw in runs.items():
            controller.run_changed(Change((namespace, name), None, read_mark(raw)))

        async def is_expired(name: str) -> bool:
            return bool((await client.get(STRETCHED_PIPELINES, name, namespace))["status"].get("expired"))

        async def told() -> bool:
            events = await client.list(EVENTS, Selection(namespace=namespace))
            return {"Expired", "StillReferred"} <= {event.get("reason") for event in events}

        await until(told)
        assert (await is_expired("read"), await is_expired("unread")) == (False, True)
    assert asked > 4


async def _over(client: Client, namespace: str, name: str) -> RawObject:
    """A run that has succeeded, with nothing in any store, and has expired."""
    body = {
        "apiVersion": STRETCHED_PIPELINES.api_version,
        "kind": STRETCHED_PIPELINES.kind,
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"pipeline": {"inline": "x"}, "retention": {"days": 0}},
    }
    made = await client.create(STRETCHED_PIPELINES, body)
    plan = PlanMark(1, "digest", "plan.json", "money")
    state = RunState(phase=RunPhase.SUCCEEDED, plan=plan, reported=True, end="2026-01-01T00:00:00Z")
    await replace_status(client, STRETCHED_PIPELINES, made, write_state(state, 1))
    return await client.get(STRETCHED_PIPELINES, name, namespace)
