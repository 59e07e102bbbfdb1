"""A node whose every process is killed at random moments, under pods that read: what `test_chaos` is played with.

The kubelet's part is played: it starts anew what was killed, and asks again where it got no answer.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from moorage.grants.grant import FillTerms
from moorage.model import DatasetRef
from tests.node_plugin.object_stores import ObjectStore, digests, put
from tests.node_plugin.played_broker import PlayedBroker
from tests.node_plugin.played_node import FakePod, MakePod, Node, rclones_of, wait_for

# One line for each read: the file, and its checksum or the error. A read that failed loudly is done again until it is
# not; what a folder lists must always be all of it.
_READER = """
import hashlib, json, os, sys, time
folder = sys.argv[1]
while True:
    try:
        listed = sorted(os.listdir(folder))
    except OSError as error:
        print(json.dumps(["", "failed", error.errno]), flush=True)
        time.sleep(0.05)
        continue
    for name in listed:
        while True:
            try:
                with open(f"{folder}/{name}", "rb") as file:
                    result = ["ok", hashlib.sha256(file.read()).hexdigest()]
            except OSError as error:
                print(json.dumps([name, "failed", error.errno]), flush=True)
                time.sleep(0.05)
                continue
            print(json.dumps([name, *result]), flush=True)
            break
    print(json.dumps(["", "listed", listed]), flush=True)
