"""What every way to a cluster must do, whatever it is made of."""

import hashlib

import pytest

from moorage.errors import NotFoundError
from moorage.kube import SECRETS, SITES
from moorage.runs import GroupPhase, RunKeys, TaskPhase
from pipeline_executor.distribution.clusters import Cluster as SiteCluster
from pipeline_executor.spoke.assembly import assembled
from pipeline_executor.spoke.settings import SpokeSettings
from tests.dataset_operator.stores import STEWARD
from tests.pipeline_executor.distribution.grounds import Ground, eventually

RUNNING = {
    "phase": "Running",
    "message": "waits for 1 task",
    "startTime": "2026-11-29T12:00:00Z",
    "taskCounts": {"Running": 1, "Succeeded": 1},
    "tasks": [
        {"name": "make", "phase": "Succeeded", "attempt": 2, "node": "n"},
        {"name": "train#1/fit", "phase": "Running", "attempt": 1, "message": "m"},
    ],
    "imports": [
        {
            "parameter": "p",
            "artifact": "make.data",
            "site": "eu",
            "phase": "Running",
            "bytes": 100,
            "bytesDone": 40,
            "message": "on its way",
        }
    ],
}


async def test_applied_twice_is_once(ground: Ground) -> None:
    """The same attempt twice, before and after it has arrived, is the same object."""
    body = ground.body(parameters={"a": [1, {"b": "ü"}]})
    async with ground.distribution() as ways:
        cluster = ground.cluster(ways)
        assert not await cluster.exists(ground.run.namespace, body["metadata"]["name"])
        await cluster.submit(body)
        await cluster.submit(body)
        first = await ground.arrives()
        await cluster.submit(body)
        await eventually(lambda: ground.seen(cluster) is not None)
        assert await cluster.exists(ground.run.namespace, body["metadata"]["name"])
    (raw,) = await ground.at_spoke()
    assert raw["metadata"]["uid"] == first["metadata"]["uid"]
    assert raw["spec"] == body["spec"]
    assert ground.run in ground.looked_at


async def test_what_the_spoke_says_comes_back(ground: Ground) -> None:
    """Phase, message, times, tasks, and what has arrived of what it brings; then its end."""
    async with ground.distribution() as ways:
        cluster = ground.cluster(ways)
        await cluster.submit(ground.body())
        raw = await ground.arrives()
        await eventually(lambda: ground.seen(cluster) is not None)
        await ground.say(raw, RUNNING)
        await eventually(lambda: _phase(ground, cluster) is GroupPhase.RUNNING)
        seen = ground.seen(cluster)
        assert seen is not None
        assert (seen.message, seen.start, seen.site) == ("waits for 1 task", "2026-11-29T12:00:00Z", ground.stage.us)
        assert [(task.name, task.phase, task.attempt) for task in seen.tasks] == [
            ("make", TaskPhase.SUCCEEDED, 2),
            ("train#1/fit", TaskPhase.RUNNING, 1),
        ]
        assert dict(seen.task_counts) == {TaskPhase.RUNNING: 1, TaskPhase.SUCCEEDED: 1}
        assert [(each.what, each.origin, each.size_bytes) for each in seen.imports] == [("make.data", "eu", 40)]
        await ground.say(raw, {**RUNNING, "phase": "Succeeded", "completionTime": "2026-11-29T12:01:00Z"})
        await eventually(lambda: _phase(ground, cluster) is GroupPhase.SUCCEEDED)
    async with ground.distribution() as ways:  # another hub
        await eventually(lambda: _phase(ground, ground.cluster(ways)) is GroupPhase.SUCCEEDED)
        assert ground.cluster(ways).runs() == {ground.run}


async def test_cancel_reaches_the_spoke(ground: Ground) -> None:
    """As the one change that a PipelineGroup takes; twice is once, and what is gone is no error."""
    async with ground.distribution() as ways:
        cluster = ground.cluster(ways)
        await cluster.submit(ground.body())
        await ground.arrives()
        await eventually(lambda: ground.seen(cluster) is not None)
        seen = ground.seen(cluster)
        assert seen is not None
        await cluster.cancel(seen)
        await cluster.cancel(seen)
        await eventually(lambda: _is_cancelled(ground))
        await eventually(lambda: bool((now := ground.seen(cluster)) and now.cancel))
        await cluster.delete(seen)
        await eventually(ground.is_gone)
        await cluster.cancel(seen)


