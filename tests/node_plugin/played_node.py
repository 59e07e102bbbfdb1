"""A node without a kubelet: a mount namespace of its own with the real driver, and sidecars as nobody.

The tests play the kubelet (they call the driver's gRPC methods over its socket) and the container runtime (they start
the sidecar without rights, and readers in namespaces that receive mounts).
"""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import grpc
import pytest

from node_plugin.csi_schema import CSI, REGISTRATION
from tests.polling import PATIENCE_SECONDS

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
SIDECAR_UID = 65532
DRIVER = "data.moorage.dev"
AUDIENCE = "moorage-stores"


Found = TypeVar("Found")


def wait_for(what: str, condition: Callable[[], Found], seconds: float = PATIENCE_SECONDS) -> Found:
    """Wait until something is true, and give it."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not come true within {seconds} s")
        time.sleep(0.02)
    return value


@dataclass
class FakePod:
    """A pod's directory on the node."""

    kubelet_dir: Path
    uid: str
    namespace: str = "fraud"
    name: str = "trainer"
    account: str = "default"
    token: str = ""

    @property
    def run_dir(self) -> Path:
        """The emptyDir of the sockets, as the sidecar sees it at /run/moorage."""
        return self.kubelet_dir / "pods" / self.uid / "volumes" / "kubernetes.io~empty-dir" / "moorage-mount"

    def target(self, volume: str) -> Path:
        """Where the kubelet wants a volume."""
        return self.kubelet_dir / "pods" / self.uid / "volumes" / "kubernetes.io~csi" / volume / "mount"

    def context(self, **attributes: str) -> dict[str, str]:
        """What the kubelet sends along."""
        prefix = "csi.storage.k8s.io/"
        return (
            attributes
            | {
                f"{prefix}pod.namespace": self.namespace,
                f"{prefix}pod.name": self.name,
                f"{prefix}pod.uid": self.uid,
                f"{prefix}serviceAccount.name": self.account,
                f"{prefix}ephemeral": "true",
            }
            | ({f"{prefix}serviceAccount.tokens": json.dumps(self.tokens)} if self.token else {})
        )

    @property
    def tokens(self) -> dict[str, dict[str, str]]:
        """What a CSIDriver with tokenRequests makes the kubelet send."""
        return {AUDIENCE: {"token": self.token, "expirationTimestamp": "2026-12-01T00:00:00Z"}}


MakePod = Callable[[], FakePod]


