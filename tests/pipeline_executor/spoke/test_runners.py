"""What every runner does: the same groups, by each runner, leave the same in the store and say the same."""

import hashlib
import json
from typing import Any

import pytest

from moorage.kube import PIPELINE_GROUPS, PODS
from moorage.runs import ExportSpec, FileEntry, ImportSpec, Manifest, TaskEnd, TaskPhase, Value
from moorage.runs.records import MANIFEST_BOUNDS
from tests.pipeline_executor.spoke.pipelines import DATASET, branches, pair, reader, scripts
from tests.pipeline_executor.spoke.policies import policy, until_refused
from tests.pipeline_executor.spoke.rig import Rig

# A spoke that is ended in the middle of a request leaves a connection to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

_CONTENT = b"far away"


async def _end(rig: Rig, task: str, attempt: int = 1) -> TaskEnd:
    content = await rig.stores[rig.eu].get(rig.keys(rig.eu).task(task, attempt, "ended"), 10_000)
    return TaskEnd.read(content or b"", task)


async def _log(rig: Rig, task: str, attempt: int = 1) -> str:
    return (await rig.stores[rig.eu].get(rig.keys(rig.eu).task(task, attempt, "log"), 1 << 20) or b"").decode()


async def _value(rig: Rig, task: str, output: str) -> object:
    return json.loads(await rig.stores[rig.eu].get(rig.keys(rig.eu).value(task, output), 10_000) or b"null")["value"]


def _task(status: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in status["tasks"] if each["name"] == name)


def _phase(status: dict[str, Any], task: str) -> str:
    found = [each["phase"] for each in status.get("tasks", ()) if each["name"] == task]
    return str(found[0]) if found else ""


async def test_two_tasks_leave_start_log_end_and_exports(any_rig: Rig) -> None:
    """The second reads what the first wrote; a whole number is whole; the manifest has each file's digest."""
    rig = any_rig
    exports = (ExportSpec("Output", artifact="double.out"), ExportSpec("length", value="write.length"))
    async with rig.spoke():
        status = await rig.ended(await rig.submit(pair(), exports=exports))
    assert (status["phase"], status["taskCounts"]) == ("Succeeded", {"Succeeded": 2}), status
    store, keys = rig.stores[rig.eu], rig.keys(rig.eu)
    for task, log in (("write", "writing hello\n"), ("double", "doubling ")):
        assert await store.get(keys.task(task, 1, "started"), 10) == b""
        assert log in await _log(rig, task)
        end = await _end(rig, task)
        assert (end.phase, end.exit_code, end.site, end.group_attempt) == (TaskPhase.SUCCEEDED, 0, rig.eu, 1)
        assert end.start
        assert end.bytes_out > 0
        assert end.bytes_in == (5 if task == "double" else 0)
    content = await store.get(keys.artifact("double", "out"), MANIFEST_BOUNDS.most_bytes)
    manifest = Manifest.read(content or b"", "manifest")
    assert (manifest.artifact, manifest.size_bytes, manifest.group, manifest.type) == ("double.out", 10, "g-1", DATASET)
    assert [file.sha256 for file in manifest.files] == [hashlib.sha256(b"hellohello").hexdigest()]
    assert await store.get(store.key(manifest.uri) or "", 100) == b"hellohello"
    assert (store.key(manifest.uri) or "").startswith(keys.root)
    assert repr(await _value(rig, "write", "length")) == "5"


async def test_what_is_imported_keeps_its_metadata(any_rig: Rig) -> None:
    """An artifact and a value of another site: the task sees what their producer noted."""
    rig = any_rig
    store, keys = rig.stores[rig.us], rig.keys(rig.us)
    key = keys.data("first", 1, "out")
    await store.put(key, _CONTENT)
    files = (FileEntry("", len(_CONTENT), hashlib.sha256(_CONTENT).hexdigest()),)
    made = Manifest("first.out", DATASET, {"rows": 3, "names": ["a"]}, store.uri(key), files, "us-1-1", 1)
    await store.put(keys.artifact("first", "out"), made.write())
    await store.put(keys.value("first", "n"), Value(7, "us-1-1", 1).write())
    imports = (
        ImportSpec("given_uri", rig.us, artifact="first.out"),
        ImportSpec("times", rig.us, value="first.n"),
    )
    async with rig.spoke():
        status = await rig.ended(await rig.submit(reader(), imports=imports))
    assert (status["phase"], status.get("message")) == ("Succeeded", None)
    said = (await _log(rig, "say")).replace(" ", "")
    assert "times7,metadata{" in said
    assert '"rows":3' in said
    assert '"names":["a"]' in said
    assert "doubling" in await _log(rig, "double")


