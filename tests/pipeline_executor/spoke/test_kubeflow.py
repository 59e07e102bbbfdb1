"""What only Kubeflow does, or does to one: on a played backend with the vices that were seen of the real one."""

import asyncio
import copy
import time
import uuid
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
import yaml

from moorage.kube import DATASETS, PIPELINE_GROUPS
from moorage.runs import ExportSpec, ImportSpec, Manifest, RunRef, TaskEnd, TaskPhase
from moorage.runs.records import MANIFEST_BOUNDS
from pipeline_executor.runners.kubeflow import submitting
from pipeline_executor.runners.kubeflow.run_ids import run_id
from tests.pipeline_executor.kubeflow.played_backend import PlayedBackend
from tests.pipeline_executor.spoke.pipelines import pair, reader, scripts, written
from tests.pipeline_executor.spoke.policies import policy, until_refused
from tests.pipeline_executor.spoke.rig import Rig
from tests.polling import until

# A spoke that is ended in the middle of a request leaves a connection to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

_LONG_SECONDS = 10_000.0
_EXPORTS = (ExportSpec("Output", artifact="double.out"), ExportSpec("length", value="write.length"))


def _another_run(rig: Rig) -> None:
    rig.run = replace(rig.run, uid=str(uuid.uuid4()))


def _cached(pipeline: bytes) -> bytes:
    """The same, with Kubeflow's cache on for each task, as its SDK compiles."""
    documents = list(yaml.safe_load_all(pipeline))
    for each in documents[0]["root"]["dag"]["tasks"].values():
        each["cachingOptions"] = {"enableCache": True}
    return written(*documents)


async def _manifest(rig: Rig, task: str, output: str) -> Manifest:
    content = await rig.stores[rig.eu].get(rig.keys(rig.eu).artifact(task, output), MANIFEST_BOUNDS.most_bytes)
    return Manifest.read(content or b"", "manifest")


async def _end(rig: Rig, task: str) -> TaskEnd:
    content = await rig.stores[rig.eu].get(rig.keys(rig.eu).task(task, 1, "ended"), 10_000)
    return TaskEnd.read(content or b"", task)


async def test_the_played_backend_has_the_real_ones_vices(rig: Rig, backend: PlayedBackend) -> None:
    """A repeated start answers 500 and starts a second Workflow; a missing input is a 400; an end can't be ended."""
    spec = next(iter(yaml.safe_load_all(reader())))
    body: dict[str, Any] = {
        "display_name": "x",
        "run_id": str(uuid.uuid4()),
        "pipeline_spec": next(iter(yaml.safe_load_all(scripts({"a": "true"})))),
        "runtime_config": {"parameters": {}, "pipeline_root": rig.stores[rig.eu].uri("root")},
    }
    async with aiohttp.ClientSession() as http:
        runs = f"{backend.url}/apis/v2beta1/runs"
        assert (await http.post(runs, json=body)).status == 200
        assert (await http.post(runs, json=body)).status == 500
        assert len(backend.workflows) == 2
        wrong = await http.post(runs, json={**body, "run_id": "2", "pipeline_spec": spec})
        assert (wrong.status, "given_uri" in (await wrong.json())["message"]) == (400, True)
        await until(lambda: all(run.state == "SUCCEEDED" for run in backend.workflows))
        told = await (await http.get(f"{runs}/{body['run_id']}")).json()
        assert any(each["state"] == "RUNNING" for each in told["run_details"]["task_details"])
        assert (await http.post(f"{runs}/{body['run_id']}:terminate")).status == 400
    assert backend.metadata.rows[min(backend.metadata.rows)].state.name == "RUNNING"


async def test_an_answer_that_is_lost_starts_no_second_workflow(rig: Rig, backend: PlayedBackend) -> None:
    """The run is looked for by its id, and found."""
    backend.lose = 1
    async with rig.spoke():
        status = await rig.ended(await rig.submit(pair(), exports=_EXPORTS))
    assert status["phase"] == "Succeeded"
    assert len(backend.workflows) == 1
    assert len(rig.kubelet.began) == 2


