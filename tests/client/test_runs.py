"""Runs from a notebook, against a real API server and a real store."""

import asyncio
import contextlib
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import dsl

from moorage.client import Client, Run
from moorage.errors import ConflictError, InputError, KubeError, NotFoundError, StoreError
from moorage.runs import FileEntry, Manifest, RunKeys, RunPhase, RunRef, TaskOutputs
from tests.dataset_operator.stores import BUCKET, STEWARD, Store, run_store
from tests.world import World, eventually

API = "moorage.dev/v1alpha1"
DATASET = {"schemaTitle": "system.Dataset"}
PIPELINE: dict[str, Any] = {
    "pipelineInfo": {"name": "Delay cover"},
    "schemaVersion": "2.1.0",
    "sdkVersion": "kfp-2.17.0",
    "root": {"dag": {"tasks": {}}},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A real S3 server."""
    with run_store(tmp_path_factory.mktemp("weed")) as running:
        yield running


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A compiled pipeline."""
    path = tmp_path / "pipeline.yaml"
    path.write_text(yaml.safe_dump(PIPELINE))
    return path


@pytest.fixture
def client(api: Any, world: World) -> Client:  # noqa: ANN401 - the library has no types
    """The client, in the reader's namespace; the stores' keys are in the steward's."""
    return Client(api, world.reader, system_namespace=world.steward)


@pytest.fixture
def site(world: World, store: Store) -> Iterator[str]:
    """A Site with a folder of the store, whose keys are in a Secret."""
    name = f"site-{uuid.uuid4().hex[:6]}"
    s3 = {"endpoint": store.endpoint, "bucket": BUCKET, "prefix": name, "secretRef": {"name": name}}
    keys = {"accessKeyID": STEWARD.access_key_id, "secretAccessKey": STEWARD.secret_access_key}
    world.apply(
        {"apiVersion": API, "kind": "Site", "metadata": {"name": name}, "spec": {"artifactStore": {"s3": s3}}},
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": world.steward},
            "stringData": keys,
        },
    )
    yield name
    world.kubectl("delete", "site", name)


def _says(world: World, run: Run, phase: str, site: str = "", **tasks: int) -> None:
    told = [{"name": name, "phase": "Succeeded", "site": site, "attempt": attempt} for name, attempt in tasks.items()]
    world.set_status("stretchedpipeline", run.name, {"phase": phase, "tasks": told}, run.namespace)


def _spec(world: World, run: Run) -> dict[str, Any]:
    found = json.loads(world.kubectl("get", "stretchedpipeline", run.name, "-n", run.namespace, "-o", "json"))
    spec: dict[str, Any] = found["spec"]
    return spec


def test_a_file_is_submitted(client: Client, world: World, file: Path) -> None:
    """With parameters, objective and hints; the name is made of the pipeline's."""
    hints = {"defaults": {"taskSeconds": 5}}
    run = client.submit(file, {"weight": 0.5}, objective="carbon", hints=hints, wait_for_approval=True)
    assert run.name.startswith("delay-cover-")
    spec = _spec(world, run)
    assert yaml.safe_load(spec["pipeline"]["inline"]) == PIPELINE
    assert (spec["parameters"], spec["objective"], spec["hints"], spec["approval"]) == (
        {"weight": 0.5},
        "carbon",
        hints,
        "manual",
    )
    assert run.uid in {each.uid for each in client.runs()}
    assert client.run(run.name).uid == client.run(f"{run.namespace}/{run.name}").uid == run.uid
    with pytest.raises(ConflictError):
        client.submit(file, name=run.name)


def test_a_function_is_compiled(client: Client, world: World) -> None:
    """As kfp does it; what is no pipeline is refused before anything is created."""

    @dsl.component(base_image="python:3.11")  # type: ignore[untyped-decorator]
    def speak(word: str) -> str:
        return word

    @dsl.pipeline(name="spoken")  # type: ignore[untyped-decorator]
    def spoken(word: str = "hello") -> None:
        speak(word=word)

    run = client.submit(spoken, {"word": "ahoy"})
    compiled = yaml.safe_load(_spec(world, run)["pipeline"]["inline"])
    assert (compiled["pipelineInfo"]["name"], run.name.startswith("spoken-")) == ("spoken", True)
    before = {each.uid for each in client.runs()}
    with pytest.raises(InputError, match="can compile"):
        client.submit(lambda: None)
    assert {each.uid for each in client.runs()} == before


