"""What goes wrong is said in a sentence, at the task and at its group, and the group ends or waits as documented."""

from collections.abc import Callable
from typing import Any

import pytest

from moorage.errors import StoreError
from moorage.kube import PIPELINE_GROUPS, PODS, Resource
from moorage.runs import TaskEnd, TaskPhase
from pipeline_executor.store import ArtifactStore
from tests.pipeline_executor.spoke.pipelines import pair, scripts
from tests.pipeline_executor.spoke.rig import Rig

# A spoke that is ended in the middle of a request leaves a connection to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

_QUOTAS = Resource("", "v1", "resourcequotas", "ResourceQuota")
_POLICIES = Resource(
    "admissionregistration.k8s.io", "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", namespaced=False
)
_BINDINGS = Resource(
    "admissionregistration.k8s.io",
    "v1",
    "validatingadmissionpolicybindings",
    "ValidatingAdmissionPolicyBinding",
    namespaced=False,
)


async def _end(rig: Rig, task: str, attempt: int = 1) -> TaskEnd:
    content = await rig.stores[rig.eu].get(rig.keys(rig.eu).task(task, attempt, "ended"), 10_000)
    return TaskEnd.read(content or b"", task)


async def _log(rig: Rig, task: str, attempt: int = 1) -> str:
    content = await rig.stores[rig.eu].get(rig.keys(rig.eu).task(task, attempt, "log"), 1 << 20)
    return (content or b"").decode()


def _task(status: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in status["tasks"] if each["name"] == name)


_SECRET = {"secretAsEnv": [{"secretName": "no-such", "keyToEnv": [{"secretKey": "k", "envVar": "K"}]}]}


@pytest.mark.parametrize(
    ("pipeline", "said"),
    [
        (scripts({"a": "echo to be seen; echo why >&2; exit 3"}), "ended with exit code 3: why"),
        (scripts({"a": "true"}, image="bare"), "image bare has no program 'sh'"),
        (scripts({"a": "true"}, image="no/such:1"), "image no/such:1 can't be pulled"),
        (scripts({"a": "true"}, platform=_SECRET), 'secret "no-such" not found'),
        (
            scripts({"a": "echo on; sleep 60"}, platform={"activeDeadlineSeconds": "2"}),
            "longer than its timeout of 2 s",
        ),
        (scripts({"a": "true"}, resources={"cpuRequest": 0.1, "resourceCpuRequest": "many"}), "cpu"),
    ],
    ids=["exit", "no-sh", "pull", "secret", "timeout", "quantity"],
)
async def test_a_task_that_fails_says_why(rig: Rig, pipeline: bytes, said: str) -> None:
    """The task, the group and the end in the store hold the same sentence; the log is there, whatever the end."""
    async with rig.spoke():
        status = await rig.ended(await rig.submit(pipeline))
    assert status["phase"] == "Failed"
    assert said in status["message"]
    if status.get("tasks"):
        assert said in _task(status, "a")["message"]
    if any("attempt" in each for each in status.get("tasks", ())):  # what can't be launched has none
        end = await _end(rig, "a")
        assert (end.phase, said in end.reason) == (TaskPhase.FAILED, True)
        assert await _log(rig, "a")
    assert not [pod for pod in await rig.pods() if not pod["metadata"].get("deletionTimestamp")]


async def test_a_pod_that_admission_refuses_is_a_failure_with_the_refusal(rig: Rig) -> None:
    """The sentence of the policy is the task's; no pod ever was."""
    name = f"refuse-{rig.namespace}"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    spec = {
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": "false", "message": "datasets may be read for research only"}],
    }
    kind = {"apiVersion": "admissionregistration.k8s.io/v1"}
    await rig.client.create(
        _POLICIES, {**kind, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name}, "spec": spec}
    )
    selector = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": rig.namespace}}}
    binding = {"policyName": name, "validationActions": ["Deny"], "matchResources": selector}
    await rig.client.create(
        _BINDINGS, {**kind, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name}, "spec": binding}
    )
    try:
        await _until_refused(rig)
        async with rig.spoke():
            status = await rig.ended(await rig.submit(scripts({"a": "true"})))
    finally:
        await rig.client.delete(_BINDINGS, name)
        await rig.client.delete(_POLICIES, name)
    assert status["phase"] == "Failed"
    assert status["message"].endswith("its pod was refused: datasets may be read for research only")
    assert "research only" in await _log(rig, "a")
    assert not await rig.pods()


