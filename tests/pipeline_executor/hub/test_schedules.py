"""PipelineSchedules on a real API server: the hub makes runs, once each, and keeps the last."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from moorage.errors import KubeError
from moorage.kube import DATASETS, PIPELINE_SCHEDULES, STRETCHED_PIPELINES, RawObject
from moorage.kube.client import Selection
from moorage.model import API_VERSION
from moorage.runs.schedules import SCHEDULE_LABEL
from tests.pipeline_executor.hub.pipelines import pipeline, placed
from tests.pipeline_executor.hub.played_spoke import playing
from tests.pipeline_executor.hub.stage import Stage
from tests.polling import until

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

LONG_AGO = (datetime.now(tz=UTC) - timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%SZ")


async def schedule(stage: Stage, name: str, *, parameters: dict[str, Any] | None = None, **spec: Any) -> RawObject:  # noqa: ANN401
    """Create a PipelineSchedule of a pipeline of one task at the hub's own site."""
    template: dict[str, Any] = {
        "pipeline": {"inline": pipeline({"make": []}, parameters={"version": ""})},
        "hints": placed({"make": stage.eu}),
    }
    if parameters is not None:
        template["parameters"] = parameters
    body = {
        "apiVersion": API_VERSION,
        "kind": "PipelineSchedule",
        "metadata": {"namespace": stage.namespace, "name": name},
        "spec": {"template": {"metadata": {"labels": {"team": "a"}}, "spec": template}, **spec},
    }
    return await stage.hub.create(PIPELINE_SCHEDULES, body)


async def runs(stage: Stage) -> list[RawObject]:
    """All runs, the oldest first."""
    found = await stage.hub.list(STRETCHED_PIPELINES, Selection(namespace=stage.namespace))
    return sorted(found, key=lambda raw: (raw["metadata"]["creationTimestamp"], raw["metadata"]["name"]))


async def status(stage: Stage, name: str) -> dict[str, Any]:
    """A schedule's status."""
    found: dict[str, Any] = (await stage.hub.get(PIPELINE_SCHEDULES, name, stage.namespace)).get("status") or {}
    return found


async def test_missed_times_are_made_up_for_once(stage: Stage) -> None:
    """The latest that were missed, one at a time; a second hub after the first makes none of them again."""
    async with playing(stage.hub, stage.store, stage.namespace, stage.system):
        made = await schedule(
            stage, "daily", everySeconds=86400, startTime=LONG_AGO, catchUp=2, concurrencyPolicy="Forbid"
        )

        async def both() -> bool:
            return len(await runs(stage)) == 2 and (await status(stage, "daily")).get("active") == 0

        async with stage.hub_running():
            # They were missed before the schedule was made: what counts is its start.
            await until(both, seconds=180)
        first = [raw["metadata"]["name"] for raw in await runs(stage)]
        async with stage.hub_running():
            await schedule(stage, "later", everySeconds=86400)
            await until(lambda: _is_known(stage, "later"), seconds=120)
        assert [raw["metadata"]["name"] for raw in await runs(stage)] == first
    told = await status(stage, "daily")
    assert {raw["metadata"]["labels"][SCHEDULE_LABEL] for raw in await runs(stage)} == {made["metadata"]["uid"]}
    assert (await runs(stage))[0]["metadata"]["labels"]["team"] == "a"
    assert told["nextScheduleTime"] > told["lastScheduleTime"]
    assert told["conditions"][0]["status"] == "True"


async def _is_known(stage: Stage, name: str) -> bool:
    return bool((await status(stage, name)).get("conditions"))


async def test_a_new_version_of_a_dataset_runs_the_pipeline(stage: Stage) -> None:
    """With the version as a parameter; the version that was there makes no run; others' Datasets make none."""
    dataset = {
        "apiVersion": API_VERSION,
        "kind": "Dataset",
        "metadata": {"namespace": stage.namespace, "name": "claims"},
        "spec": {"sources": [{"site": stage.eu, "s3": {"endpoint": stage.store.endpoint, "bucket": "b"}}]},
    }
    foreign = {**dataset, "metadata": {"namespace": stage.system, "name": "secret"}}
    for raw in (dataset, foreign):
        await stage.hub.create(DATASETS, raw)
    trigger = {"dataset": {"name": "claims"}, "parameter": "version", "debounceSeconds": 1}
    spy = {"dataset": {"namespace": stage.system, "name": "secret"}, "debounceSeconds": 0}

    async def version(namespace: str, name: str, text: str) -> None:
        about = {"namespace": namespace, "name": name}
        await stage.hub.merge_patch(DATASETS, {"metadata": about, "status": {"version": text}}, subresource="status")

    async with playing(stage.hub, stage.store, stage.namespace, stage.system), stage.hub_running():
        await version(stage.namespace, "claims", "a" * 64)
        await schedule(stage, "on-claims", triggers=[trigger])
        await schedule(stage, "on-secret", triggers=[spy])
        await until(lambda: _is_known(stage, "on-claims"), seconds=120)
        await until(lambda: _is_known(stage, "on-secret"), seconds=120)
        await version(stage.system, "secret", "c" * 64)
        await version(stage.namespace, "claims", "b" * 64)
        await until(lambda: _has_run(stage, "on-claims-t1"), seconds=120)
        await stage.reaches("on-claims-t1", "Succeeded")
    (run,) = await runs(stage)
    assert run["spec"]["parameters"] == {"version": "b" * 64}
    (group,) = (await stage.groups(stage.hub)).values()
    assert group["spec"]["parameters"] == {"version": "b" * 64}


async def _has_run(stage: Stage, name: str) -> bool:
    return name in {raw["metadata"]["name"] for raw in await runs(stage)}


async def test_a_schedule_that_can_not_be_read_says_why(stage: Stage) -> None:
    """A cron expression or a time zone that is none: the condition names the field; corrected, it goes on."""
    async with stage.hub_running():
        await schedule(stage, "odd", schedule="0 25 * * *")
        await until(lambda: _says(stage, "odd", "spec.schedule"), seconds=120)
        about = {"metadata": {"namespace": stage.namespace, "name": "odd"}}
        await stage.hub.merge_patch(
            PIPELINE_SCHEDULES, {**about, "spec": {"schedule": "0 5 * * *", "timeZone": "Mars"}}
        )
        await until(lambda: _says(stage, "odd", "spec.timeZone"), seconds=120)
        await stage.hub.merge_patch(PIPELINE_SCHEDULES, {**about, "spec": {"timeZone": "Europe/Berlin"}})
        await until(lambda: _is_ready(stage, "odd"), seconds=120)


async def _says(stage: Stage, name: str, field: str) -> bool:
    conditions = (await status(stage, name)).get("conditions") or [{}]
    return field in str(conditions[0].get("message"))


async def _is_ready(stage: Stage, name: str) -> bool:
    told = await status(stage, name)
    conditions = told.get("conditions") or [{}]
    return conditions[0].get("status") == "True" and "nextScheduleTime" in told


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"schedule": "@daily", "everySeconds": 60},
        {"triggers": []},
        {"schedule": "@daily", "concurrencyPolicy": "Perhaps"},
        {"schedule": "@daily", "startTime": "2027-01-01T00:00:00Z", "endTime": "2026-01-01T00:00:00Z"},
        {"everySeconds": 0},
    ],
)
async def test_the_api_server_refuses_what_makes_no_sense(stage: Stage, spec: dict[str, Any]) -> None:
    """At once, with a sentence."""
    with pytest.raises(KubeError) as refusal:
        await schedule(stage, "wrong", **spec)
    assert refusal.value.status == 422
