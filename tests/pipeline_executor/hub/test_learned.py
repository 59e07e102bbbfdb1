"""What one run takes is what the next one's plan rests on: a hub on a real API server, real stores."""

import json
from typing import Any

import pytest

from moorage.kube import PIPELINE_HISTORIES, SITES
from moorage.kube.client import Selection
from moorage.model import API_VERSION
from moorage.runs import RunRef
from moorage.runs.measurements import Measured
from moorage.wire import read_history
from moorage_cli.runs.hints import chosen
from pipeline_executor.hub.histories import teach
from tests.pipeline_executor.hub.pipelines import pipeline
from tests.pipeline_executor.hub.played_spoke import playing
from tests.pipeline_executor.hub.stage import Stage

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

TEXT = pipeline({"make": [], "refine": ["make"]}, name="Delay report")


def pinned(site: str) -> dict[str, Any]:
    """Hints that say where tasks run, and nothing else."""
    return {"tasks": {task: {"sites": [site]} for task in ("make", "refine")}}


def planned(stage: Stage, run: dict[str, Any]) -> dict[str, tuple[float, list[str]]]:
    """Of each task, the seconds that its plan gives it, and what was assumed."""
    plan = json.loads(stage.object(stage.eu, run, "plan/plan.json") or b"{}")
    return {task["name"]: (task["end"] - task["start"], task["assumed"]) for task in plan["tasks"]}


async def test_a_run_teaches_the_next(stage: Stage) -> None:
    """Measured seconds and bytes are planned by, and are not assumed; the user's word wins; the switch is kept."""
    await stage.hub.apply(SITES, stage.site(stage.eu, speed="2"))
    async with playing(stage.hub, stage.store, stage.namespace, stage.system) as spoke, stage.hub_running():
        spoke.took = {"make": 7.0, "refine": 3.0}
        first = await stage.submit("first", TEXT, hints=pinned(stage.eu))
        await stage.reaches("first", "Succeeded")
        (raw,) = await stage.hub.list(PIPELINE_HISTORIES, Selection(namespace=stage.namespace))
        history = read_history(raw)
        assert (history.pipeline, [run.name for run in history.runs]) == ("Delay report", ["first"])
        # At a site of speed 2, 7 s are those of 14 s.
        assert history.tasks["make"].seconds == pytest.approx((14.0,), abs=0.01)
        assert history.sizes == {"make.data": (100,), "refine.data": (100,)}

        hints = {"tasks": {**pinned(stage.eu)["tasks"], "refine": {"sites": [stage.eu], "seconds": 40}}}
        second = await stage.submit("second", TEXT, hints=hints)
        third = await stage.submit("third", TEXT, hints=pinned(stage.eu), learn=False)
        for name in ("second", "third"):
            await stage.reaches(name, "Succeeded")
        (raw,) = await stage.hub.list(PIPELINE_HISTORIES, Selection(namespace=stage.namespace))

    unknown = planned(stage, first)
    assert {task: "seconds" in assumed for task, (_, assumed) in unknown.items()} == {"make": True, "refine": True}
    learned = planned(stage, second)
    assert learned["make"][0] == pytest.approx(7.0, abs=0.01)
    assert learned["refine"][0] == 20.0
    assert [assumed for _, assumed in learned.values()] == [["cpu"], ["cpu"]]
    assert planned(stage, third) == unknown
    assert stage.object(stage.eu, third, "plan/measured.json") is None
    # The one that learns nothing teaches nothing.
    assert {run.name for run in read_history(raw).runs} == {"first", "second"}

    used = json.loads(stage.object(stage.eu, second, "plan/measured.json") or b"{}")
    assert used["measured"] == {"pipeline": "Delay report", "runs": 1, "version": 1}
    page = (stage.object(stage.eu, first, "report.html") or b"").decode()
    assert "2 tasks of 2 ran, at 1 site." in page
    found = chosen([raw], "second")
    assert found is not None
    assert found["spec"]["pipeline"] == "Delay report"


async def test_a_history_that_is_none_is_no_obstacle(stage: Stage) -> None:
    """Figures of tasks that are gone, and another pipeline's, are passed over."""
    spec = {"pipeline": "Delay report", "runs": [{"name": "x", "uid": "x"}], "tasks": {"gone": {"seconds": ["5"]}}}
    for name, pipeline_name in (("one", "Delay report"), ("two", "another")):
        body = {
            "apiVersion": API_VERSION,
            "kind": "PipelineHistory",
            "metadata": {"namespace": stage.namespace, "name": name},
            "spec": {**spec, "pipeline": pipeline_name},
        }
        await stage.hub.create(PIPELINE_HISTORIES, body)
    async with playing(stage.hub, stage.store, stage.namespace, stage.system), stage.hub_running():
        await stage.submit("run", TEXT, hints=pinned(stage.eu))
        await stage.reaches("run", "Succeeded")


async def test_files_of_a_planning_that_was_cut_short_are_replaced(stage: Stage) -> None:
    """A hub that was killed before it wrote plan.json; by the next one's figures the plan is another."""
    run = await stage.submit("again", TEXT, hints=pinned(stage.eu))
    root = f"{stage.eu}/runs/{stage.namespace}/again/{run['metadata']['uid']}/plan"
    stage.store.put({f"{root}/inputs.json": b"{}", f"{root}/measured.json": b"{}"})
    async with playing(stage.hub, stage.store, stage.namespace, stage.system), stage.hub_running():
        await stage.reaches("again", "Succeeded")
    assert json.loads(stage.object(stage.eu, run, "plan/inputs.json") or b"{}")["groups"]


async def test_a_namespace_has_so_many_histories(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ran longest ago makes room for a new pipeline; one that is known takes none."""
    monkeypatch.setattr("pipeline_executor.hub.histories.MOST_HISTORIES", 3)

    def took(pipeline_name: str, day: int) -> Measured:
        run = RunRef(stage.namespace, f"{pipeline_name}-{day}", f"uid-{pipeline_name}-{day}")
        return Measured(pipeline_name, run, end=f"2026-11-{day:02}T00:00:00Z", seconds={"make": 1.0})

    for name, day in (("a", 1), ("b", 2), ("c", 3), ("a", 4), ("d", 5)):
        await teach(stage.hub, took(name, day))
    raws = await stage.hub.list(PIPELINE_HISTORIES, Selection(namespace=stage.namespace))
    assert {raw["spec"]["pipeline"]: len(raw["spec"]["runs"]) for raw in raws} == {"a": 2, "c": 1, "d": 1}
