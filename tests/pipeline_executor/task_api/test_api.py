"""The task API over TLS and a real S3 server, asked by pods that want more than is theirs."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from moorage.grants.question import PodIdentity
from moorage.runs import FileEntry, TaskOutputs
from pipeline_executor.engine.records import ArtifactOutput
from pipeline_executor.store import multipart
from pipeline_executor.task_api import TaskInput
from pipeline_executor.task_sidecar import exchange
from pipeline_executor.task_sidecar.exchange import OutputFile, OutputReport, PieceRequest, TaskLimits
from tests.dataset_operator.stores import Store
from tests.pipeline_executor.task_pods import BUCKET, KEYS, POD, Api, TaskPod, open_runs, serve_api, sha256, token_of

STRANGER = PodIdentity("stranger", "train-1", "uid-1")


@pytest.fixture
async def api(store_server: Store) -> AsyncIterator[Api]:
    """A task API."""
    async with open_runs(store_server) as store, serve_api(store) as served:
        yield served


@pytest.fixture
def pod(api: Api, tmp_path: Path) -> TaskPod:
    """A pod of the spoke's."""
    return TaskPod(tmp_path, api)


async def ask(api: Api, path: str, body: bytes | None = None, token: str = token_of(POD)) -> httpx.Response:
    """One request."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(verify=api.tls(), headers=headers, timeout=60) as http:
        if body is None:
            return await http.get(api.url + path)
        return await http.post(api.url + path, content=body)


async def put(url: str, content: bytes) -> int:
    """Upload to a URL: the status."""
    async with httpx.AsyncClient() as http:
        return (await http.put(url, content=content)).status_code


def report(*files: tuple[str, str, bytes], **more: Any) -> bytes:  # noqa: ANN401
    """A report of files, as output, path and content."""
    listed = tuple(OutputFile(output, path, len(content), sha256(content)) for output, path, content in files)
    return exchange.write_report(OutputReport(listed, **more))


@pytest.mark.parametrize(
    "token", ["", "no token", token_of(replace(POD, uid="uid-2")), token_of(STRANGER), "x" * 8_000]
)
@pytest.mark.parametrize("path", [exchange.TASK, exchange.INPUTS, exchange.UPLOADS, exchange.OUTPUTS, exchange.FAILURE])
async def test_nobody_learns_of_anothers_task(pod: TaskPod, token: str, path: str) -> None:
    """Without the pod's own token, or with that of an earlier pod of its name, there is no task; all say the same."""
    pod.launch(inputs={"secret": {"a": b"1"}}, outputs=["model"])
    answer = await ask(pod.api, path, None if path in {exchange.TASK, exchange.INPUTS} else b"{}", token)
    assert answer.status_code in {401, 404}
    assert "secret" not in answer.text
    assert (pod.api.spoke.failures, pod.api.spoke.ended) == ({}, {})


async def test_urls_are_for_one_key_and_one_size(pod: TaskPod) -> None:
    """A URL writes as many bytes as it was asked for, to this attempt's own place."""
    pod.launch(outputs=["model"], path="sized")
    answer = await ask(pod.api, exchange.UPLOADS, exchange.write_pieces([PieceRequest("model", "a/b", 4)]))
    (url,) = exchange.read_urls(answer.content, 1)
    assert await put(url, b"12345") == 403
    assert await put(url.replace("/sized/1/", "/other/1/"), b"1234") == 403
    assert await put(url, b"1234") == 200
    assert await pod.api.store.get(KEYS.data("sized", 1, "model") + "/a/b", 10) == b"1234"


@pytest.mark.parametrize(
    ("piece", "told"),
    [
        (PieceRequest("other", "", 1), "is none of its artifacts"),
        (PieceRequest("model", "../../../1/model", 1), "below the artifact's own"),
        (PieceRequest("model", "/etc/passwd", 1), "below the artifact's own"),
        (PieceRequest("model", "a", 1, 1), "has no part 1"),
        (PieceRequest("model", "a", 70 << 20, 0), "has no part 0"),
        (PieceRequest("model", "a", 70 << 20, 3), "has no part 3"),
        (PieceRequest("model", "a", 2 << 40, 1), "larger than an attempt may give out"),
    ],
)
async def test_no_url_leads_elsewhere(pod: TaskPod, piece: PieceRequest, told: str) -> None:
    """Outputs, paths and parts that the attempt does not have get no URL."""
    pod.launch(outputs=["model"], path="elsewhere", limits=TaskLimits(size_bytes=1 << 40))
    answer = await ask(pod.api, exchange.UPLOADS, exchange.write_pieces([piece]))
    assert answer.status_code == 422
    assert told in exchange.read_message(answer.content)
    assert not await multipart.find_uploads(pod.api.store, KEYS.data("elsewhere", 1, "model"))


