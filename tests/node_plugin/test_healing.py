"""Servers are killed, drivers restarted, brokers go: the app's own container reads on, or fails loudly."""

import hashlib
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.node_plugin.object_stores import ObjectStore
from tests.node_plugin.played_broker import PlayedBroker
from tests.node_plugin.played_node import FakePod, MakePod, Node, rclones_of, say, wait_for

pytestmark = pytest.mark.real

Served = tuple[FakePod, subprocess.Popen[bytes]]

BODY = os.urandom(1 << 20)
DIGEST = hashlib.sha256(BODY).hexdigest()

# Opens and reads without end: `ok <digest>`, or `failed <errno>`; `EMPTY` must never be seen.
READER = """
import hashlib, os, sys, time
while True:
    try:
        names = os.listdir(sys.argv[1])
        if names != ["file"]: print("EMPTY", names)
        descriptor = os.open(sys.argv[1] + "/file", os.O_RDONLY)
        try:
            digest = hashlib.sha256()
            while block := os.read(descriptor, 1 << 20): digest.update(block)
        finally: os.close(descriptor)
        print("ok", digest.hexdigest())
    except OSError as error: print("failed", error.errno)
    time.sleep(0.01)
"""


class Reader:
    """A running app whose lines are collected."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.decode().strip())

    def reads_on(self) -> None:
        """Wait until a read that began after now succeeded."""
        count = len(self.lines)
        wait_for("the app to read on", lambda: any(line.startswith("ok") for line in self.lines[count + 1 :]))

    def check(self) -> None:
        """Nothing but right content and loud errors was seen, by one process."""
        assert self.process.poll() is None, self.lines[-3:]
        assert {line for line in self.lines if line.startswith("ok")} == {f"ok {DIGEST}"}
        assert {line.split()[0] for line in self.lines} <= {"ok", "failed"}


@pytest.fixture
def served(node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker) -> Served:
    """A pod whose dataset is served: the pod and its sidecar."""
    object_store.client.put_object(Bucket="steward-data", Key="healing/file", Body=BODY)
    broker.grant("stewards/claims", object_store.source("healing"))
    pod = make_pod()
    node.publish(pod, "claims", dataset="claims", namespace="stewards")
    sidecar = node.start_sidecar(pod, "claims")
    node.wait_ready(pod, "claims")
    return pod, sidecar


def test_a_killed_mount_server_is_replaced_under_the_app(node: Node, served: Served) -> None:
    """SIGKILL of rclone, again and again: each time the app reads on within seconds, and no checksum is ever wrong."""
    pod, sidecar = served
    app = Reader(node.start_container(pod, "claims", READER))
    app.reads_on()
    for _ in range(6):
        for pid in wait_for("a mount server", lambda: rclones_of(sidecar)):
            os.kill(pid, signal.SIGKILL)
        app.reads_on()
    app.check()
    assert node.readiness(pod, "claims")[0] == 0


def test_a_killed_sidecar_is_replaced_under_the_app(node: Node, served: Served) -> None:
    """SIGKILL of the whole sidecar container; its successor asks anew."""
    pod, sidecar = served
    app = Reader(node.start_container(pod, "claims", READER))
    app.reads_on()
    for _ in range(4):
        os.killpg(sidecar.pid, signal.SIGKILL)
        sidecar.wait()
        wait_for("the failure to be loud", lambda: any(line.startswith("failed") for line in app.lines[-3:]))
        sidecar = node.start_sidecar(pod, "claims")
        app.reads_on()
    app.check()


def test_a_container_started_between_two_kills_is_healed_too(node: Node, served: Served) -> None:
    """A container that was started on the second server holds another mount than the first: both read on."""
    pod, sidecar = served
    apps = [Reader(node.start_container(pod, "claims", READER))]
    for _ in range(3):
        os.kill(wait_for("a mount server", lambda: rclones_of(sidecar))[0], signal.SIGKILL)
        apps[0].reads_on()
        apps.append(Reader(node.start_container(pod, "claims", READER)))
        apps[-1].reads_on()
    for app in apps:
        app.reads_on()
        app.check()


def test_dead_mounts_do_not_pile_up(node: Node, served: Served) -> None:
    """However often a server dies, the stack stays bounded, and the app reads on."""
    pod, sidecar = served
    app = Reader(node.start_container(pod, "claims", READER))
    app.reads_on()
    # As servers would that die at once.
    say(pod, b'{"op":"attach","volume":"claims"}\n', times=70)
    assert len(node.stack(pod, "claims")) <= 64
    wait_for("the failure to be loud", lambda: app.lines[-1].startswith("failed"))
    os.kill(wait_for("a mount server", lambda: rclones_of(sidecar))[0], signal.SIGKILL)
    app.reads_on()
    app.check()
    node.unpublish(pod, "claims")
    assert node.stack(pod, "claims") == []


def test_a_source_that_does_not_answer_lets_nobody_wait_long(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker
) -> None:
    """A server that does not get ready is killed: opens fail, and the sidecar says why."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        source = object_store.source("healing") | {"endpoint": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        broker.grant("fraud/claims", source)
        pod = make_pod()
        node.publish(pod, "claims", dataset="claims")
        node.start_sidecar(pod, "claims", MOORAGE_START_SECONDS="1")
        wait_for("the sidecar to say why", lambda: "did not answer in 1 s" in node.sidecar_log(pod))
        app = Reader(node.start_container(pod, "claims", READER))
        wait_for("the app to fail", lambda: len(app.lines) > 3)
        assert {line.split()[0] for line in app.lines} == {"failed"}
        assert "did not answer" in node.sidecar_log(pod)