def test_a_long_pipeline_goes_into_a_config_map(client: Client, world: World, tmp_path: Path) -> None:
    """Which belongs to the run; and none is left where the run is refused."""
    path = tmp_path / "long.yaml"
    path.write_text(f"# {'x' * 1_100_000}\n{yaml.safe_dump(PIPELINE)}")
    run = client.submit(path)
    assert _spec(world, run)["pipeline"] == {"configMapRef": {"name": run.name, "key": "pipeline.yaml.gz"}}
    held = json.loads(world.kubectl("get", "configmap", run.name, "-n", run.namespace, "-o", "json"))
    assert [owner["uid"] for owner in held["metadata"]["ownerReferences"]] == [run.uid]
    refused = f"refused-{uuid.uuid4().hex[:6]}"
    with pytest.raises(KubeError, match="objective"):
        client.submit(path, name=refused, objective="x" * 100)
    assert refused not in world.kubectl("get", "configmaps", "-n", run.namespace, "-o", "name")


def test_waiting_and_what_to_do_with_a_run(client: Client, world: World, file: Path) -> None:
    """A wait ends with the run, or in time; approve, retry and cancel change the spec; a deleted run is not there."""
    run = client.submit(file, wait_for_approval=True)
    with pytest.raises(InputError, match="is not there yet"):
        run.approve()
    digest = "cd" * 32
    world.set_status(
        "stretchedpipeline", run.name, {"phase": "AwaitingApproval", "plan": {"digest": digest}}, run.namespace
    )
    with pytest.raises(TimeoutError, match="AwaitingApproval"):
        run.wait(0)
    run.approve()
    run.retry()
    run.retry()
    run.cancel()
    spec = _spec(world, run)
    assert (spec["approvedPlan"], spec["retries"], spec["cancel"]) == (digest, 2, True)
    _says(world, run, "Failed")
    assert (run.wait().phase, run.status.succeeded) == (RunPhase.FAILED, False)
    assert "Failed" in run._repr_html_()
    world.kubectl("delete", "stretchedpipeline", run.name, "-n", run.namespace)
    with pytest.raises(NotFoundError):
        run.wait()


def _log(run: Run) -> str:
    with contextlib.suppress(NotFoundError):
        return run.logs("make")
    return ""


async def test_logs_and_outputs_in_a_loop_that_runs_already(
    client: Client, world: World, store: Store, site: str, file: Path
) -> None:
    """As in a notebook: the log of the last attempt or another, parameters, artifacts with their files."""
    run = client.submit(file)
    _says(world, run, "Succeeded", site, make=2)
    keys = RunKeys(site, RunRef(run.namespace, run.name, run.uid))
    data = keys.data("make", 2, "data")
    single = Manifest("make.data", DATASET, {"rows": 2}, f"s3://{BUCKET}/{data}", (FileEntry("", 8, "00"),))
    folder = Manifest("make.more", DATASET, {}, f"s3://{BUCKET}/{data}-more", (FileEntry("x/y.csv", 8, "00"),))
    outputs = TaskOutputs(
        {"Output": "ahoy"}, {"data": (single,), "more": (folder,), "all": (single, folder)}, frozenset({"all"})
    )
    store.put(
        {
            keys.task("make", 1, "log"): b"failed\n",
            keys.task("make", 2, "log"): b"made \xff\n",
            keys.task("make", 2, "outputs"): outputs.write(),
            data: b"a,b\n1,2\n",
            f"{data}-more/x/y.csv": b"c,d\n3,4\n",
        }
    )
    # SeaweedFS may take a moment to list what it has taken.
    eventually(lambda: _log(run) == "made \ufffd\n")
    assert run.logs("make", attempt=1) == "failed\n"
    made = run.outputs("make")
    assert made.parameters == {"Output": "ahoy"}
    assert {name: each.size_bytes for name, each in made.artifacts.items()} == {"data": 8, "more": 8}
    assert [each.name for each in made.artifact_lists["all"]] == ["make.data", "make.more"]
    assert run.artifact("make.data").read() == b"a,b\n1,2\n"
    assert run.artifact("make.more").read("x/y.csv") == b"c,d\n3,4\n"
    assert run.artifact("make.data").to_pandas(format="csv").to_dict("list") == {"a": [1], "b": [2]}
    with pytest.raises(InputError, match="say which"):
        run.artifact("make.data").to_pandas()
    with pytest.raises(StoreError, match="more than 4 bytes"):
        run.artifact("make.data").read(most_bytes=4)
    with pytest.raises(InputError, match=r"make\.data"):
        run.artifact("make.absent")
    with pytest.raises(NotFoundError):
        run.logs("absent")
    with pytest.raises(NotFoundError):
        run.outputs("absent")
    await asyncio.sleep(0)


def test_without_keys_the_message_says_what_to_do(
    api: Any,  # noqa: ANN401 - the library has no types
    world: World,
    site: str,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """AWS's variables stand in for a Secret that may not be read."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    run = Client(api, world.reader, system_namespace=world.reader).submit(file)
    _says(world, run, "Succeeded", site, make=1)
    with pytest.raises(StoreError, match="AWS_ACCESS_KEY_ID"):
        run.logs("make")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", STEWARD.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", STEWARD.secret_access_key)
    with pytest.raises(NotFoundError, match="no log of task make"):
        run.logs("make")