async def _until_refused(rig: Rig) -> None:
    """A policy takes a moment until it counts."""
    from moorage.errors import KubeError  # noqa: PLC0415 - only here
    from tests.polling import until  # noqa: PLC0415

    spec = {"containers": [{"name": "a", "image": "x"}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe", "namespace": rig.namespace}, "spec": spec}

    async def refused() -> bool:
        try:
            await rig.client.create(PODS, pod, dry_run=True)
        except KubeError as error:
            return "research only" in str(error)
        return False

    await until(refused)


async def test_a_full_quota_and_a_full_cluster_are_waited_for(rig: Rig) -> None:
    """The status says what for; once there is room, the task runs as its first attempt."""
    hard = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none", "namespace": rig.namespace}}
    await rig.client.create(_QUOTAS, {**hard, "spec": {"hard": {"pods": "0"}}})
    await _until_quota_counts(rig)
    async with rig.spoke():
        name = await rig.submit(scripts({"a": "true"}), group="quota")
        await rig.says(name, lambda status: "exceeded quota" in status.get("message", ""))
        await rig.client.delete(_QUOTAS, "none", rig.namespace)
        assert (await rig.ended(name))["phase"] == "Succeeded"
        large = scripts({"b": "true"}, resources={"resourceCpuRequest": "500"})
        waits = await rig.submit(large, group="large")
        said = await rig.says(waits, lambda status: "no node may run it now" in status.get("message", ""))
        assert _task(said, "b")["phase"] == "Pending"
    assert (await _end(rig, "a")).phase is TaskPhase.SUCCEEDED


async def _until_quota_counts(rig: Rig) -> None:
    from tests.polling import until  # noqa: PLC0415

    async def counts() -> bool:
        raw = await rig.client.get(_QUOTAS, "none", rig.namespace)
        return "used" in (raw.get("status") or {})

    await until(counts)


async def test_retries_are_attempts_of_their_own(rig: Rig) -> None:
    """A task that fails is tried as often as its pipeline says; each attempt has its own log and end."""
    async with rig.spoke():
        status = await rig.ended(await rig.submit(scripts({"a": "echo again; exit 1"}, retries=2)))
    assert (status["phase"], _task(status, "a")["attempt"]) == ("Failed", 3)
    assert [await _log(rig, "a", attempt) for attempt in (1, 2, 3)] == ["again\n"] * 3


async def test_a_pod_that_somebody_deletes_is_made_good(rig: Rig) -> None:
    """An interruption says nothing of the task: another attempt follows, though its pipeline asks for no retries."""
    async with rig.spoke():
        name = await rig.submit(scripts({"a": "if test -e /mark; then :; fi; sleep 3; echo done"}))
        await rig.says(name, lambda status: _phase(status, "a") == "Running")
        (pod,) = await rig.pods()
        await rig.client.delete(PODS, pod["metadata"]["name"], rig.namespace, grace_seconds=0)
        status = await rig.ended(name)
    assert (status["phase"], _task(status, "a")["attempt"]) == ("Succeeded", 2)
    end = await _end(rig, "a", 1)
    assert (end.phase, end.interrupted) == (TaskPhase.FAILED, True)
    assert "deleted" in end.reason


def _phase(status: dict[str, Any], task: str) -> str:
    found = [each["phase"] for each in status.get("tasks", ()) if each["name"] == task]
    return str(found[0]) if found else ""


async def test_cancel_ends_what_runs_and_starts_nothing(rig: Rig) -> None:
    """The running task is cancelled with the log that it has so far; the next one never begins."""
    async with rig.spoke():
        name = await rig.submit(scripts({"a": "echo begun; sleep 60", "b": "true"}, after={"b": "a"}))
        await rig.says(name, lambda status: _phase(status, "a") == "Running")
        body = {"metadata": {"namespace": rig.namespace, "name": name}, "spec": {"cancel": True}}
        await rig.client.merge_patch(PIPELINE_GROUPS, body)
        status = await rig.ended(name)
    assert status["phase"] == "Cancelled"
    assert {each["name"]: each["phase"] for each in status["tasks"]} == {"a": "Cancelled", "b": "Cancelled"}
    assert await _log(rig, "a") == "begun\n"
    assert (await _end(rig, "a")).phase is TaskPhase.CANCELLED


async def test_a_new_attempt_goes_on_where_the_last_one_failed(rig: Rig) -> None:
    """What succeeded is not run again, what failed is, under the next number; the old attempt is refused now."""
    failing = scripts({"a": "echo once", "b": "exit 1"}, after={"b": "a"})
    async with rig.spoke():
        first = await rig.ended(await rig.submit(failing))
        assert first["phase"] == "Failed"
        better = scripts({"a": "echo once", "b": "echo better"}, after={"b": "a"})
        second = await rig.ended(await rig.submit(better, attempt=2))
        assert (second["phase"], second["taskCounts"]) == ("Succeeded", {"Succeeded": 2})
        assert (_task(second, "a")["attempt"], _task(second, "b")["attempt"]) == (1, 2)
        await rig.client.delete(PIPELINE_GROUPS, f"{rig.run.uid}-g-1-1", rig.namespace)
    assert len(rig.kubelet.began) == 3
    async with rig.spoke():
        refused = await rig.ended(await rig.submit(failing, attempt=1))
    assert refused["phase"] == "Failed"
    assert "older than attempt 2" in refused["message"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"file_sha256": "0" * 64}, "is another"), ({"file": "groups/none.yaml"}, "is not there")],
)
async def test_a_plan_that_is_not_the_hubs_is_refused(rig: Rig, changes: dict[str, Any], said: str) -> None:
    """The file must be there, and be the one whose digest the hub gave."""
    async with rig.spoke():
        status = await rig.ended(await rig.submit(pair(), **changes))
    assert status["phase"] == "Failed"
    assert said in status["message"]


async def test_a_store_that_takes_no_more_is_said_and_waited_for(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The group waits, its condition has the store's reason; it goes on once there is room."""
    full = True
    put = ArtifactStore.put

    async def refuse(store: ArtifactStore, key: str, content: bytes) -> None:
        if full and key.endswith("/log"):
            raise StoreError("StoreFull", "artifact store: the store takes no more bytes: make room in it")
        await put(store, key, content)

    monkeypatch.setattr(ArtifactStore, "put", refuse)
    async with rig.spoke():
        name = await rig.submit(scripts({"a": "true"}))
        said = await rig.says(name, _has_reason("StoreFull"))
        assert "make room" in said["message"]
        full = False
        assert (await rig.ended(name))["phase"] == "Succeeded"
    assert len(rig.kubelet.began) == 1


def _has_reason(reason: str) -> Callable[[dict[str, Any]], bool]:
    return lambda status: any(each["reason"] == reason for each in status.get("conditions", ()))