async def test_loops_branches_and_choices_come_out(any_rig: Rig) -> None:
    """What is skipped gives nothing; what a loop collects has its items' order; OneOf is the branch that ran."""
    rig = any_rig
    exports = (ExportSpec("all", value="loop.n"), ExportSpec("one", value="choice.n"))
    async with rig.spoke():
        status = await rig.ended(await rig.submit(branches(), exports=exports), seconds=120)
    assert status["phase"] == "Succeeded", status
    phases = {each["name"]: each["phase"] for each in status["tasks"]}
    assert phases == {
        "loop#0/odd/say": "Succeeded",
        "loop#1/odd/say": "Skipped",
        "loop#2/odd/say": "Succeeded",
        "heads/say": "Skipped",
        "tails/say": "Succeeded",
    }
    assert repr(await _value(rig, "loop", "n")) == "[10, 30]"
    assert repr(await _value(rig, "choice", "n")) == "80"
    assert (await _end(rig, "loop#2/odd/say")).phase is TaskPhase.SUCCEEDED


async def test_tasks_bear_the_names_that_the_plan_has(any_rig: Rig) -> None:
    """A group's file is flat: what the plan calls `first/write` may be called `write` there."""
    rig = any_rig
    names = {"write": "first/write", "double": "second/double"}
    exports = (ExportSpec("Output", artifact="second/double.out"),)
    async with rig.spoke():
        status = await rig.ended(await rig.submit(pair(), exports=exports, task_names=names))
    assert {each["name"]: each["phase"] for each in status["tasks"]} == dict.fromkeys(names.values(), "Succeeded")
    assert (await _end(rig, "first/write")).phase is TaskPhase.SUCCEEDED
    key = rig.keys(rig.eu).artifact("second/double", "out")
    assert await rig.stores[rig.eu].size(key)


_SECRET = {"secretAsEnv": [{"secretName": "no-such", "keyToEnv": [{"secretKey": "k", "envVar": "K"}]}]}


@pytest.mark.parametrize(
    ("pipeline", "said"),
    [
        (scripts({"a": "echo to be seen; exit 3"}), "ended with exit code 3"),
        (scripts({"a": "true"}, image="no/such:1"), "image no/such:1 can't be pulled"),
        (scripts({"a": "true"}, platform=_SECRET), 'secret "no-such" not found'),
    ],
    ids=["exit", "pull", "secret"],
)
async def test_a_task_that_fails_says_why(any_rig: Rig, pipeline: bytes, said: str) -> None:
    """Task, group and end hold the same sentence, though Kubeflow says RUNNING; the log is there, whatever the end."""
    rig = any_rig
    async with rig.spoke():
        status = await rig.ended(await rig.submit(pipeline))
        assert status["phase"] == "Failed"
        assert said in status["message"]
        assert said in _task(status, "a")["message"]
        end = await _end(rig, "a")
        assert (end.phase, said in end.reason) == (TaskPhase.FAILED, True)
        assert await _log(rig, "a")


async def test_a_pod_that_admission_refuses_is_a_failure_with_the_refusal(any_rig: Rig) -> None:
    """The sentence of the policy is the task's; no pod ever was."""
    rig = any_rig
    async with policy(rig, "false", "datasets may be read for research only"):
        await until_refused(rig, "research only")
        async with rig.spoke():
            status = await rig.ended(await rig.submit(scripts({"a": "true"})))
    assert status["phase"] == "Failed"
    assert status["message"].endswith("its pod was refused: datasets may be read for research only")
    assert "research only" in await _log(rig, "a")
    assert not await rig.pods()