async def test_an_output_that_is_not_in_its_own_folder_is_not_written(pod: TaskPod) -> None:
    """Even if the spoke launched it so: two attempts never share a place."""
    task = pod.launch(outputs=["model"])
    uri = pod.api.store.uri(KEYS.data("other", 1, "model"))
    launch = replace(task.launch, output_artifacts=(ArtifactOutput("model", {}, uri, "/s3/x"),))
    pod.api.spoke.tasks[POD] = replace(task, launch=launch)
    answer = await ask(pod.api, exchange.UPLOADS, exchange.write_pieces([PieceRequest("model", "", 1)]))
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        ("s3://runs/moorage/runs/stranger/pipeline/1/data/t/1/x", 422),
        ("s3://runs/elsewhere/x", 422),
        ("s3://other/moorage/runs/lab/x", 422),
        ("s3://runs/moorage/runs/lab/../stranger/x", 422),
        ("s3://runs/moorage/runs/lab/earlier/1/data/t/1/x", 200),
        ("s3://runs/moorage/shared/x", 200),
    ],
)
async def test_runs_of_other_namespaces_are_not_read(pod: TaskPod, uri: str, status: int) -> None:
    """An importer's URI that leads into another tenant's run, or out of the store, gets no URL."""
    task = pod.launch()
    pod.api.spoke.tasks[POD] = replace(task, inputs=(TaskInput("/s3/x", uri, (FileEntry("", 1, sha256(b"x")),)),))
    assert (await ask(pod.api, exchange.INPUTS)).status_code == status


async def test_inputs_come_in_pages(pod: TaskPod) -> None:
    """Of 1,203 files each is named once, with a URL that reads it."""
    files = tuple(FileEntry(f"{each:04}", 1, sha256(b"x")) for each in range(1203))
    task = pod.launch(inputs={"first": {"": b"one"}})
    pod.api.spoke.tasks[POD] = replace(task, inputs=(*task.inputs, replace(task.inputs[0], path="/s3/y", files=files)))
    seen: list[exchange.InputFile] = []
    first = 0
    while True:
        page = exchange.read_inputs((await ask(pod.api, f"{exchange.INPUTS}?from={first}")).content)
        seen += page.files
        if page.next is None:
            break
        first = page.next
    assert [(each.input, each.path) for each in seen] == [(0, ""), *((1, file.path) for file in files)]
    async with httpx.AsyncClient() as http:
        assert (await http.get(seen[0].url)).content == b"one"
    for wrong in ("-1", "x", "1e3", "²", "9" * 30):
        assert (await ask(pod.api, f"{exchange.INPUTS}?from={wrong}")).status_code == 422


async def test_outputs_are_recorded_when_they_are_there(pod: TaskPod) -> None:
    """What was not uploaded, or in another size, is missing; once it is there, the record is written, once."""
    pod.launch(outputs=["model"], parameters={"loss": "NUMBER_DOUBLE"}, path="recorded")
    key = KEYS.data("recorded", 1, "model")
    told = report(("model", "a", b"1234"), ("model", "b", b"12"), parameters={"loss": "1"}, bytes_in=7)
    await pod.api.store.put(f"{key}/a", b"123")
    answer = await ask(pod.api, exchange.OUTPUTS, told)
    assert exchange.read_pieces(answer.content) == (PieceRequest("model", "a", 4), PieceRequest("model", "b", 2))
    assert await pod.api.store.get(KEYS.task("recorded", 1, "outputs"), 1 << 20) is None
    await pod.api.store.put(f"{key}/a", b"1234")
    await pod.api.store.put(f"{key}/b", b"12")
    assert exchange.read_pieces((await ask(pod.api, exchange.OUTPUTS, told)).content) == ()
    assert pod.api.spoke.ended == {POD: 7}
    first = await pod.outputs("recorded")
    assert [file.path for file in first.artifacts["model"][0].files] == ["a", "b"]
    # It can't be taken back.
    assert (await ask(pod.api, exchange.OUTPUTS, report(parameters={"loss": "2"}))).status_code == 200
    assert await pod.outputs("recorded") == first


