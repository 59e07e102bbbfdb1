"""A task API over TLS beside this test, and sidecars of tasks as processes, as a kubelet would start them."""

import asyncio
import hashlib
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from moorage.grants.question import PodIdentity
from moorage.kube import Client
from moorage.runs import FileEntry, RunKeys, RunRef, TaskOutputs
from moorage.serving.certificates import make_authority, make_leaf
from moorage.serving.context import load_pair, make_server_context
from moorage.serving.run import Listener, serve
from moorage.sources import Credentials
from moorage.sources.s3 import S3Source
from pipeline_executor.engine.records import ArtifactOutput, Launch, ParameterOutput
from pipeline_executor.store import ArtifactStore
from pipeline_executor.task_api import LIMITS, Task, TaskInput, make_app
from pipeline_executor.task_sidecar.exchange import TaskLimits
from tests.dataset_operator.stores import STEWARD, Store
from tests.polling import PATIENCE_SECONDS

# This Python may lie where no other user can read it: all is imported before.
_AS = """
import encodings.ascii, encodings.idna, encodings.latin_1, importlib, os, sys
user, module = int(sys.argv[1]), importlib.import_module(sys.argv[2] + ".__main__")
os.setgroups([]), os.setgid(user), os.setuid(user)
sys.exit(module.main())
"""
ROOT = Path(__file__).parents[2]
BUCKET = "runs"
POD = PodIdentity("lab", "train-1", "uid-1")
RUN = RunRef("lab", "pipeline", "0b1c")
KEYS = RunKeys("moorage", RUN)
MODEL = {"schemaTitle": "system.Model", "schemaVersion": "0.0.1"}


def sha256(content: bytes) -> str:
    """The digest as manifests write it."""
    return hashlib.sha256(content).hexdigest()


def token_of(pod: PodIdentity) -> str:
    """The token that `PlayedReviews` takes for a pod's."""
    return json.dumps([pod.namespace, pod.name, pod.uid])


class PlayedReviews:
    """The API server's part: vouches for tokens of `token_of`."""

    async def review_token(self, token: str, audiences: Sequence[str]) -> Mapping[str, Any]:
        """As an API server answers."""
        try:
            namespace, name, uid = json.loads(token)
        except ValueError:
            return {"authenticated": False}
        extra = {"authentication.kubernetes.io/pod-name": [name], "authentication.kubernetes.io/pod-uid": [uid]}
        user = {"username": f"system:serviceaccount:{namespace}:default", "extra": extra}
        return {"authenticated": True, "audiences": list(audiences), "user": user}


@dataclass
class PlayedSpoke:
    """What the task API asks of a spoke."""

    tasks: dict[PodIdentity, Task] = field(default_factory=dict)
    ended: dict[PodIdentity, int] = field(default_factory=dict)
    failures: dict[PodIdentity, str] = field(default_factory=dict)

    async def of(self, pod: PodIdentity) -> Task | None:
        """The attempt."""
        return self.tasks.get(pod)

    async def recorded(self, pod: PodIdentity, bytes_in: int) -> None:
        """Its outputs are there."""
        self.ended[pod] = bytes_in

    async def failed(self, pod: PodIdentity, message: str) -> None:
        """Its sidecar gave up."""
        self.failures[pod] = message


@dataclass(frozen=True)
class Api:
    """A task API that is served."""

    url: str
    authority: str
    spoke: PlayedSpoke
    store: ArtifactStore

    def tls(self) -> ssl.SSLContext:
        """A client's context."""
        return ssl.create_default_context(cadata=self.authority)


@asynccontextmanager
async def serve_api(store: ArtifactStore, client: Client | None = None, port: int = 0) -> AsyncIterator[Api]:
    """Serve the task API over TLS at loopback."""
    now = datetime.now(UTC)
    authority = make_authority("test", now, timedelta(hours=1))
    leaf = make_leaf(authority, ("localhost", "127.0.0.1"), now, timedelta(hours=1))
    tls = make_server_context()
    load_pair(tls, leaf.certificate.pem, leaf.key_pem)
    spoke = PlayedSpoke()
    app = make_app(client or cast("Client", PlayedReviews()), spoke)
    async with serve(app, Listener(port=port, host="127.0.0.1", tls=tls, limits=LIMITS, drain_seconds=1)) as bound:
        yield Api(f"https://127.0.0.1:{bound}", authority.certificate.pem.decode(), spoke, store)


@contextmanager
def api_in_thread(server: Store) -> Iterator[Api]:
    """The same in a thread of its own, for tests that wait for processes."""
    ready, served = threading.Event(), []
    stop: list[Callable[[], object]] = []

    async def run() -> None:
        loop, ending = asyncio.get_running_loop(), asyncio.Event()
        stop.append(lambda: loop.call_soon_threadsafe(ending.set))
        async with open_runs(server) as store, serve_api(store) as api:
            served.append(api)
            ready.set()
            await ending.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    try:
        assert ready.wait(30), "the task API does not start"
        yield served[0]
    finally:
        stop[0]()
        thread.join()


