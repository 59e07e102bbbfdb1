"""What is asked of Kubeflow, and how its API's answers are taken: on a server that answers as was observed."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from moorage.errors import InputError, KubeflowError
from moorage.runs import GroupSpec, ImportSpec, PipelineGroup, RunRef
from moorage.runs.pipelines import QUEUE_LABEL
from pipeline_executor.engine import read_program
from pipeline_executor.runners.kubeflow.answers import RunState
from pipeline_executor.runners.kubeflow.client import KubeflowClient
from pipeline_executor.runners.kubeflow.run_ids import run_id
from pipeline_executor.runners.kubeflow.submission import imported_uris, run_request
from tests.pipeline_executor.spoke.pipelines import pair, reader, scripts

SPEC = GroupSpec(RunRef("kubeflow", "delays", "u"), "eu-1-1", 2, "eu-1", "f", "0" * 64, service_account="runner")
_ROOT = "s3://moorage/eu/runs/kubeflow/delays/u/kubeflow/2"


def _request(pipeline: bytes, parameters: dict[str, Any], spec: GroupSpec = SPEC, queue: str = "") -> dict[str, Any]:
    documents = list(yaml.safe_load_all(pipeline))
    group = PipelineGroup("kubeflow", "delays-eu-1-1", "u", spec, queue)
    return run_request(group, documents, read_program(documents, "pipeline"), parameters, _ROOT)


def test_a_run_is_named_by_its_attempt_and_rooted_in_the_store() -> None:
    """Id, root, account and parameters are the group's; a bare pipeline is sent as it is."""
    made = _request(pair(), {"text": "hi"})
    assert made["run_id"] == run_id(SPEC)
    assert made["runtime_config"] == {"parameters": {"text": "hi"}, "pipeline_root": _ROOT}
    assert made["service_account"] == "runner"
    assert made["pipeline_spec"]["pipelineInfo"] == {"name": "small"}


def test_a_platform_document_goes_along() -> None:
    """Labels of datasets stand in it."""
    made = _request(scripts({"a": "true"}, platform={"podMetadata": {"labels": {"dataset.0.id": "claims"}}}), {})
    assert set(made["pipeline_spec"]) == {"pipeline_spec", "platform_spec"}
    assert "platforms" in made["pipeline_spec"]["platform_spec"]


def test_a_runs_queue_is_on_each_container_and_no_importer() -> None:
    """Beside what the platform document says; a queue that the pipeline itself names for a task is the nearer one."""
    parameters = {"times": 1, "given_uri": "s3://b/k"}
    platform = _request(reader(), parameters, queue="team-a")["pipeline_spec"]["platform_spec"]
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert {name: each["podMetadata"]["labels"] for name, each in executors.items()} == {
        name: {QUEUE_LABEL: "team-a"} for name in ("exec-double", "exec-say")
    }
    for given, expected in (
        ({"dataset.0.id": "claims"}, {"dataset.0.id": "claims", QUEUE_LABEL: "team-a"}),
        ({QUEUE_LABEL: "gpus"}, {QUEUE_LABEL: "gpus"}),
    ):
        pipeline = scripts({"a": "true"}, platform={"podMetadata": {"labels": given}, "secretAsEnv": []})
        platform = _request(pipeline, {}, queue="team-a")["pipeline_spec"]["platform_spec"]
        (executor,) = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"].values()
        assert executor == {"podMetadata": {"labels": expected}, "secretAsEnv": []}


@pytest.mark.parametrize(
    ("parameters", "sent"),
    [({"times": 7.0, "given_uri": "s3://b/k"}, 7), ({"times": 7, "given_uri": "s3://b/k"}, 7)],
)
def test_values_are_cast_by_what_the_pipeline_declares(parameters: dict[str, Any], sent: int) -> None:
    """A whole number that came back as a float from another Kubeflow goes out whole."""
    made = _request(reader(), parameters)["runtime_config"]["parameters"]
    assert (repr(made["times"]), made["given_uri"]) == (str(sent), "s3://b/k")


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"given_uri": "s3://b/k"}, "parameter times"),
        ({"given_uri": "s3://b/k", "times": "many"}, "parameter times"),
        ({"given_uri": "s3://b/k", "times": 1, "other": 1}, "parameter other"),
    ],
)
def test_a_wrong_parameter_is_refused_before_anything_runs(parameters: dict[str, Any], said: str) -> None:
    """The sentence names it."""
    with pytest.raises(InputError, match=said):
        _request(reader(), parameters)