async def test_parts_that_are_missing_are_named(pod: TaskPod) -> None:
    """A large file of which a part is missing is not joined; the part is asked for."""
    pod.launch(outputs=["model"], path="parts")
    size = 130 << 20
    pieces = [PieceRequest("model", "", size, number) for number in (1, 2, 3)]
    urls = exchange.read_urls((await ask(pod.api, exchange.UPLOADS, exchange.write_pieces(pieces))).content, 3)
    content = bytes(size)
    assert await put(urls[0], content[: 64 << 20]) == 200
    assert await put(urls[1], content[: 64 << 20]) == 200
    answer = await ask(pod.api, exchange.OUTPUTS, report(("model", "", content)))
    assert exchange.read_pieces(answer.content) == (pieces[2],)
    # Asked again, it is the same upload.
    (again,) = exchange.read_urls((await ask(pod.api, exchange.UPLOADS, exchange.write_pieces([pieces[2]]))).content, 1)
    assert await put(again, content[: 2 << 20]) == 200
    answer = await ask(pod.api, exchange.OUTPUTS, report(("model", "", content)))
    assert exchange.read_pieces(answer.content) == ()
    assert await pod.api.store.size(KEYS.data("parts", 1, "model")) == size
    assert not await multipart.find_uploads(pod.api.store, KEYS.data("parts", 1, "model"))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (report(("other", "", b"1")), "is none of its artifacts"),
        (report(("model", "a", b"1"), ("model", "a", b"1")), "listed twice"),
        (report(("model", "", b"1"), ("model", "a", b"1")), "is a folder, too"),
        (report(("model", "a", b"1"), ("model", "a/b", b"1")), "is a folder, too"),
        (report(parameters={"loss": "no number"}), "output loss: is "),
        (report(executor_output="[]"), "must be a JSON object"),
        (report(executor_output='{"artifacts": {"model": {"artifacts": [{"uri": "s3://runs/x"}]}}}'), "leave its uri"),
        (report(*(("model", str(each), b"1") for each in range(6))), "at most 5 files"),
        (b"[]", "must be a JSON object"),
        (b"{" * 100, "is not JSON"),
    ],
)
async def test_a_report_that_can_not_be(pod: TaskPod, body: bytes, told: str) -> None:
    """It is refused with a sentence, and nothing is recorded."""
    pod.launch(outputs=["model"], parameters={"loss": "NUMBER_DOUBLE"}, path="wrong", limits=TaskLimits(files=5))
    answer = await ask(pod.api, exchange.OUTPUTS, body)
    assert answer.status_code == 422
    assert told in exchange.read_message(answer.content)
    assert await pod.api.store.get(KEYS.task("wrong", 1, "outputs"), 1 << 20) is None


async def test_an_artifact_may_lie_in_a_store_of_the_containers_own(pod: TaskPod) -> None:
    """Its URI is handed on; no file of it is ours."""
    pod.launch(outputs=["model"], path="foreign")
    said = {"artifacts": {"model": {"artifacts": [{"uri": "gs://theirs/model"}]}}}
    answer = await ask(pod.api, exchange.OUTPUTS, report(executor_output=json.dumps(said)))
    assert answer.status_code == 200
    manifest = (await pod.outputs("foreign")).artifacts["model"][0]
    assert (manifest.uri, manifest.files) == ("gs://theirs/model", ())


async def test_a_pod_can_not_ask_for_more_than_it_needs(pod: TaskPod) -> None:
    """Requests are counted by pod: one that asks in a loop is told to ask later, and another one is served."""
    pod.launch(outputs=["model"], path="loop")
    other = TaskPod(pod.folder, pod.api, PodIdentity("lab", "other", "uid-9"))
    other.launch(outputs=["model"], path="other")
    headers = {"Authorization": f"Bearer {token_of(POD)}"}
    limits = httpx.Limits(max_connections=12)
    async with httpx.AsyncClient(verify=pod.api.tls(), headers=headers, limits=limits, timeout=60) as http:
        answers = await asyncio.gather(*(http.get(pod.api.url + exchange.TASK) for _ in range(400)))
    assert {each.status_code for each in answers} == {200, 429}
    assert (await ask(pod.api, exchange.TASK, token=token_of(other.pod))).status_code == 200


async def test_large_bodies_are_refused(pod: TaskPod) -> None:
    """Before they are read, where a page or a message was expected."""
    pod.launch(outputs=["model"])
    for path, size in ((exchange.UPLOADS, 3 << 20), (exchange.FAILURE, 3 << 20), (exchange.OUTPUTS, 41 << 20)):
        assert (await ask(pod.api, path, b" " * size)).status_code == 413


async def test_a_failure_is_told_to_the_spoke(pod: TaskPod) -> None:
    """In one line, whatever the pod wrote."""
    pod.launch()
    body = json.dumps({"message": "it\nfailed\x1b[31m " + "x" * 5000}).encode()
    assert (await ask(pod.api, exchange.FAILURE, body)).status_code == 200
    message = pod.api.spoke.failures[POD]
    assert message.startswith("it failed [31m x")
    assert message.isprintable()
    assert len(message) <= exchange.LONGEST_MESSAGE


async def test_a_hundred_thousand_files_are_recorded(pod: TaskPod) -> None:
    """The largest report is read; the rest of it is missing, a page at a time."""
    pod.launch(outputs=["model"], path="many")
    files = tuple(OutputFile("model", f"folder/{each:06}", 1, sha256(b"x")) for each in range(100_000))
    answer = await ask(pod.api, exchange.OUTPUTS, exchange.write_report(OutputReport(files)))
    assert len(exchange.read_pieces(answer.content)) == exchange.MOST_IN_PAGE


def test_the_record_reads_back() -> None:
    """An empty one, too."""
    assert TaskOutputs.read(TaskOutputs().write(), "outputs") == TaskOutputs()
    assert BUCKET == "runs"
