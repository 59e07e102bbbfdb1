"""A run in a real API server and a real store, and the application in front: the command, and a cluster's server."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from devcluster.cluster import Cluster
from tests.browsers import browser, chromium
from tests.dataset_operator.processes import run_module
from tests.dataset_operator.rights import granted
from tests.dataset_operator.stores import Store, run_store
from tests.leftovers import collect
from tests.moorage_ui.hospital import SYSTEM, Hospital, make_hospital
from tests.moorage_ui.visiting import Visitor, trust
from tests.ports import free_port
from tests.world import World, eventually, make_world

__all__ = ["browser", "chromium"]

Start = Callable[[str], str]
SERVER = "moorage-ui-server"
"""Where the server of a cluster is installed, as it were."""


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The artifact store of all sites."""
    with run_store(tmp_path_factory.mktemp("weed")) as running:
        yield running


@pytest.fixture(scope="session")
def world(plane: Cluster) -> Iterator[World]:
    """The run's namespace, and a stranger's."""
    with make_world(plane, "ui") as made:
        yield made


@pytest.fixture(scope="session")
def hospital(world: World, store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    """The run."""
    with make_hospital(world, store, tmp_path_factory.mktemp("hospital")) as made:
        yield made


@pytest.fixture
def start(hospital: Hospital, tmp_path: Path) -> Iterator[Start]:
    """Starts `moorage ui` as a person ("": the administrator); gives the address that it prints."""
    with ExitStack() as stack:

        def run(account: str) -> str:
            kubeconfig = hospital.kubeconfig(account)
            command = [sys.executable, "-c", "import sys; from moorage_cli.main import main; sys.exit(main())", "ui"]
            command += ["--no-open", "--system-namespace", SYSTEM, "--kubeconfig", str(kubeconfig)]
            log = tmp_path / f"ui-{account}.log"
            with log.open("wb") as output:
                process = subprocess.Popen(
                    command, stdout=output, stderr=subprocess.STDOUT, env={"PYTHONUNBUFFERED": "1", "PATH": ""}
                )
            stack.callback(process.wait, 60)
            stack.callback(process.terminate)
            found = eventually(lambda: re.search(r"Open (http://\S+)", log.read_text()) or process.poll() is not None)
            assert isinstance(found, re.Match), log.read_text()
            return str(found[1])

        yield run


@pytest.fixture(scope="session")
def server(hospital: Hospital, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Visitor]]:
    """The server of a cluster with the chart's rights and no others; gives visitors who show an account's token."""
    folder, port = tmp_path_factory.mktemp("ui"), free_port()
    values = ("ui.enabled=true", 'ui.storeSecrets=["store-keys"]')
    world = hospital.world
    with granted(world, SERVER, folder, ["ui"], values) as kubeconfigs:
        keys = world.get("secret", "store-keys", SYSTEM)
        world.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "store-keys", "namespace": SERVER},
                "data": keys["data"],
            }
        )
        settings = {"namespace": SERVER, "listen_port": str(port), "listen_host": "127.0.0.1", "linger_seconds": "0"}
        with run_module(world, "moorage_ui", kubeconfigs["ui"], folder, **settings) as running:
            ca = folder / "ca.crt"
            eventually(lambda: trust(world, SERVER, ca, port) or not running.alive())
            assert running.alive(), running.text()
            yield lambda account: Visitor(f"https://127.0.0.1:{port}", hospital.token(account) if account else "", ca)
        assert "Traceback" not in running.text(), running.text()


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """What a test leaves to the garbage collector is collected at its end."""
    yield
    collect()