"""
_RECOVERS_SECONDS = 240.0
MOST_PODS = 4
"""As many as two cores feed."""


@dataclass
class Reader:
    """A pod that reads a dataset again and again; its sidecar is started anew whenever it ended.

    Attributes:
        cached: it was published with the node's copy, so that nothing that is killed may disturb it.
    """

    node: Node
    pod: FakePod
    volume: str
    expected: dict[str, str]
    cached: bool
    app: subprocess.Popen[bytes]
    sidecar: subprocess.Popen[bytes]
    reads: int = 0
    failures: int = 0
    wrong: list[object] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Listen to it."""
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        assert self.app.stdout is not None
        for line in self.app.stdout:
            try:
                name, what, result = json.loads(line)
            except ValueError:
                self.wrong.append(line)
                continue
            if what == "failed":
                self.failures += 1
                right = not self.cached
            elif what == "listed":
                right = result == sorted(self.expected)
            else:
                self.reads += 1
                right = self.expected.get(name) == result
            if not right:
                self.wrong.append([name, what, result])

    def reads_on(self, revive: Callable[[], None]) -> None:
        """Wait until it has read as many files as there are, from now on; what ends meanwhile is started anew."""
        aim = self.reads + len(self.expected) + 1

        def has_read() -> bool:
            revive()
            return self.reads >= aim

        wait_for(f"{self.volume} to be read on", has_read, _RECOVERS_SECONDS)

    def end(self) -> None:
        """As the kubelet ends a pod: its containers first."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.sidecar.pid, signal.SIGKILL)
        self.app.kill()
        for child in (self.sidecar, self.app):
            child.wait()
        self._thread.join(30)


@dataclass
class Chaos:
    """The node, what is killed, and what was seen.

    Attributes:
        chance: decides on what is killed, when, and what is stored.
        sidecars: all that were ever started.
        versions: of each version, the checksums of its files.
        done_reads: of pods that have left.
    """

    node: Node
    make_pod: MakePod
    store: ObjectStore
    broker: PlayedBroker
    cache_dir: Path
    chance: random.Random
    readers: list[Reader] = field(default_factory=list)
    sidecars: list[subprocess.Popen[bytes]] = field(default_factory=list)
    killed: Counter[str] = field(default_factory=Counter)
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    rounds: int = 0
    done_reads: int = 0
    done_failures: int = 0
    # Who is being started can't be killed: else nobody could tell that from a driver that does not start.
    starting: threading.RLock = field(default_factory=threading.RLock)

    # --- what the kubelet does ---

    def ask(self, call: Callable[[], None]) -> None:
        """Ask the driver until it answers."""

        def answered() -> bool:
            self.revive()
            try:
                call()
            except grpc.RpcError:
                return False
            return True

        wait_for("the driver's answer", answered, _RECOVERS_SECONDS)

    def revive(self) -> None:
        """Start what was killed."""
        with self.starting:
            if self.node.driver is None or self.node.driver.poll() is not None:
                self.node.start_driver()
            for reader in self.readers:
                if reader.sidecar.poll() is not None:
                    reader.sidecar = self._start_sidecar(reader.pod, reader.volume)

    # --- who reads ---

    def begin(self) -> None:
        """A new dataset, and a pod that streams it while the node copies it."""
        self.rounds += 1
        name = f"round-{self.rounds}"
        count, size = self.chance.randrange(5, 40), self.chance.randrange(10_000, 400_000)
        objects = {f"{number:03}": self.chance.randbytes(size) for number in range(count)}
        version = put(self.store, f"chaos/{name}", objects)
        terms = FillTerms(size_bytes=count * size, far_seconds=60.0, listed_version=version, asked=True)
        self.broker.grant(
            f"stewards/{name}", self.store.source(f"chaos/{name}", local=False), version=version, fill=terms
        )
        self.versions[version] = digests(objects)
        self._add(name, version)

    def again(self) -> None:
        """Another pod for the newest dataset: where its copy is whole by now, it reads that."""
        self._add(f"round-{self.rounds}", next(reversed(self.versions)))

    def _add(self, name: str, version: str) -> None:
        pod = self.make_pod()
        whole = (self.cache_dir / "whole" / f"stewards_{name}_{version}").exists()
        self.ask(lambda: self.node.publish(pod, name, dataset=name, namespace="stewards"))
        cached = whole and self.node.stack(pod, name)[-1] != "fuse.moorage"
        sidecar = self._start_sidecar(pod, name)
        if not cached:
            wait_for(f"{name} to be served", lambda: self._is_served(pod, name, sidecar), _RECOVERS_SECONDS)
        app = self.node.start_container(pod, name, _READER)
        self.readers.append(Reader(self.node, pod, name, self.versions[version], cached, app, sidecar))

    def _start_sidecar(self, pod: FakePod, volume: str) -> subprocess.Popen[bytes]:
        self.sidecars.append(self.node.start_sidecar(pod, volume))
        return self.sidecars[-1]

    def _is_served(self, pod: FakePod, name: str, sidecar: subprocess.Popen[bytes]) -> bool:
        self.revive()
        return sidecar.poll() is None and self.node.readiness(pod, name)[0] == 0

    def leave(self) -> None:
        """The oldest pod ends."""
        with self.starting:
            reader = self.readers.pop(0)
            reader.end()
        self.ask(lambda: self.node.unpublish(reader.pod, reader.volume))
        assert self.node.stack(reader.pod, reader.volume) == []
        assert reader.wrong == [], (reader.volume, reader.cached, reader.wrong[:5])
        self.done_reads, self.done_failures = self.done_reads + reader.reads, self.done_failures + reader.failures
        ref = DatasetRef("stewards", reader.volume)
        if not any(other.volume == reader.volume for other in self.readers):
            del self.broker.answers[str(ref)]

    # --- who kills ---

    def strike(self, what: str) -> None:
        """SIGKILL to the driver, to fillers, to a mount server or to a whole sidecar."""
        fillers = self._await_fillers() if what == "filler" else []
        with self.starting:
            match what:
                case "driver":
                    killed = self.node.driver is not None and _kill([self.node.driver.pid])
                case "filler":
                    killed = _kill(fillers)
                case "server" if self.readers:
                    killed = _kill(rclones_of(self.chance.choice(self.readers).sidecar))
                case "sidecar" if self.readers:
                    killed = _kill([-self.chance.choice(self.readers).sidecar.pid])
                case _:
                    killed = False
        self.killed[what] += killed

    def _await_fillers(self) -> list[int]:
        """They are short-lived: wait a while for one, and then for a random moment of its life."""
        end = time.monotonic() + 3.0
        while not processes_in(self.cache_dir):
            if time.monotonic() > end:
                return []
            time.sleep(0.005)
        time.sleep(self.chance.random() * 0.5)
        return processes_in(self.cache_dir)

    def _strike_on(self, over: threading.Event) -> None:
        """In turns of random order, the first of which is played to its end, so that each is killed once at least."""
        while not over.is_set():
            for what in self.chance.sample(("driver", "filler", "server", "sidecar"), 4):
                time.sleep(self.chance.choice((0.0, 0.02, 0.1, 0.3, 1.0, 2.0)))
                self.strike(what)

    def rage(self, seconds: float) -> None:
        """Pods come and go for so long, while somebody kills."""
        end, over = time.monotonic() + seconds, threading.Event()
        killer = threading.Thread(target=self._strike_on, args=(over,))
        self.begin()
        killer.start()
        try:
            while time.monotonic() < end:
                self.chance.choice((self.begin, self.again))()
                while len(self.readers) > MOST_PODS:
                    self.leave()
                for _ in range(self.chance.randrange(10)):
                    self.revive()
                    time.sleep(0.1)
        finally:
            over.set()
            killer.join()


def processes_in(folder: Path) -> list[int]:
    """Who works in a folder: the fillers, in that of the cache."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (path / "cwd").readlink().is_relative_to(folder):
                found.append(int(path.name))
    return found


def _kill(pids: list[int]) -> bool:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(-pid, signal.SIGKILL) if pid < 0 else os.kill(pid, signal.SIGKILL)
    return bool(pids)
