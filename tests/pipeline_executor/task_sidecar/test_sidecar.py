"""The sidecar of a task as a process, on a real task API and a real S3 server."""

import asyncio
import contextlib
import itertools
import json
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from moorage.grants.question import PodIdentity
from moorage.runs import FileEntry
from pipeline_executor.task_sidecar.exchange import TaskLimits
from tests.pipeline_executor.task_pods import KEYS, MODEL, Api, TaskPod, end, eventually, sha256

_numbers = itertools.count()


@pytest.fixture
def pod(tmp_path: Path, api: Api) -> Iterator[TaskPod]:
    """A pod that nobody had before."""
    number = next(_numbers)
    made = TaskPod(tmp_path.resolve(), api, PodIdentity("lab", f"train-{number}", f"uid-{number}"))
    yield made
    made.clear()


def task_name(pod: TaskPod) -> str:
    """A task of its own for each pod: what was recorded once stays."""
    return pod.pod.name


def test_a_task_reads_and_writes(pod: TaskPod) -> None:
    """Inputs are there when the hook ends; files, folders, parameters and metadata are in the store at the end."""
    inputs = {"flights": {"a.csv": b"1", "deep/er/b.csv": b"22", "empty": b""}, "one": {"": b"all"}, "nothing": {}}
    path = task_name(pod)
    task = pod.launch(
        inputs=inputs, outputs=["model", "table", "absent"], parameters={"loss": "NUMBER_DOUBLE"}, path=path
    )
    sidecar = pod.start()
    assert pod.hook() == 0, pod.said()
    for read, files in zip(task.inputs, inputs.values(), strict=True):
        there = Path(read.path)
        for name, content in files.items():
            file = there / name if name else there
            assert file.read_bytes() == content
            assert file.stat().st_mode & 0o666 == 0o666
    assert Path(task.inputs[2].path).is_dir()
    assert not (pod.folder / "s3/.moorage-fetching").exists()

    model, table, absent = (Path(each.local_path) for each in task.launch.output_artifacts)
    assert model.parent.stat().st_mode & 0o777 == 0o777
    assert not model.exists()
    (model / "layers").mkdir(parents=True)
    (model / "layers/0").write_bytes(b"zero")
    (model / "empty").write_bytes(b"")
    (model / "link").symlink_to("layers/0")
    table.write_bytes(b"rows")
    Path(task.launch.output_parameters[0].file).write_text("0.25\n")
    artifacts = {"model": {"artifacts": [{"name": "model", "metadata": {"accuracy": 0.9}}]}}
    Path(pod.output_file).write_text(json.dumps({"artifacts": artifacts}))
    assert sidecar.poll() is None
    assert end(sidecar) == 0, pod.said()

    made = asyncio.run(pod.outputs(path))
    assert made.parameters == {"loss": 0.25}
    written = [("empty", b""), ("layers/0", b"zero"), ("link", b"zero")]
    manifest = made.artifacts["model"][0]
    assert manifest.files == tuple(FileEntry(name, len(content), sha256(content)) for name, content in written)
    assert (manifest.artifact, manifest.type, manifest.metadata) == (f"{path}.model", MODEL, {"accuracy": 0.9})
    assert (manifest.group, manifest.attempt, manifest.uri) == ("eu-1-1", 2, task.launch.output_artifacts[0].uri)
    assert made.artifacts["table"][0].files == (FileEntry("", 4, sha256(b"rows")),)
    assert made.artifacts["absent"][0].files == ()
    assert not absent.exists()
    store = pod.api.store
    for name, content in written:
        assert asyncio.run(store.get(KEYS.data(path, 1, "model") + f"/{name}", 100)) == content
    assert asyncio.run(store.get(KEYS.data(path, 1, "table"), 100)) == b"rows"
    assert asyncio.run(store.size(KEYS.task(path, 1, "started"))) == 0
    assert pod.api.spoke.ended[pod.pod] == sum(len(content) for files in inputs.values() for content in files.values())
    assert "X-Amz-Signature" not in pod.said()


def test_large_files_cross_in_parts(pod: TaskPod) -> None:
    """A file above 64 MiB is uploaded in parts and joined by the API."""
    path = task_name(pod)
    task = pod.launch(outputs=["model"], path=path)
    sidecar = pod.start()
    assert pod.hook() == 0, pod.said()
    content = os.urandom(1 << 20) * 130
    Path(task.launch.output_artifacts[0].local_path).write_bytes(content)
    assert end(sidecar) == 0, pod.said()
    made = asyncio.run(pod.outputs(path))
    assert made.artifacts["model"][0].files == (FileEntry("", len(content), sha256(content)),)
    stored = asyncio.run(pod.api.store.get(KEYS.data(path, 1, "model"), 1 << 28))
    assert stored == content