def test_what_another_group_made_is_not_cached() -> None:
    """Its value alone would be found again in the cache though the permission is gone."""
    documents = list(yaml.safe_load_all(pair()))
    for each in documents[0]["root"]["dag"]["tasks"].values():
        each["cachingOptions"] = {"enableCache": True}
    pipeline = yaml.safe_dump_all(documents).encode()
    imported = replace(SPEC, imports=(ImportSpec("text", "us-1", value="first.n"),))
    for spec, cached in ((SPEC, True), (imported, False)):
        tasks = _request(pipeline, {"text": "x"}, spec)["pipeline_spec"]["root"]["dag"]["tasks"]
        assert {bool(each["cachingOptions"]["enableCache"]) for each in tasks.values()} == {cached}


def test_importers_are_looked_through_before_they_pass() -> None:
    """Kubeflow's pass though nothing is there; schemes that they refuse are refused here, by name."""
    program = read_program(list(yaml.safe_load_all(reader())), "pipeline")
    assert imported_uris(program, {"given_uri": "s3://b/k"}, "group g") == ["s3://b/k"]
    with pytest.raises(InputError, match=r"import-given.*https"):
        imported_uris(program, {"given_uri": "https://x/y"}, "group g")


# --- the API ---


@asynccontextmanager
async def _served(
    status: int, answer: object, seen: list[web.Request], token: Path | None = None
) -> AsyncIterator[KubeflowClient]:
    async def handle(request: web.Request) -> web.Response:
        await request.read()
        seen.append(request)
        return web.Response(status=status, text=answer if isinstance(answer, str) else json.dumps(answer))

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with KubeflowClient(f"http://127.0.0.1:{runner.addresses[0][1]}/", token) as client:
            yield client
    finally:
        await runner.cleanup()


async def test_a_run_that_is_not_there_is_none() -> None:
    """And one that is there has its state."""
    async with _served(404, {"code": 5}, []) as client:
        assert await client.get("r") is None
    seen: list[web.Request] = []
    async with _served(200, {"run_id": "r", "state": "RUNNING"}, seen) as client:
        found = await client.get("r")
    assert found is not None
    assert found.state is RunState.RUNNING
    assert seen[0].path == "/apis/v2beta1/runs/r"


async def test_a_missing_input_is_the_groups_failure() -> None:
    """A 400 names it, and trying again would not help."""
    async with _served(400, {"message": "parameter n is missing"}, []) as client:
        with pytest.raises(InputError, match="parameter n is missing"):
            await client.create({"run_id": "r"})


@pytest.mark.parametrize(
    ("status", "answer", "said"),
    [
        (500, {"message": "Duplicate entry"}, "answers 500 .Duplicate entry."),
        (401, {}, "pipelines.kubeflow.org"),
        (403, {}, "create, read and terminate"),
        (404, {}, "executor.spoke.kubeflow.endpoint"),
        (200, [], "answers 200"),
        (503, "<html>", "answers 503"),
    ],
)
async def test_any_other_answer_to_a_start_says_nothing_of_it(status: int, answer: object, said: str) -> None:
    """It may have started all the same: whoever asked looks for it, and does not ask again."""
    seen: list[web.Request] = []
    async with _served(status, answer, seen) as client:
        with pytest.raises(KubeflowError, match=said):
            await client.create({"run_id": "r"})
    assert len(seen) == 1


@pytest.mark.parametrize("status", [200, 400, 404])
async def test_ending_what_has_ended_is_fine(status: int) -> None:
    """Kubeflow answers 400 where the run has ended already."""
    seen: list[web.Request] = []
    async with _served(status, {}, seen) as client:
        await client.terminate("r")
    assert (seen[0].method, seen[0].path) == ("POST", "/apis/v2beta1/runs/r:terminate")


async def test_the_token_is_read_for_each_request(tmp_path: Path) -> None:
    """The kubelet renews it; without it, the message says which one is wanted, and no secret."""
    token, seen = tmp_path / "token", []  # type: tuple[Path, list[web.Request]]
    token.write_text("one\n")
    async with _served(200, {"state": "RUNNING"}, seen, token) as client:
        await client.get("r")
        token.write_text("two\n")
        await client.get("r")
        token.unlink()
        with pytest.raises(KubeflowError, match=r"audience pipelines\.kubeflow\.org"):
            await client.get("r")
    assert [each.headers["Authorization"] for each in seen] == ["Bearer one", "Bearer two"]


async def test_a_log_that_is_not_kept_is_none() -> None:
    """Kubeflow keeps them only where it was told to; a long one is cut."""
    async with _served(404, {}, []) as client:
        assert await client.archived_log("r", "p", 100) is None
    async with _served(200, "x" * 1000, []) as client:
        assert await client.archived_log("r", "p", 100) == b"x" * 100


async def test_nobody_there() -> None:
    """The message names the endpoint and the value of the chart."""
    async with KubeflowClient("http://127.0.0.1:9") as client:
        with pytest.raises(KubeflowError, match=r"127\.0\.0\.1:9 does not answer"):
            await client.get("r")