async def test_deleting_leaves_nothing(ground: Ground) -> None:
    """At the spoke and in the hub's sight; what is gone is no error."""
    async with ground.distribution() as ways:
        cluster = ground.cluster(ways)
        await cluster.submit(ground.body())
        await ground.arrives()
        await eventually(lambda: ground.seen(cluster) is not None)
        seen = ground.seen(cluster)
        assert seen is not None
        await cluster.delete(seen)
        await eventually(ground.is_gone)
        await eventually(lambda: ground.seen(cluster) is None)
        await cluster.delete(seen)
        assert not await cluster.exists(seen.namespace, seen.name)
        assert cluster.runs() == frozenset()


async def test_a_spoke_that_loses_the_hub_finishes_and_reports_when_it_is_back(ground: Ground) -> None:
    """The hub knows that it sees nothing, and says so; later it sees the end. One loss differs from the next."""
    async with ground.distribution() as ways:
        cluster = ground.cluster(ways)
        await cluster.submit(ground.body())
        raw = await ground.arrives()
        await ground.say(raw, RUNNING)
        await eventually(lambda: _phase(ground, cluster) is GroupPhase.RUNNING)
        assert cluster.sight().api_seconds == 0
        before = cluster.loss()
        await ground.line.cut()
        await eventually(lambda: cluster.sight().api_seconds > 0)
        sight = cluster.sight()
        assert sight.lost_seconds > 0
        assert sight.problem
        lost = cluster.loss()
        assert lost != before
        await ground.say(raw, {**RUNNING, "phase": "Succeeded", "completionTime": "2026-11-29T12:01:00Z"})
        assert _phase(ground, cluster) is GroupPhase.RUNNING
        await ground.line.restore()
        await eventually(lambda: cluster.sight().api_seconds == 0)
        await eventually(lambda: _phase(ground, cluster) is GroupPhase.SUCCEEDED)
        assert cluster.loss() != lost


async def test_an_older_attempt_is_refused(ground: Ground) -> None:
    """By a real spoke, which has seen a newer one; the refusal comes back."""
    stage = ground.stage
    pipeline = b"not read: the older attempt is refused before"
    keys = {"accessKeyID": STEWARD.access_key_id, "secretAccessKey": STEWARD.secret_access_key}
    await stage.spoke.create(
        SECRETS, {"metadata": {"namespace": stage.system, "name": "store-keys"}, "stringData": keys}
    )
    await stage.spoke.apply(SITES, stage.site(stage.us))
    stage.store.put({RunKeys(stage.us, ground.run).seen(f"{stage.us}-1", 2): b""})
    settings = SpokeSettings(namespace=stage.system, sites=(stage.us,), task_api="https://localhost:1")
    try:
        async with ground.distribution() as ways, assembled(stage.spoke, settings, lambda: "", "test"):
            cluster = ground.cluster(ways)
            await cluster.submit(ground.body(file_sha256=hashlib.sha256(pipeline).hexdigest()))
            await eventually(lambda: _phase(ground, cluster) is GroupPhase.FAILED)
            seen = ground.seen(cluster)
            assert seen is not None
            assert f"attempt 1 is older than attempt 2, which was seen at Site {stage.us}" in seen.message
    finally:
        await stage.spoke.delete(SITES, stage.us)


async def test_a_namespace_that_is_not_there_is_named(ground: Ground) -> None:
    """Where the hub can tell at once it raises; else the message says it, and the group waits."""
    body = ground.body()
    body["metadata"]["namespace"] = "nowhere"
    body["spec"]["run"] = {**body["spec"]["run"], "namespace": "nowhere"}
    async with ground.distribution() as ways:
        cluster = ground.cluster(ways)
        if ground.engine == "kubeconfig":
            with pytest.raises(NotFoundError, match="nowhere"):
                await cluster.submit(body)
            return
        await cluster.submit(body)
        await eventually(lambda: bool((seen := ground.seen(cluster)) and seen.message))
        seen = ground.seen(cluster)
        assert seen is not None
        assert seen.phase is None
        assert "can't apply it" in seen.message


def _phase(ground: Ground, cluster: SiteCluster) -> GroupPhase | None:
    seen = ground.seen(cluster)
    return None if seen is None else seen.phase


async def _is_cancelled(ground: Ground) -> bool:
    (raw,) = await ground.at_spoke()
    return raw["spec"].get("cancel") is True