def test_a_restarted_driver_disturbs_nobody_and_heals_on(node: Node, served: Served, broker: PlayedBroker) -> None:
    """SIGTERM and SIGKILL of the driver: not one read fails, and a server that dies afterwards is replaced."""
    pod, sidecar = served
    app = Reader(node.start_container(pod, "claims", READER))
    app.reads_on()
    for number in (signal.SIGTERM, signal.SIGKILL):
        node.stop_driver(number)
        app.reads_on()
        node.start_driver()
        app.reads_on()
    assert not [line for line in app.lines if line.startswith("failed")]
    os.kill(rclones_of(sidecar)[0], signal.SIGKILL)
    app.reads_on()
    app.check()
    assert len(broker.questions) == 3  # to publish, to attach, to heal
    node.unpublish(pod, "claims")
    assert node.stack(pod, "claims") == []


def test_a_server_that_dies_while_the_driver_is_down_is_replaced_later(node: Node, served: Served) -> None:
    """The sidecar tries until a driver listens again."""
    pod, sidecar = served
    app = Reader(node.start_container(pod, "claims", READER))
    app.reads_on()
    node.stop_driver(signal.SIGKILL)
    os.kill(rclones_of(sidecar)[0], signal.SIGKILL)
    wait_for("the failure to be loud", lambda: app.lines[-1].startswith("failed"))
    wait_for("the probe to say why", lambda: "does not answer" in node.readiness(pod, "claims")[1])
    node.start_driver()
    app.reads_on()
    app.check()


def test_without_a_broker_a_held_grant_is_enough(node: Node, served: Served, broker: PlayedBroker) -> None:
    """A dead rclone is replaced while the broker is down; a dead sidecar, which held the keys, waits for it."""
    pod, sidecar = served
    app = Reader(node.start_container(pod, "claims", READER))
    broker.down = True
    os.kill(rclones_of(sidecar)[0], signal.SIGKILL)
    app.reads_on()
    os.killpg(sidecar.pid, signal.SIGKILL)
    sidecar.wait()
    node.start_sidecar(pod, "claims")
    wait_for("the probe to say why", lambda: "can't decide now" in node.readiness(pod, "claims")[1])
    broker.down = False
    app.reads_on()
    app.check()


def test_a_permission_that_ended_ends_healing(node: Node, served: Served, broker: PlayedBroker) -> None:
    """Healing asks again: a pod that may no longer read gets no new server, and is told why."""
    pod, sidecar = served
    broker.answers.clear()
    os.kill(rclones_of(sidecar)[0], signal.SIGKILL)
    wait_for("the refusal", lambda: "ask its steward" in node.readiness(pod, "claims")[1])
    time.sleep(1)
    assert rclones_of(sidecar) == []


def test_sigterm_ends_the_sidecar_at_once_and_cleanly(served: Served) -> None:
    """A native sidecar must not delay its pod's end."""
    _, sidecar = served
    servers = rclones_of(sidecar)
    sidecar.terminate()
    assert sidecar.wait(5) == 0
    assert not [pid for pid in servers if Path(f"/proc/{pid}").exists()]
