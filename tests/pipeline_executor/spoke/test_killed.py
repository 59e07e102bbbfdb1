"""A spoke that is killed between any two of its writes neither loses nor repeats an attempt."""

import asyncio
import contextlib

import pytest

from moorage.runs import ExportSpec, TaskEnd, TaskPhase
from pipeline_executor.store import site_stores
from tests.pipeline_executor.spoke.mortal import Life, mortal_client, mortal_stores
from tests.pipeline_executor.spoke.pipelines import pair
from tests.pipeline_executor.spoke.rig import Rig

_MOST_LIVES = 200


# Whoever is killed closes nothing.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("writes", "answered"), [((1, 2), True), ((2,), False), ((1, 3), False), ((3, 2, 1), True)], ids=str
)
async def test_killed_after_every_write(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, *, writes: tuple[int, ...], answered: bool
) -> None:
    """Each life of the spoke gets few writes done, the last one's answer heard or not; all run each task once.

    A log, or a launch, is written again where it is not known that it was, so a life of one write is followed by one of
    more.
    """
    exports = (ExportSpec("Output", artifact="double.out"), ExportSpec("length", value="write.length"))
    name = await rig.submit(pair(), exports=exports)
    lives = 0
    while (await rig.status(name)).get("completionTime") is None:
        lives += 1
        assert lives < _MOST_LIVES, f"{writes} writes a life get nowhere: {await rig.status(name)}"
        life = Life(writes[lives % len(writes)], answered=answered)
        monkeypatch.setattr(site_stores, "open_store", mortal_stores(life))
        async with mortal_client(rig.plane.kubeconfig_path, life) as client, rig.spoke(client):
            over = asyncio.create_task(life.over.wait())
            done = asyncio.create_task(rig.ended(name))
            await asyncio.wait([over, done], return_when=asyncio.FIRST_COMPLETED)
            for each in (over, done):
                each.cancel()
                with contextlib.suppress(asyncio.CancelledError, AssertionError):
                    await each
    status = await rig.status(name)
    assert (status["phase"], status["taskCounts"]) == ("Succeeded", {"Succeeded": 2})
    assert lives > 3
    assert sorted(rig.kubelet.began) == sorted(set(rig.kubelet.began))
    assert len(rig.kubelet.began) == 2
    store, keys = rig.stores[rig.eu], rig.keys(rig.eu)
    for task in ("write", "double"):
        attempts = {
            stored.key.removeprefix(keys.tasks(task)).split("/")[0] for stored in await store.keys(keys.tasks(task))
        }
        assert attempts == {"1"}
        end = TaskEnd.read(await store.get(keys.task(task, 1, "ended"), 10_000) or b"", task)
        assert end.phase is TaskPhase.SUCCEEDED
    assert await store.get(keys.artifact("double", "out"), 10_000)
    assert b'"value":5' in (await store.get(keys.value("write", "length"), 1000) or b"")
