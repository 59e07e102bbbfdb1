"""A kubelet that is played: a Node of a real API server whose pods run as local processes. Needs root.

It binds nothing itself: the real scheduler puts pods on its Node. It keeps a kubelet's order (init containers, native
sidecars with their postStart hooks, then the containers; sidecars end last), reports statuses as a kubelet does, and
serves logs at a kubelet's port, so that the API server's own `pods/log` works. Images are records (`boxes.Image`).

    async with PlayedKubelet(client, plane, tmp_path, site="eu-1", images={"python:3": Image()}): ...
"""

import asyncio
import contextlib
import ipaddress
import logging
import shutil
import signal
import ssl
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from devcluster.cluster import Cluster
from devcluster.layout import Layout
from moorage.errors import ConflictError, KubeError, NotFoundError
from moorage.kube import LEASES, NODES, PODS, Change, Client, Recorder, Reflector, Selection
from moorage.model import SITE_LABEL
from tests.pipeline_executor.boxes import Box, Exit, Image
from tests.pipeline_executor.played_pods import (
    ConfigError,
    Objects,
    Raw,
    binds,
    conditions,
    container_status,
    expand,
    now,
    waiting,
)

_SIZE = {"cpu": "64", "memory": "256Gi", "pods": "2000", "ephemeral-storage": "1Ti"}
_AGAIN_SECONDS = 1.0

_log = logging.getLogger(__name__)


class PlayedKubelet:
    """One node.

    Args:
        client: an administrator's.
        plane: whose authority signs the certificate of its port.
        folder: for volumes and logs.
        site: whose node it is.
        images: what can be pulled.

    Attributes:
        began: the names of the pods whose own containers began, as often as they did.
    """

    def __init__(self, client: Client, plane: Cluster, folder: Path, *, site: str, images: Mapping[str, Image]) -> None:
        self.client = client
        self.images = dict(images)
        self.began: list[str] = []
        self.name = f"played-{uuid.uuid4().hex[:8]}"
        self.folder = folder / self.name
        self.recorder = Recorder(client, "played-kubelet", self.name)
        self._plane = plane
        self.site = site
        self._pods: dict[str, PlayedPod] = {}
        self._closing = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.folder.mkdir(parents=True)
        port = await self._serve_logs()
        await self._register(port)
        beating = asyncio.create_task(self._beat())
        self._closing.callback(beating.cancel)
        selection = Selection(fields=f"spec.nodeName={self.name}")
        pods: Reflector[Raw] = Reflector(
            self.client, PODS, project=lambda raw: raw, selection=selection, on_change=self._changed
        )
        await self._closing.enter_async_context(pods)
        await pods.wait_synced(30)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._closing.aclose()
        await asyncio.gather(*(pod.kill() for pod in list(self._pods.values())))
        with contextlib.suppress(KubeError):
            await self.client.delete(NODES, self.name)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _changed(self, change: Change[Raw]) -> None:
        raw = change.after
        if raw is None:
            uid = (change.before or {})["metadata"]["uid"]
            if (gone := self._pods.pop(uid, None)) is not None:
                gone.forget()
            return
        uid = raw["metadata"]["uid"]
        pod = self._pods.get(uid)
        if pod is None:
            pod = self._pods[uid] = PlayedPod(self, raw)
            pod.begin()
        if raw["metadata"].get("deletionTimestamp"):
            pod.end(int(raw["metadata"].get("deletionGracePeriodSeconds") or 0))

    # --- the node ---

    async def _register(self, port: int) -> None:
        labels = {"kubernetes.io/hostname": self.name, "kubernetes.io/os": "linux", SITE_LABEL: self.site}
        await self.client.create(
            NODES, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": self.name, "labels": labels}}
        )
        ready = {"type": "Ready", "status": "True", "reason": "Played", "message": "it is played"}
        ready |= {"lastHeartbeatTime": now(), "lastTransitionTime": now()}
        status = {
            "capacity": _SIZE,
            "allocatable": _SIZE,
            "conditions": [ready],
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        }
        await self.client.merge_patch(NODES, {"metadata": {"name": self.name}, "status": status}, subresource="status")

    async def _beat(self) -> None:
        while True:
            body = {
                "metadata": {"name": self.name, "namespace": "kube-node-lease"},
                "spec": {
                    "holderIdentity": self.name,
                    "leaseDurationSeconds": 40,
                    "renewTime": datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                },
            }
            with contextlib.suppress(KubeError):
                await self.client.apply(LEASES, body)
            await asyncio.sleep(5)

    # --- logs ---

    async def _serve_logs(self) -> int:
        app = web.Application()
        app.router.add_get("/containerLogs/{namespace}/{pod}/{container}", self._logs)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        self._closing.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._certificate())
        await site.start()
        port: int = runner.addresses[0][1]
        return port

    async def _logs(self, request: web.Request) -> web.StreamResponse:
        where = request.match_info
        for pod in self._pods.values():
            metadata = pod.raw["metadata"]
            if (metadata["namespace"], metadata["name"]) == (where["namespace"], where["pod"]):
                file = pod.log_file(where["container"])
                if not file.exists():
                    break
                if request.query.get("follow") == "true":
                    return await self._follow(request, file, partial(pod.prints, where["container"]))
                content = file.read_bytes()
                if "tailLines" in request.query:
                    content = b"".join(content.splitlines(keepends=True)[-int(request.query["tailLines"]) :])
                if "limitBytes" in request.query:
                    content = content[: int(request.query["limitBytes"])]
                return web.Response(body=content)
        return web.Response(status=404, text=f"container {where['container']} is not there")

    @staticmethod
    async def _follow(request: web.Request, file: Path, prints: Callable[[], bool]) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        with file.open("rb") as log, contextlib.suppress(ConnectionError):  # whoever follows may leave
            while True:
                goes_on = prints()
                if content := log.read(65536):
                    await answer.write(content)
                elif not goes_on:
                    break
                else:
                    await asyncio.sleep(0.05)
        return answer

    def _certificate(self) -> ssl.SSLContext:
        pki = Layout(self._plane.state_dir).pki
        authority = x509.load_pem_x509_certificate((pki / "ca.crt").read_bytes())
        signing = serialization.load_pem_private_key((pki / "ca.key").read_bytes(), None)
        assert isinstance(signing, ec.EllipticCurvePrivateKey)
        key = ec.generate_private_key(ec.SECP256R1())
        moment = datetime.now(tz=UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)]))
            .issuer_name(authority.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(moment - timedelta(minutes=5))
            .not_valid_after(moment + timedelta(days=1))
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
            )
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(signing, hashes.SHA256())
        )
        file = self.folder / "kubelet.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