def test_a_fetch_that_fails_ends_with_a_sentence(pod: TaskPod) -> None:
    """What is not what its manifest says is an error that hook, pod and spoke learn of; nothing is at its place."""
    task = pod.launch(inputs={"flights": {"a.csv": b"right"}})
    pod.api.store.client.put_object(Bucket="runs", Key=f"{KEYS.data('load', 1, 'flights')}/a.csv", Body=b"wrong")
    sidecar = pod.start()
    assert pod.hook() == 1
    assert sidecar.wait(60) == 1
    told = (pod.folder / "termination-log").read_text()
    assert "a.csv: what the store gives has another SHA-256" in told
    assert pod.api.spoke.failures[pod.pod] == told
    assert not Path(task.inputs[0].path).exists()
    # The kubelet starts it again: it says the same at once.
    del pod.api.spoke.failures[pod.pod]
    assert pod.start().wait(60) == 1
    assert pod.api.spoke.failures[pod.pod] == told


def test_a_pod_that_ends_early_uploads_nothing(pod: TaskPod) -> None:
    """Told to end while it still waits for its inputs, the sidecar ends at once."""
    pod.launch(outputs=["model"])
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sidecar = pod.start(MOORAGE_TASK_API=f"https://127.0.0.1:{silent.getsockname()[1]}")
        connection, _ = silent.accept()
        with connection:
            assert end(sidecar, 10) == 0
    assert pod.pod not in pod.api.spoke.ended


def test_nobody_waits(pod: TaskPod) -> None:
    """A pod that was cancelled uploads nothing, and ends well."""
    pod.launch(outputs=["model"])
    sidecar = pod.start()
    assert pod.hook() == 0
    del pod.api.spoke.tasks[pod.pod]
    assert end(sidecar) == 0
    assert "nobody waits" in pod.said()


def test_a_link_that_leads_out_is_no_output(pod: TaskPod) -> None:
    """The sidecar's own token, for one, can't be uploaded through a link."""
    task = pod.launch(outputs=["model"])
    sidecar = pod.start()
    assert pod.hook() == 0
    model = Path(task.launch.output_artifacts[0].local_path)
    model.mkdir()
    (model / "token").symlink_to(pod.folder / "token")
    assert end(sidecar) == 1
    assert "token: is a symbolic link that leads out of the artifact" in pod.api.spoke.failures[pod.pod]


def test_killed_again_and_again(pod: TaskPod) -> None:
    """Killed with -9 while it fetches and while it uploads, and started again, it goes on: all bytes are right."""
    path = task_name(pod)
    files = {f"{each:03}": os.urandom(50_000) for each in range(150)} | {"large": os.urandom(40 << 20)}
    task = pod.launch(inputs={"data": files}, outputs=["model"], path=path)
    there = Path(task.inputs[0].path)
    parts = pod.folder / "s3/.moorage-fetching/0"
    killed = 0
    for step in range(6):
        sidecar = pod.start()
        wait_or_end(sidecar, lambda: there.exists() or size_of(parts) >= step * 7 << 20)  # noqa: B023 - called at once
        killed += kill(sidecar)
        assert there.exists() <= (not parts.exists()), "half an artifact is in its place"
    (pod.folder / "log").unlink()
    sidecar = pod.start()
    assert pod.hook() == 0, pod.said()
    eventually(lambda: "waiting for the task to end" in pod.said())
    assert {file.name: sha256(file.read_bytes()) for file in there.iterdir()} == digests(files)

    there.rename(task.launch.output_artifacts[0].local_path)
    journal = pod.folder / "run/uploaded"
    sidecar.terminate()
    eventually((pod.folder / "run/uploading").exists)
    for step in range(6):
        wait_or_end(sidecar, lambda: size_of(journal) >= step * 1500)  # noqa: B023 - called at once
        if sidecar.poll() is None:
            killed += kill(sidecar)
            # Nobody has to tell it again that the task has ended.
            sidecar = pod.start()
    assert sidecar.wait(120) == 0, pod.said()
    assert killed >= 8
    manifest = asyncio.run(pod.outputs(path)).artifacts["model"][0]
    assert {file.path: file.sha256 for file in manifest.files} == digests(files)
    for each in ("000", "149", "large"):
        stored = asyncio.run(pod.api.store.get(KEYS.data(path, 1, "model") + f"/{each}", 1 << 26))
        assert stored == files[each]


def wait_or_end(process: subprocess.Popen[bytes], true: Callable[[], bool]) -> None:
    """Wait until something holds, or the process has ended."""
    eventually(lambda: process.poll() is not None or true())