async def test_a_request_that_may_be_under_way_is_waited_for(
    rig: Rig, backend: PlayedBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A spoke was killed between asking and hearing: the next one looks for the run, and starts none for a minute."""
    store, keys = rig.stores[rig.eu], rig.keys(rig.eu)
    monkeypatch.setattr(submitting, "UNDER_WAY_SECONDS", _LONG_SECONDS)
    await store.put(keys.submitted("g-1", 1), f"{time.time():.3f}".encode())
    async with rig.spoke():
        name = await rig.submit(scripts({"a": "true"}))
        await rig.says(name, lambda status: "waits for Kubeflow Pipelines" in status.get("message", ""))
        await asyncio.sleep(2)
        assert backend.requests == []
        # Its answer was lost long ago: nothing is under way any more.
        await store.put(keys.submitted("g-1", 1), f"{time.time() - _LONG_SECONDS:.3f}".encode())
    async with rig.spoke():
        assert (await rig.ended(name))["phase"] == "Succeeded"
    assert len(backend.requests) == 1


async def test_what_the_run_is_asked_with(rig: Rig, backend: PlayedBackend) -> None:
    """Its root lies in the site's store, and outputs lie below it where Kubeflow puts them."""
    async with rig.spoke():
        name = await rig.submit(pair(), exports=_EXPORTS, service_account="default")
        await rig.ended(name)
    (asked,) = backend.requests
    root = rig.stores[rig.eu].uri(f"{rig.keys(rig.eu).root}kubeflow/1")
    assert asked["runtime_config"]["pipeline_root"] == root
    assert asked["service_account"] == "default"
    made = await _manifest(rig, "double", "out")
    assert made.uri.startswith(f"{root}/small/{asked['run_id']}/double/")
    assert [workflow.state for workflow in backend.workflows] == ["SUCCEEDED"]


async def test_what_the_cache_gave_is_copied_into_the_run(rig: Rig, backend: PlayedBackend) -> None:
    """An export from an earlier run outlives that run: its files are the later run's own."""
    async with rig.spoke():
        await rig.ended(await rig.submit(_cached(pair()), exports=_EXPORTS))
        store, first = rig.stores[rig.eu], rig.keys(rig.eu)
        _another_run(rig)
        status = await rig.ended(await rig.submit(_cached(pair()), exports=_EXPORTS))
    assert (status["phase"], status["taskCounts"]) == ("Succeeded", {"Cached": 2})
    assert sorted(backend.cache_hits) == ["double", "write"]
    assert len(rig.kubelet.began) == 2
    made, keys = await _manifest(rig, "double", "out"), rig.keys(rig.eu)
    assert (store.key(made.uri) or "").startswith(keys.root)
    await store.delete([each.key for each in await store.keys(first.root)])
    assert await store.get(store.key(made.uri) or "", 100) == b"hellohello"
    end = await _end(rig, "double")
    assert (end.phase, end.pod, "cache" in end.reason) == (TaskPhase.CACHED, "", True)
    assert b"[moorage]" in (await store.get(keys.task("double", 1, "log"), 1000) or b"")
    assert await store.size(keys.task("double", 1, "started")) is None


_LABELS = {"dataset.0.id": "claims", "moorage.dev/purpose": "research"}


def _governed() -> bytes:
    """A task that reads a dataset, one that reads what it made, and one that has nothing to do with it; all cached."""
    documents = list(yaml.safe_load_all(_cached(pair())))
    spec = documents[0]
    tasks, components = spec["root"]["dag"]["tasks"], spec["components"]
    tasks["plain"] = copy.deepcopy(tasks["write"])
    tasks["plain"]["componentRef"]["name"] = "comp-plain"
    components["comp-plain"] = {**copy.deepcopy(components["comp-write"]), "executorLabel": "exec-plain"}
    spec["deploymentSpec"]["executors"]["exec-plain"] = copy.deepcopy(spec["deploymentSpec"]["executors"]["exec-write"])
    pods = {"exec-write": {"podMetadata": {"labels": _LABELS}}}
    return written(spec, {"platforms": {"kubernetes": {"deploymentSpec": {"executors": pods}}}})


async def test_a_revoked_purpose_is_revoked_whatever_the_cache_holds(rig: Rig, backend: PlayedBackend) -> None:
    """The task that reads the dataset is refused in the next run, though the same task ran well before."""
    source = {"site": rig.eu, "s3": {"endpoint": "http://127.0.0.1:1", "bucket": "b"}}
    governance = {"purposes": ["research"]}
    dataset = {
        "apiVersion": DATASETS.api_version,
        "kind": DATASETS.kind,
        "metadata": {"name": "claims", "namespace": rig.namespace},
        "spec": {"sources": [source], "governance": governance},
    }
    await rig.client.create(DATASETS, dataset)
    stated = "object.metadata.labels['moorage.dev/purpose'] in params.spec.governance.purposes"
    labelled = "has(object.metadata.labels) && 'dataset.0.id' in object.metadata.labels"
    kind = {"apiVersion": DATASETS.api_version, "kind": DATASETS.kind}
    refusal = "dataset claims is not for this purpose"
    async with policy(rig, stated, refusal, parameters=kind, name="claims", conditions=(labelled,)):
        await until_refused(rig, refusal, {**_LABELS, "moorage.dev/purpose": "fun"})
        async with rig.spoke():
            first = await rig.ended(await rig.submit(_governed()))
            assert (first["phase"], first["taskCounts"]) == ("Succeeded", {"Succeeded": 3}), first
            _another_run(rig)
            second = await rig.ended(await rig.submit(_governed()))
            assert (second["phase"], second["taskCounts"]) == ("Succeeded", {"Cached": 1, "Succeeded": 2})
            assert backend.cache_hits == ["plain"]
            await _given_to_kubeflow_itself(rig, backend)
            assert "write" not in backend.cache_hits
            revoked = {"metadata": dataset["metadata"], "spec": {"governance": {"purposes": ["billing"]}}}
            await rig.client.merge_patch(DATASETS, revoked)
            await until_refused(rig, refusal, _LABELS)
            _another_run(rig)
            third = await rig.ended(await rig.submit(_governed()))
        assert third["phase"] == "Failed"
        assert f"task write failed: its pod was refused: {refusal}" in third["message"]
        assert (await _end(rig, "write")).phase is TaskPhase.FAILED
        # Kubeflow itself hands out what it made before.
        await _given_to_kubeflow_itself(rig, backend)
        assert "write" in backend.cache_hits
    await rig.client.delete(DATASETS, "claims", rig.namespace)


async def _given_to_kubeflow_itself(rig: Rig, backend: PlayedBackend) -> None:
    """The same pipeline as its author wrote it, until it has ended."""
    documents = list(yaml.safe_load_all(_governed()))
    body = {
        "display_name": "x",
        "run_id": str(uuid.uuid4()),
        "pipeline_spec": {"pipeline_spec": documents[0], "platform_spec": documents[1]},
        "runtime_config": {"parameters": {}, "pipeline_root": rig.stores[rig.eu].uri("root")},
    }
    async with aiohttp.ClientSession() as http:
        await http.post(f"{backend.url}/apis/v2beta1/runs", json=body)
    await until(lambda: backend.workflows[-1].state == "SUCCEEDED")


async def test_a_run_that_ended_while_the_spoke_was_away_is_taken_over(rig: Rig, backend: PlayedBackend) -> None:
    """Workflow and pods are gone by then: ends come from ML Metadata, logs from Kubeflow's archive."""
    async with rig.spoke():
        name = await rig.submit(pair(), exports=_EXPORTS)
        await until(lambda: bool(backend.workflows))
    await until(lambda: backend.workflows[0].state == "SUCCEEDED")
    await backend.collect(backend.workflows[0].run_id)
    await until(lambda: all((pod.get("status") or {}).get("phase") == "Failed" for pod in backend.pods.values()))
    async with rig.spoke():
        status = await rig.ended(name)
    assert (status["phase"], status["taskCounts"]) == ("Succeeded", {"Succeeded": 2}), status
    store, keys = rig.stores[rig.eu], rig.keys(rig.eu)
    for task in ("write", "double"):
        assert (await _end(rig, task)).phase is TaskPhase.SUCCEEDED
        assert await store.size(keys.task(task, 1, "started")) == 0
    assert b"writing hello" in (await store.get(keys.task("write", 1, "log"), 1000) or b"")
    assert await store.get(store.key((await _manifest(rig, "double", "out")).uri) or "", 100) == b"hellohello"
    assert len(backend.workflows) == 1


async def test_a_group_that_is_deleted_leaves_no_run(rig: Rig, backend: PlayedBackend) -> None:
    """No owner reference leads to Kubeflow's runs: the spoke ends it."""
    async with rig.spoke():
        name = await rig.submit(scripts({"a": "exec sleep 60"}))
        await rig.says(name, lambda status: any(each["phase"] == "Running" for each in status.get("tasks", ())))
        await rig.client.delete(PIPELINE_GROUPS, name, rig.namespace)
        await until(lambda: backend.workflows[0].state == "FAILED")


async def test_a_run_that_somebody_deletes_in_kubeflow_is_not_started_again(rig: Rig, backend: PlayedBackend) -> None:
    """The group has failed, and says so."""
    async with rig.spoke():
        name = await rig.submit(scripts({"a": "exec sleep 5"}))
        await rig.says(name, lambda status: any(each["phase"] == "Running" for each in status.get("tasks", ())))
        del backend.runs[backend.workflows[0].run_id]
        status = await rig.ended(name, seconds=180)
    assert status["phase"] == "Failed"
    assert "deleted its run" in status["message"]
    assert len(backend.workflows) == 1


async def test_a_run_of_another_namespace_is_refused(rig: Rig, backend: PlayedBackend) -> None:
    """Its tasks would read as Kubeflow's namespace does, whoever asked for them."""
    async with rig.spoke(kubeflow_namespace="kubeflow"):
        status = await rig.ended(await rig.submit(pair()))
    assert status["phase"] == "Failed"
    assert "tasks run in kubeflow" in status["message"]
    assert backend.requests == []


async def test_an_importer_of_nothing_is_found_out_before_it_passes(rig: Rig, backend: PlayedBackend) -> None:
    """Kubeflow's importer would pass, and the user's code would find no file."""
    uri = rig.stores[rig.eu].uri(f"{rig.stores[rig.eu].prefix}/not/there")
    async with rig.spoke():
        status = await rig.ended(await rig.submit(reader(), parameters={"given_uri": uri, "times": 1}))
    assert status["phase"] == "Failed"
    assert f"there is nothing at {uri}" in status["message"]
    assert backend.requests == []


async def test_a_backend_that_does_not_answer_is_said_and_waited_for(rig: Rig, backend: PlayedBackend) -> None:
    """The condition names the endpoint; nothing is lost once it is back."""
    async with rig.spoke(kubeflow_endpoint="http://127.0.0.1:9"):
        name = await rig.submit(scripts({"a": "true"}))
        said = await rig.says(name, lambda status: "does not answer" in status.get("message", ""))
        assert "http://127.0.0.1:9" in said["message"]
    async with rig.spoke():
        assert (await rig.ended(name))["phase"] == "Succeeded"
    assert len(backend.workflows) == 1


def test_two_attempts_are_two_runs() -> None:
    """So that an old attempt's answer is never taken for a new one's."""
    from moorage.runs import GroupSpec  # noqa: PLC0415 - only here

    spec = GroupSpec(RunRef("n", "x", "u"), "g", 1, "s", "f", "0", imports=(ImportSpec("p", "s", value="a.b"),))
    assert run_id(spec) != run_id(replace(spec, attempt=2))
    assert run_id(spec) == run_id(replace(spec, site="t", imports=()))