def open_runs(server: Store, bucket: str = BUCKET) -> ArtifactStore:
    """The store of Site eu-1 in a bucket of a real S3 server."""
    keys = Credentials(STEWARD.access_key_id, STEWARD.secret_access_key)
    return ArtifactStore("eu-1", S3Source(server.endpoint, bucket, prefix="moorage"), keys)


@dataclass(frozen=True)
class TaskPod:
    """A pod of a task: its folders are in `folder`, and the sidecar runs beside whoever writes into them."""

    folder: Path
    api: Api
    pod: PodIdentity = POD
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def clear(self) -> None:
        """Kill what still runs."""
        for each in self.started:
            each.kill()
            each.wait()

    def local(self, uri: str) -> str:
        """Where the container looks for an artifact."""
        return str(self.folder / "s3" / uri.removeprefix("s3://"))

    @property
    def output_file(self) -> str:
        """Where Kubeflow's executor writes."""
        return str(self.folder / "moorage/outputs/executor_output.json")

    def launch(
        self,
        *,
        inputs: Mapping[str, Mapping[str, bytes]] | None = None,
        outputs: Sequence[str] = (),
        parameters: Mapping[str, str] | None = None,
        limits: TaskLimits | None = None,
        path: str = "train",
    ) -> Task:
        """Tell the spoke of the pod, and put the inputs' files into the store.

        Args:
            inputs: files by path, by artifact.
            outputs: names of artifacts.
            parameters: types by name.
            limits: what the attempt may give out.
            path: the task's.
        """
        read = []
        for name, files in (inputs or {}).items():
            key = KEYS.data("load", 1, name)
            entries = []
            for file, content in files.items():
                self.api.store.client.put_object(Bucket=BUCKET, Key=f"{key}/{file}" if file else key, Body=content)
                entries.append(FileEntry(file, len(content), sha256(content)))
            uri = self.api.store.uri(key)
            read.append(TaskInput(self.local(uri), uri, tuple(entries)))
        uris = {name: self.api.store.uri(KEYS.data(path, 1, name)) for name in outputs}
        launch = Launch(
            path=path,
            attempt=1,
            image="none",
            command=(),
            args=(),
            env={},
            executor_input={},
            output_file=self.output_file,
            output_artifacts=tuple(ArtifactOutput(name, MODEL, uri, self.local(uri)) for name, uri in uris.items()),
            output_parameters=tuple(
                ParameterOutput(name, kind, str(self.folder / f"moorage/outputs/{name}"))
                for name, kind in (parameters or {}).items()
            ),
        )
        task = Task(
            launch=launch,
            group="eu-1-1",
            group_attempt=2,
            store=self.api.store,
            keys=KEYS,
            inputs=tuple(read),
            limits=limits or TaskLimits(),
        )
        self.api.spoke.tasks[self.pod] = task
        return task

    # --- the sidecar ---

    def environment(self, **changes: str) -> dict[str, str]:
        """As the spoke writes it into the pod's spec."""
        (self.folder / "run").mkdir(exist_ok=True)
        (self.folder / "token").write_text(token_of(self.pod))
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "MOORAGE_TASK_API": self.api.url,
            "MOORAGE_TASK_API_CA": self.api.authority,
            "MOORAGE_TOKEN_FILE": str(self.folder / "token"),
            "MOORAGE_RUN_DIR": str(self.folder / "run"),
            "MOORAGE_MOUNTS": f"{self.folder}/s3,{self.folder}/moorage",
            "MOORAGE_TERMINATION_LOG": str(self.folder / "termination-log"),
            "MOORAGE_PATIENCE_SECONDS": "60",
            **changes,
        }

    def start(
        self, module: str = "pipeline_executor.task_sidecar", user: int | None = None, **changes: str
    ) -> subprocess.Popen[bytes]:
        """Start the sidecar, or its hook, as this or another user."""
        for each in ("s3", "moorage"):
            (self.folder / each).mkdir(exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            command = [sys.executable, "-m", module] if user is None else [sys.executable, "-c", _AS, str(user), module]
            process = subprocess.Popen(command, env=self.environment(**changes), stdout=log, stderr=log)
        self.started.append(process)
        return process

    def hook(self, **changes: str) -> int:
        """Run the postStart hook to its end: its exit code."""
        return self.start("pipeline_executor.task_sidecar.post_start", None, **changes).wait(120)

    def said(self) -> str:
        """What the sidecar and its hook printed."""
        return (self.folder / "log").read_text()

    async def outputs(self, path: str = "train") -> TaskOutputs:
        """What is recorded in the store."""
        content = await self.api.store.get(KEYS.task(path, 1, "outputs"), 1 << 26)
        assert content is not None, self.said()
        return TaskOutputs.read(content, "outputs")


def end(sidecar: subprocess.Popen[bytes], seconds: float = 120) -> int:
    """Tell a sidecar to end, as the kubelet does: its exit code."""
    sidecar.send_signal(signal.SIGTERM)
    return sidecar.wait(seconds)


def eventually(true: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)