def test_a_task_that_ended_while_its_sidecar_was_away_is_uploaded(pod: TaskPod) -> None:
    """Nobody tells a sidecar that was killed and is being started again: it asks."""
    task = pod.launch(outputs=["model"], path=task_name(pod))
    sidecar = pod.start()
    assert pod.hook() == 0, pod.said()
    kill(sidecar)
    Path(task.launch.output_artifacts[0].local_path).write_bytes(b"learned")
    again = pod.start(MOORAGE_ASK_SECONDS="0.1")
    eventually(lambda: "waiting for the task to end" in pod.said().rpartition("all that the task reads is here")[2])
    pod.api.spoke.tasks[pod.pod] = replace(task, ended=True)
    assert again.wait(120) == 0, pod.said()
    assert asyncio.run(pod.outputs(task_name(pod))).artifacts["model"][0].files[0].size_bytes == len(b"learned")


def kill(process: subprocess.Popen[bytes]) -> bool:
    """Kill it with -9; False where it had ended by itself."""
    process.kill()
    return process.wait() == -signal.SIGKILL


def digests(files: dict[str, bytes]) -> dict[str, str]:
    """By name."""
    return {name: sha256(content) for name, content in files.items()}


def size_of(place: Path) -> int:
    """Of a file, or of all below a folder, bytes."""
    total = 0
    for each in [place, *place.rglob("*")]:
        with contextlib.suppress(OSError):
            total += each.stat().st_size if each.is_file() else 0
    return total


@pytest.mark.parametrize(
    ("wrote", "told"),
    [
        (lambda model: model.symlink_to("/etc"), "is a symbolic link"),
        (os.mkfifo, "neither a file nor a folder"),
        (lambda model: (model / "a").mkdir(parents=True) or (model / "a/b").symlink_to(".."), "leads back to a folder"),
        (lambda model: (model / "/".join("abcdefgh")).mkdir(parents=True), "more than 5 folders"),
        (lambda model: model.mkdir() or [(model / str(each)).touch() for each in range(9)], "more than 7 files"),
        (lambda model: model.write_bytes(bytes(1001)), "more than 1,000 bytes"),
        (lambda model: model.mkdir() or (model / "a\nb").touch(), "can't be printed"),
        (lambda model: (model.parents[10] / "moorage/outputs/loss").write_bytes(b"\xff"), "no UTF-8 text"),
        (lambda model: (model.parents[10] / "moorage/outputs/loss").write_bytes(bytes(50)), "as artifacts"),
    ],
    ids=["link", "pipe", "loop", "deep", "many", "large", "name", "binary", "text"],
)
def test_what_can_not_be_given_out_is_told(pod: TaskPod, wrote: Callable[[Path], object], told: str) -> None:
    """In one sentence that names the output and the remedy; nothing is recorded."""
    limits = TaskLimits(files=7, size_bytes=1000, depth=5, text_bytes=40)
    task = pod.launch(outputs=["model"], parameters={"loss": "STRING"}, path=task_name(pod), limits=limits)
    sidecar = pod.start()
    assert pod.hook() == 0, pod.said()
    wrote(Path(task.launch.output_artifacts[0].local_path))
    assert end(sidecar) == 1
    assert told in pod.api.spoke.failures[pod.pod]
    assert pod.pod not in pod.api.spoke.ended


@pytest.mark.skipif(os.getuid() != 0, reason="root reads and writes as other users here")
@pytest.mark.parametrize("umask", ["022", "077"])
def test_another_user_writes_and_the_sidecar_reads(pod: TaskPod, umask: str) -> None:
    """The sidecar and the task run as users of their own; a file that only its owner may read is told with a remedy."""
    task = pod.launch(inputs={"data": {"a/b": b"1"}}, outputs=["model"], path=task_name(pod))
    pod.environment()
    for each in ("s3", "moorage", "run"):
        (pod.folder / each).mkdir(exist_ok=True)
        (pod.folder / each).chmod(0o777)
    open_to_all(pod.folder)
    model = Path(task.launch.output_artifacts[0].local_path)
    sidecar = pod.start(user=65532)
    assert pod.hook() == 0, pod.said()
    script = f"umask {umask}; mkdir -m 755 {model}; echo -n y > {model}/x; echo > {task.inputs[0].path}/a/c"
    subprocess.run(["/bin/sh", "-ec", script], user=1234, group=1234, check=True)
    code = end(sidecar)
    if umask == "022":
        assert code == 0, pod.said()
        assert asyncio.run(pod.api.store.get(KEYS.data(task_name(pod), 1, "model") + "/x", 10)) == b"y"
    else:
        assert code == 1
        assert "x: the sidecar runs as user 65532, who may not read it" in pod.api.spoke.failures[pod.pod]


def open_to_all(folder: Path) -> None:
    """Let all users reach a folder of a test."""
    for each in (folder, *folder.parents):
        if each.is_relative_to(tempfile.gettempdir()):
            each.chmod(each.stat().st_mode | 0o755)