async def test_a_full_cluster_is_waited_for_until_somebody_cancels(any_rig: Rig) -> None:
    """The status says what for; cancelled, it leaves nothing that runs."""
    rig = any_rig
    large = scripts({"a": "true"}, resources={"resourceCpuRequest": "500"})
    async with rig.spoke():
        name = await rig.submit(large)
        said = await rig.says(name, lambda status: "no node may run it now" in status.get("message", ""))
        assert _phase(said, "a") == "Pending"
        await rig.client.merge_patch(
            PIPELINE_GROUPS, {"metadata": {"namespace": rig.namespace, "name": name}, "spec": {"cancel": True}}
        )
        assert (await rig.ended(name))["phase"] == "Cancelled"


async def test_retries_are_attempts_of_their_own(any_rig: Rig) -> None:
    """A task that fails is tried as often as its pipeline says; each attempt has its own log and end."""
    rig = any_rig
    async with rig.spoke():
        status = await rig.ended(await rig.submit(scripts({"a": "echo again; exit 1"}, retries=2)), seconds=120)
    assert (status["phase"], _task(status, "a")["attempt"]) == ("Failed", 3)
    for attempt in (1, 2, 3):
        assert "again\n" in await _log(rig, "a", attempt)
        assert (await _end(rig, "a", attempt)).exit_code == 1


async def test_cancel_ends_what_runs_and_starts_nothing(any_rig: Rig) -> None:
    """The running task is cancelled with the log that it has so far; the next one never begins."""
    rig = any_rig
    async with rig.spoke():
        name = await rig.submit(scripts({"a": "echo begun; exec sleep 60", "b": "true"}, after={"b": "a"}))
        await rig.says(name, lambda status: _phase(status, "a") == "Running")
        body = {"metadata": {"namespace": rig.namespace, "name": name}, "spec": {"cancel": True}}
        await rig.client.merge_patch(PIPELINE_GROUPS, body)
        status = await rig.ended(name)
    assert status["phase"] == "Cancelled"
    assert {each["name"]: each["phase"] for each in status["tasks"]} == {"a": "Cancelled", "b": "Cancelled"}
    assert (await _end(rig, "a")).phase is TaskPhase.CANCELLED


async def test_a_spoke_that_comes_back_goes_on(any_rig: Rig) -> None:
    """Three lives of the spoke, one run of each task, one end of each."""
    rig = any_rig
    slow = scripts({"a": "sleep 2; echo once", "b": "sleep 2; echo twice"}, after={"b": "a"})
    async with rig.spoke():
        name = await rig.submit(slow)
        await rig.says(name, lambda status: _phase(status, "a") == "Running")
    async with rig.spoke():
        await rig.says(name, lambda status: _phase(status, "b") == "Running")
    async with rig.spoke():
        status = await rig.ended(name)
    assert (status["phase"], status["taskCounts"]) == ("Succeeded", {"Succeeded": 2})
    assert len(rig.kubelet.began) == 2
    assert [_task(status, name)["attempt"] for name in ("a", "b")] == [1, 1]
    assert "once" in await _log(rig, "a")


async def test_a_new_attempt_of_a_group_uses_new_numbers(any_rig: Rig) -> None:
    """What failed is tried again under the next number; the old attempt is refused now."""
    rig = any_rig
    async with rig.spoke():
        first = await rig.ended(await rig.submit(scripts({"b": "exit 1"})))
        assert first["phase"] == "Failed"
        second = await rig.ended(await rig.submit(scripts({"b": "echo better"}), attempt=2))
        assert (second["phase"], _task(second, "b")["attempt"]) == ("Succeeded", 2)
        assert (await _end(rig, "b", 1)).phase is TaskPhase.FAILED
        assert "better" in await _log(rig, "b", 2)


async def test_a_pod_that_somebody_deletes_is_noticed(any_rig: Rig) -> None:
    """Its attempt ends as interrupted, with a sentence; whether another follows is the runner's."""
    rig = any_rig
    async with rig.spoke():
        name = await rig.submit(scripts({"a": "if test -e /mark; then :; fi; sleep 3; echo done"}))
        await rig.says(name, lambda status: _phase(status, "a") == "Running")
        (pod,) = await rig.pods()
        await rig.client.delete(PODS, pod["metadata"]["name"], rig.namespace, grace_seconds=0)
        await rig.ended(name)
    end = await _end(rig, "a", 1)
    assert (end.phase, end.interrupted, "deleted" in end.reason) == (TaskPhase.FAILED, True, True)
