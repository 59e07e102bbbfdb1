"""Groups run to their end on a real API server and a real store, with nodes that are played."""

import json

from moorage.runs import ExportSpec, Manifest, RunRef, TaskEnd, TaskPhase
from moorage.runs.records import MANIFEST_BOUNDS
from pipeline_executor.runners.embedded.claims import CLAIMS
from tests.pipeline_executor.spoke.pipelines import claims, pair
from tests.pipeline_executor.spoke.rig import Rig


async def test_two_tasks_run_and_leave_what_semantics_say(rig: Rig) -> None:
    """The second reads what the first wrote; start, log, end and the export's manifest are in the store."""
    async with rig.spoke():
        name = await rig.submit(pair(), exports=(ExportSpec("Output", artifact="double.out"),))
        status = await rig.ended(name)
    assert (status["phase"], status["taskCounts"]) == ("Succeeded", {"Succeeded": 2})
    store, keys = rig.stores[rig.eu], rig.keys(rig.eu)
    for task, log in (("write", b"writing hello\n"), ("double", b"doubling ")):
        assert await store.get(keys.task(task, 1, "started"), 10) == b""
        assert (await store.get(keys.task(task, 1, "log"), 1000) or b"").startswith(log)
        end = TaskEnd.read(await store.get(keys.task(task, 1, "ended"), 10_000) or b"", task)
        assert (end.phase, end.exit_code, end.site) == (TaskPhase.SUCCEEDED, 0, rig.eu)
    content = await store.get(keys.artifact("double", "out"), MANIFEST_BOUNDS.most_bytes)
    manifest = Manifest.read(content or b"", "manifest")
    assert (manifest.artifact, manifest.size_bytes, manifest.group) == ("double.out", 10, "g-1")
    assert await store.get(store.key(manifest.uri) or "", 100) == b"hellohello"
    assert json.loads(content or b"")["type"]["schemaTitle"] == "system.Dataset"


async def test_claims_are_made_and_deleted(rig: Rig) -> None:
    """Tasks that are no containers need no pod; what they give out goes on to those that read it."""
    async with rig.spoke():
        status = await rig.ended(await rig.submit(claims()))
    assert (status["phase"], status["taskCounts"]) == ("Succeeded", {"Succeeded": 3})
    name = f"{rig.run.uid}-scratch"
    store, keys = rig.stores[rig.eu], rig.keys(rig.eu)
    assert await store.get(keys.task("say", 1, "log"), 100) == f"{name}\n".encode()
    left = [each["metadata"] for each in await rig.client.list(CLAIMS)]
    assert all(each["name"] != name or "deletionTimestamp" in each for each in left)
    assert len(rig.kubelet.began) == 1


async def test_groups_that_can_not_be_read_say_so(rig: Rig) -> None:
    """A PipelineGroup of another namespace's run, or with a pipeline that is none, has failed, with the reason."""
    async with rig.spoke():
        foreign = await rig.submit(pair(), group="g-1", run=RunRef("elsewhere", "pair", rig.run.uid))
        broken = await rig.submit(b"no: pipeline", group="g-2")
        said = [await rig.ended(name) for name in (foreign, broken)]
    assert [status["phase"] for status in said] == ["Failed", "Failed"]
    assert "must be the PipelineGroup's own" in said[0]["message"]
    assert "g-2" in said[1]["message"]