class PlayedPod:
    """One pod of the node, from its first container to its last status."""

    def __init__(self, kubelet: PlayedKubelet, raw: Raw) -> None:
        self.raw = raw
        self._kubelet = kubelet
        self._folder = kubelet.folder / raw["metadata"]["uid"]
        self._objects = Objects(kubelet.client, raw)
        self._volumes: dict[str, Path] = {}
        self._boxes: dict[str, Box] = {}
        self._states: dict[str, Raw] = {}
        self._sidecars: dict[str, asyncio.Task[None]] = {}
        self._task: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._phase = "Pending"
        self._initialized = False
        self._ended = False
        self._boxes_made = 0
        self._writing = asyncio.Lock()

    def begin(self) -> None:
        """Run it."""
        self._task = asyncio.create_task(self._live(), name=f"pod {self.raw['metadata']['name']}")

    def end(self, grace_seconds: int) -> None:
        """It is being deleted."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end(grace_seconds))

    def forget(self) -> None:
        """It is gone from the API server: whatever runs is killed."""
        if self._ending is None:
            self._ending = asyncio.create_task(self.kill())

    async def kill(self) -> None:
        """Kill all of it."""
        tasks = [*([self._task] if self._task else []), *self._sidecars.values()]
        if self._ending is not None and self._ending is not asyncio.current_task():
            tasks.append(self._ending)
        for task in tasks:
            task.cancel()
        for box in self._boxes.values():
            box.signal(signal.SIGKILL)
        await asyncio.gather(*tasks, return_exceptions=True)
        # Nobody else waits for them any more: a loop that closes before they have ended would leave them unclosed.
        await asyncio.gather(*(box.wait() for box in list(self._boxes.values())))

    def log_file(self, container: str) -> Path:
        """Where a container's output is."""
        return Path(self._folder, f"{container}.log")

    def prints(self, container: str) -> bool:
        """Whether a container may print more."""
        return container in self._boxes

    # --- its life ---

    async def _live(self) -> None:
        try:
            await self._run()
        except Exception:
            _log.exception("pod %s", self.raw["metadata"]["name"])
            raise

    async def _run(self) -> None:
        self._folder.mkdir(parents=True)
        spec = self.raw["spec"]
        for container in self._containers():
            self._states[container["name"]] = waiting(
                "PodInitializing" if spec.get("initContainers") else "ContainerCreating"
            )
        await self._report()
        await self._mount()
        for container in spec.get("initContainers") or ():
            if container.get("restartPolicy") == "Always":
                await self._begin_sidecar(container)
            elif (await self._finish(container, await self._make(container))).code:
                await self._stop_sidecars(2)
                await self._finish_pod("Failed")
                return
        self._initialized = True
        self._kubelet.began.append(self.raw["metadata"]["name"])
        mains = [asyncio.create_task(self._main(container)) for container in spec["containers"]]
        try:
            codes = [exit_.code for exit_ in await asyncio.gather(*mains)]
        finally:
            for each in mains:
                each.cancel()
        await self._stop_sidecars(float(spec.get("terminationGracePeriodSeconds") or 30))
        await self._finish_pod("Failed" if any(codes) else "Succeeded")

    async def _finish_pod(self, phase: str) -> None:
        self._phase, self._ended = phase, True
        await self._report()

    async def _end(self, grace_seconds: int) -> None:
        began = asyncio.get_running_loop().time()
        names = {container["name"] for container in self.raw["spec"]["containers"]}
        for name in names & self._boxes.keys():
            self._boxes[name].signal(signal.SIGTERM)
        if self._task is not None and names & self._boxes.keys():
            done, _ = await asyncio.wait([self._task], timeout=max(grace_seconds, 0.1))
            if not done:
                for box in self._boxes.values():
                    box.signal(signal.SIGKILL)
                await asyncio.wait([self._task], timeout=5)
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            rest = grace_seconds - (asyncio.get_running_loop().time() - began)
            await self._stop_sidecars(max(rest, 2))
        for box in self._boxes.values():
            box.signal(signal.SIGKILL)
        metadata = self.raw["metadata"]
        if not self._ended:
            await self._finish_pod("Failed")
        with contextlib.suppress(NotFoundError, ConflictError):
            await self._kubelet.client.delete(
                PODS, metadata["name"], metadata["namespace"], uid=metadata["uid"], grace_seconds=0
            )

    async def _mount(self) -> None:
        for volume in self.raw["spec"].get("volumes") or ():
            while True:
                try:
                    place = self._folder / "volumes" / volume["name"]
                    self._volumes[volume["name"]] = await self._objects.volume(volume, place)
                    break
                except ConfigError as error:
                    note = f'MountVolume.SetUp failed for volume "{volume["name"]}" : {error}'
                    await self._kubelet.recorder.warning(self.raw, "FailedMount", note)
                    await asyncio.sleep(_AGAIN_SECONDS)

    async def _main(self, container: Raw) -> Exit:
        return await self._finish(container, await self._make(container))

    async def _make(self, container: Raw) -> Box:
        """Start a container's process, once its image and its environment are there."""
        name = container["name"]
        while True:
            image = self._kubelet.images.get(container["image"])
            if image is None:
                failed = f'failed to pull image "{container["image"]}": not found'
                await self._say(name, waiting("ErrImagePull", failed))
                await asyncio.sleep(_AGAIN_SECONDS)
                await self._say(name, waiting("ImagePullBackOff", f"Back-off pulling image: {failed}"))
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            initial = {"PATH": image.path, "HOSTNAME": self.raw["metadata"]["name"], "HOME": "/root", **image.env}
            try:
                env = await self._objects.environment(container, initial)
            except ConfigError as error:
                await self._say(name, waiting("CreateContainerConfigError", str(error)))
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            break
        command = [*(container.get("command") or image.entrypoint)]
        command += [*(container.get("args") or (() if container.get("command") else image.command))]
        self._boxes_made += 1
        box = await Box.start(
            command=[expand(word, env) for word in command],
            env=env,
            folder=container.get("workingDir") or image.folder,
            binds=binds(container, self._volumes),
            place=self._folder / "boxes" / str(self._boxes_made),
            log=self.log_file(name),
            termination_log=self._folder / f"{name}.end",
        )
        self._boxes[name] = box
        if container.get("restartPolicy") != "Always":
            self._phase = "Running" if self._initialized else "Pending"
            await self._say(name, {"running": {"startedAt": now()}})
        return box

    async def _finish(self, container: Raw, box: Box) -> Exit:
        name = container["name"]
        began = (self._states[name].get("running") or {}).get("startedAt") or now()
        exit_ = await box.wait()
        self._boxes.pop(name, None)
        await self._say(name, self._terminated(container, exit_, began))
        return exit_

    def _terminated(self, container: Raw, exit_: Exit, began: str) -> Raw:
        name = container["name"]
        message = (self._folder / f"{name}.end").read_text()[:4096]
        log = self.log_file(name).read_text(errors="replace")
        if exit_.cannot_run:
            program = log.strip().removeprefix("/usr/bin/env: ").split(":")[0].strip("'\u2018\u2019")
            message = f'exec: "{program}": executable file not found in $PATH: unknown'
            ended = {"exitCode": 128, "reason": "StartError", "message": message}
            return {"terminated": {**ended, "startedAt": "1970-01-01T00:00:00Z", "finishedAt": now()}}
        if exit_.code and not message and container.get("terminationMessagePolicy") == "FallbackToLogsOnError":
            message = "".join(log.splitlines(keepends=True)[-80:])[-2048:]
        ended = {"exitCode": exit_.code, "reason": "Error" if exit_.code else "Completed"}
        ended |= {"message": message} if message else {}
        return {"terminated": {**ended, "startedAt": began, "finishedAt": now()}}

    # --- sidecars ---

    async def _begin_sidecar(self, container: Raw) -> None:
        started = asyncio.Event()
        self._sidecars[container["name"]] = asyncio.create_task(self._sidecar(container, started))
        await started.wait()

    async def _sidecar(self, container: Raw, started: asyncio.Event) -> None:
        name = container["name"]
        hook = ((container.get("lifecycle") or {}).get("postStart") or {}).get("exec")
        while True:
            box = await self._make(container)
            began = now()
            failed = False
            if hook is not None:
                ending = asyncio.create_task(box.wait())
                running = asyncio.create_task(box.execute(hook["command"]))
                await asyncio.wait([ending, running], return_when=asyncio.FIRST_COMPLETED)
                failed = ending.done() or running.result() != 0
                running.cancel()
                if failed:
                    box.signal(signal.SIGTERM)
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(asyncio.shield(ending), 2)
                    box.signal(signal.SIGKILL)
            if not failed:
                await self._say(name, {"running": {"startedAt": began}})
                started.set()
            exit_ = await box.wait()
            state = self._terminated(container, exit_, began)
            if self._stopping:
                await self._say(name, state)
                return
            await self._say(name, waiting("CrashLoopBackOff", "back-off restarting"), state)
            await asyncio.sleep(_AGAIN_SECONDS)

    _stopping = False

    async def _stop_sidecars(self, grace_seconds: float) -> None:
        self._stopping = True
        for name, task in reversed(self._sidecars.items()):
            box = self._boxes.get(name)
            if box is None:
                task.cancel()
                continue
            box.signal(signal.SIGTERM)
            done, _ = await asyncio.wait([task], timeout=grace_seconds)
            if not done:
                box.signal(signal.SIGKILL)
                await asyncio.wait([task], timeout=5)

    # --- what it says ---

    def _containers(self) -> list[Raw]:
        return [*(self.raw["spec"].get("initContainers") or ()), *self.raw["spec"]["containers"]]

    async def _say(self, name: str, state: Raw, last: Raw | None = None) -> None:
        self._states[name] = state
        await self._report({name: last} if last else {})

    async def _report(self, last: Mapping[str, Any] | None = None) -> None:
        spec, metadata = self.raw["spec"], self.raw["metadata"]

        def status(container: Raw) -> Raw:
            return container_status(container, self._states[container["name"]], (last or {}).get(container["name"]))

        async with self._writing:
            given = [{**each, "lastTransitionTime": now()} for each in conditions(self._phase, self._initialized)]
            body = {
                "metadata": {"name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"]},
                "status": {
                    "phase": self._phase,
                    "conditions": given,
                    "hostIP": "127.0.0.1",
                    "podIP": "127.0.0.1",
                    "podIPs": [{"ip": "127.0.0.1"}],
                    "startTime": metadata["creationTimestamp"],
                    "initContainerStatuses": [status(each) for each in spec.get("initContainers") or ()],
                    "containerStatuses": [status(each) for each in spec["containers"]],
                },
            }
            with contextlib.suppress(NotFoundError, ConflictError):
                await self._kubelet.client.merge_patch(PODS, body, subresource="status")