@dataclass
class Node:
    """A mount namespace with a kubelet's directory and, while it runs, a driver."""

    kubelet_dir: Path
    holder: int
    environment: dict[str, str]
    log: Path
    driver: subprocess.Popen[bytes] | None = None
    children: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def run_dir(self) -> Path:
        """Where every sidecar sees its pod's sockets, as /run/moorage in a container."""
        return self.log.parent / "run"

    @property
    def program_environment(self) -> dict[str, str]:
        """Where what runs as nobody finds our code and its programs."""
        folder = self.log.parent
        return {"PATH": f"{folder / 'bin'}:/usr/bin:/bin", "PYTHONPATH": str(folder / "code")}

    @property
    def python(self) -> str:
        """The interpreter, as nobody may execute it."""
        return str(self.log.parent / "bin" / "python")

    def start_driver(self) -> None:
        """Start the driver and wait until the kubelet could call it."""
        with self.log.open("ab") as log:
            self.driver = self.run([sys.executable, "-m", "node_plugin"], env=self.environment, stdout=log, stderr=log)
        wait_for("the driver", lambda: self._answers(self.driver))

    def stop_driver(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End the driver; gives its exit status."""
        assert self.driver is not None
        self.driver.send_signal(number)
        return self.driver.wait(15)

    def run(self, command: list[str], **options: Any) -> subprocess.Popen[bytes]:  # noqa: ANN401 - those of Popen
        """Start a process inside the node."""
        child = subprocess.Popen(
            ["nsenter", f"--mount=/proc/{self.holder}/ns/mnt", "--wd=" + str(ROOT), *command], **options
        )
        self.children.append(child)
        return child

    def output(self, *command: str, timeout: float = 30) -> str:
        """Run a command inside the node."""
        child = self.run(list(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        text, _ = child.communicate(timeout=timeout)
        return text.decode()

    def call(self, method: str, **fields: object) -> Any:  # noqa: ANN401 - protobuf's classes are made at run time
        """Call a CSI method as the kubelet does."""
        service = "Node" if method.startswith("Node") else "Identity"
        path = self.kubelet_dir / "plugins" / DRIVER / "csi.sock"
        return _call(path, f"/csi.v1.{service}/{method}", CSI[f"{method}Request"](**fields), CSI[f"{method}Response"])

    def register(self, method: str, request: object, response: str) -> Any:  # noqa: ANN401 - as above
        """Call a registration method as the kubelet does."""
        path = self.kubelet_dir / "plugins_registry" / f"{DRIVER}-reg.sock"
        return _call(path, f"/pluginregistration.Registration/{method}", request, REGISTRATION[response])

    def publish(self, pod: FakePod, volume: str, **attributes: str) -> None:
        """NodePublishVolume of an inline volume."""
        self._publish(pod, volume, attributes, readonly=True)

    def publish_to_write(self, pod: FakePod, volume: str, **attributes: str) -> None:
        """NodePublishVolume of an inline volume whose spec does not say readOnly."""
        self._publish(pod, volume, attributes, readonly=False)

    def _publish(self, pod: FakePod, volume: str, attributes: dict[str, str], *, readonly: bool) -> None:
        target = pod.target(volume)
        target.parent.mkdir(parents=True, exist_ok=True)
        self.call(
            "NodePublishVolume",
            volume_id=f"csi-{volume}",
            target_path=str(target),
            readonly=readonly,
            volume_context=pod.context(**attributes),
        )

    def unpublish(self, pod: FakePod, volume: str) -> None:
        """NodeUnpublishVolume."""
        self.call("NodeUnpublishVolume", volume_id=f"csi-{volume}", target_path=str(pod.target(volume)))

    def stack(self, pod: FakePod, volume: str) -> list[str]:
        """The types of what is mounted at a volume, as the kernel says."""
        lines = Path(f"/proc/{self.holder}/mountinfo").read_text().splitlines()
        return [line.split(" - ")[1].split()[0] for line in lines if line.split()[4] == str(pod.target(volume))]

    def read_ahead_kib(self, pod: FakePod, volume: str) -> int:
        """How far the kernel reads ahead on what is mounted topmost at a volume."""
        lines = Path(f"/proc/{self.holder}/mountinfo").read_text().splitlines()
        device = [line.split()[2] for line in lines if line.split()[4] == str(pod.target(volume))][-1]
        return int(Path(f"/sys/class/bdi/{device}/read_ahead_kb").read_text())

    def start_sidecar(self, pod: FakePod, volumes: str, **settings: str) -> subprocess.Popen[bytes]:
        """Start the sidecar as the container runtime would: nobody, without capabilities, its own /run/moorage."""
        cache = pod.kubelet_dir / "pods" / pod.uid / "volumes" / "kubernetes.io~empty-dir" / "moorage-cache"
        cache.mkdir(parents=True, exist_ok=True)
        cache.chmod(0o777)
        environment = {
            **self.program_environment,
            "MOORAGE_VOLUMES": volumes,
            "MOORAGE_RUN_DIR": str(self.run_dir),
            "MOORAGE_CACHE_DIR": str(cache),
        }
        with (pod.run_dir.parent.parent.parent / "sidecar.log").open("ab") as log:
            return self.run(
                _in_container(pod, self.run_dir, [self.python, "-m", "node_plugin.sidecar"]),
                env=environment | settings,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def sidecar_log(self, pod: FakePod) -> str:
        """What the pod's sidecars wrote."""
        return (pod.kubelet_dir / "pods" / pod.uid / "sidecar.log").read_text()

    def readiness(self, pod: FakePod, volumes: str) -> tuple[int, str]:
        """Whether all is served now, and what is missing."""
        child = self.run(
            _in_container(pod, self.run_dir, [self.python, "-m", "node_plugin.sidecar", "--ready"]),
            env={
                **self.program_environment,
                "MOORAGE_VOLUMES": volumes,
                "MOORAGE_RUN_DIR": str(self.run_dir),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        text, _ = child.communicate(timeout=30)
        return child.returncode, text.decode()

    def hook(self, pod: FakePod, volumes: str, seconds: float) -> tuple[int, str]:
        """The postStart hook, with this much patience."""
        child = self.run(
            _in_container(pod, self.run_dir, [self.python, "-m", "node_plugin.sidecar.post_start"]),
            env={
                **self.program_environment,
                "MOORAGE_VOLUMES": volumes,
                "MOORAGE_RUN_DIR": str(self.run_dir),
                "MOORAGE_HOOK_SECONDS": str(seconds),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        text, _ = child.communicate(timeout=seconds + 30)
        return child.returncode, text.decode()

    def wait_ready(self, pod: FakePod, volumes: str) -> None:
        """Wait as the kubelet does before it starts the app."""
        wait_for(f"{volumes} to be served", lambda: self.readiness(pod, volumes)[0] == 0)

    def start_container(self, pod: FakePod, volume: str, script: str) -> subprocess.Popen[bytes]:
        """Start an app that gets the volume as with HostToContainer, its path as first argument of a Python script."""
        at = self.log.parent / "containers" / uuid.uuid4().hex
        at.mkdir(parents=True)
        shell = (
            'mount --rbind "$1" "$2" && mount --make-rslave "$2" && '
            'cd / && exec setpriv --reuid 1234 --regid 1234 --clear-groups "$3" -uc "$4" "$2"'
        )
        command = ["unshare", "--mount", "--propagation", "slave", "sh", "-c", shell, "sh"]
        return self.run(
            [*command, str(pod.target(volume)), str(at), self.python, script],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def _answers(self, driver: subprocess.Popen[bytes] | None) -> bool:
        assert driver is not None
        assert driver.poll() is None, self.log.read_text()
        registration = self.kubelet_dir / "plugins_registry" / f"{DRIVER}-reg.sock"
        try:
            return registration.exists() and bool(self.call("Probe").ready.value)
        except grpc.RpcError:
            return False


def _in_container(pod: FakePod, run_dir: Path, command: list[str]) -> list[str]:
    shell = 'mount --bind "$1" "$2" && shift 2 && cd / && exec "$@"'
    rights = ["setpriv", f"--reuid={SIDECAR_UID}", f"--regid={SIDECAR_UID}", "--clear-groups", "--no-new-privs"]
    rights += ["--bounding-set=-all", "--inh-caps=-all"]
    namespace = [
        "unshare",
        "--mount",
        "--propagation",
        "slave",
        "sh",
        "-c",
        shell,
        "sh",
        str(pod.run_dir),
        str(run_dir),
    ]
    return [*namespace, *rights, *command]


def _call(path: Path, method: str, request: Any, response: Any) -> Any:  # noqa: ANN401 - as above
    with grpc.insecure_channel(f"unix:{path}") as channel:
        stub = channel.unary_unary(
            method,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=response.FromString,
        )
        return stub(request, timeout=60)


def say(pod: FakePod, line: bytes, *, uid: int = SIDECAR_UID, times: int = 1) -> bytes:
    """Send a line to the driver as a user of the pod; gives the last answer. Descriptors that come are closed."""
    script = """
import socket, sys
data = sys.stdin.buffer.read()
for _ in range(int(sys.argv[2])):
    answer = b""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(20)
        link.connect(sys.argv[1])
        try:
            link.sendall(data)
            link.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        try:
            while part := link.recv(65536):
                answer += part
        except ConnectionResetError:
            pass
sys.stdout.buffer.write(answer)
"""
    # The kubelet's path is too long for a socket's address.
    directory = os.open(pod.run_dir, os.O_PATH)
    path = f"/proc/self/fd/{directory}/driver.sock"
    command = [
        "setpriv",
        f"--reuid={uid}",
        "--clear-groups",
        os.path.realpath(sys.executable),
        "-c",
        script,
        path,
        str(times),
    ]
    try:
        return subprocess.run(
            command, input=line, capture_output=True, check=True, pass_fds=[directory], timeout=120, cwd="/"
        ).stdout
    finally:
        os.close(directory)


def rclones_of(sidecar: subprocess.Popen[bytes]) -> list[int]:
    """The mount servers under a sidecar."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            status = (path / "stat").read_text().rsplit(")", 1)[1].split()
            is_dead = status[0] == "Z"  # and only waits to be reaped
            if int(status[2]) == sidecar.pid and not is_dead and (path / "comm").read_text().strip() == "rclone":
                found.append(int(path.name))
        except (OSError, ValueError):
            continue
    return found
