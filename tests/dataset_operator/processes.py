"""The operator and the broker as processes, as their pods run them."""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.ports import free_port
from tests.world import World, eventually

SYSTEM = "moorage-oper"
"""Where this room is installed, as it were."""


@dataclass(frozen=True)
class Running:
    """A process, its log, and the port of its health checks (0 where it has none of their own)."""

    process: subprocess.Popen[bytes]
    log: Path
    health_port: int

    def text(self) -> str:
        """What it logged so far."""
        return self.log.read_text()

    def ready(self) -> bool:
        """Whether /readyz says so."""
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}/readyz") as answer:
            return bool(answer.status == 200)
        return False

    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None


@contextmanager
def run_module(world: World, module: str, kubeconfig: Path, folder: Path, **settings: str) -> Iterator[Running]:
    """`python3 -m module` until the block is left; then SIGTERM must end it with 0."""
    environment = os.environ | world.cluster.environment | {"KUBECONFIG": str(kubeconfig)}
    environment |= {f"MOORAGE_{name.upper()}": value for name, value in settings.items()}
    # Keys that lie about must not be used for a steward's data.
    environment |= {"AWS_ACCESS_KEY_ID": "LYING-ABOUT", "AWS_SECRET_ACCESS_KEY": "lying-about"}
    log = folder / f"{module}.log"
    with log.open("ab") as output:
        process = subprocess.Popen([sys.executable, "-m", module], env=environment, stdout=output, stderr=output)
    try:
        yield Running(process, log, int(settings.get("health_listen_port", "0")))
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=60)
    assert code == 0, f"{module} ended with {code}: {log.read_text()[-2000:]}"


@contextmanager
def run_operator(world: World, kubeconfig: Path, folder: Path, reread_seconds: float = 1.0) -> Iterator[Running]:
    """The operator, impatient."""
    settings = {"reread_seconds": str(reread_seconds), "health_listen_port": str(free_port()), "read_seconds": "3"}
    with run_module(world, "dataset_operator", kubeconfig, folder, **settings) as running:
        eventually(lambda: running.ready() or not running.alive())
        yield running
