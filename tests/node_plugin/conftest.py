"""What the tests of the node plugin share: an S3 server, a played broker, a played node with the real driver."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.node_plugin.object_stores import ObjectStore, run_object_store, run_tls_store
from tests.node_plugin.played_broker import PlayedBroker, play_broker
from tests.node_plugin.played_node import BIN, ROOT, FakePod, MakePod, Node
from tests.ports import free_port

FILLER = 65533


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs root and FUSE where there is none."""
    usable = os.geteuid() == 0 and Path("/dev/fuse").exists()
    for item in items:
        if item.get_closest_marker("real") and Path(__file__).parent in item.path.parents and not usable:
            item.add_marker(pytest.mark.skip(reason="needs root and /dev/fuse"))


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """SeaweedFS with one user and one bucket."""
    with run_object_store(tmp_path_factory.mktemp("weed")) as store:
        yield store


@pytest.fixture
def rclone_s3_over_tls(tmp_path: Path) -> Iterator[tuple[str, str, str]]:
    """An S3 server with a certificate of nobody's: its endpoint, its authority, and what its only file holds."""
    with run_tls_store(tmp_path) as served:
        yield served


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[PlayedBroker]:
    """A broker that refuses whatever a test does not grant."""
    with play_broker(tmp_path) as played:
        yield played


@pytest.fixture
def node(broker: PlayedBroker) -> Iterator[Node]:
    """A node with a running driver."""
    with play_node(broker, broker.token_file) as played:
        yield played


@contextlib.contextmanager
def play_node(
    broker: PlayedBroker, token_file: Path, name: str = "eu-1-a", *, cached: bool = False, **settings: str
) -> Iterator[Node]:
    """A node with a running driver; with a cache, and more settings, where a test says so."""
    # Not tmp_path: as long as a real kubelet's paths, and reachable for every user.
    directory = Path("/tmp") / f"moorage-node-{uuid.uuid4().hex[:8]}"
    kubelet_dir = directory / "var" / "lib" / "kubelet"
    kubelet_dir.mkdir(parents=True)
    directory.chmod(0o755)
    for below in ("run", "code", "bin"):
        (directory / below).mkdir()
    # The clone may lie where only its owner may look; what runs as somebody else finds code and programs here.
    setup = (
        'mount --bind "$1" "$1" && mount --make-shared "$1" && mount --bind "$2" "$3" && mount --bind "$4" "$5" && '
        "echo up && exec sleep infinity"
    )
    folders = [kubelet_dir, ROOT, directory / "code", BIN, directory / "bin"]
    holder = subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", setup, "sh", *map(str, folders)],
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"up\n"
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "MOORAGE_NODE_NAME": name,
        "MOORAGE_KUBELET_DIR": str(kubelet_dir),
        "MOORAGE_BROKER_URL": broker.url,
        "MOORAGE_BROKER_CA_FILE": str(broker.ca_file),
        "MOORAGE_BROKER_TOKEN_FILE": str(token_file),
        "MOORAGE_HEALTH_LISTEN_PORT": str(free_port()),
        "MOORAGE_HEALTH_LISTEN_HOST": "127.0.0.1",
        **(cache_settings(directory / "cache") if cached else {}),
        **settings,
    }
    node = Node(kubelet_dir, holder.pid, environment, directory / "driver.log")
    try:
        node.start_driver()
        yield node
    finally:
        for child in node.children:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL) if os.getpgid(child.pid) == child.pid else child.kill()
        for child in node.children:
            child.communicate()
        holder.kill()
        holder.communicate()
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def play_neighbour(broker: PlayedBroker, name: str, **settings: str) -> Iterator[tuple[Node, str]]:
    """A node that other nodes of its site read from, and its address."""
    port = free_port()
    reached = {
        "MOORAGE_POD_ADDRESS": "127.0.0.1",
        "MOORAGE_NEIGHBOUR_LISTEN_PORT": str(port),
        "MOORAGE_NEIGHBOUR_LISTEN_HOST": "127.0.0.1",
    }
    with play_node(broker, broker.token_of(name), name, cached=True, **reached, **settings) as node:
        yield node, f"127.0.0.1:{port}"


@pytest.fixture
def cache_dir(node: Node) -> Path:
    """The folder of the node's cache; the driver uses it, and looks often."""
    node.stop_driver()
    node.environment |= cache_settings(node.log.parent / "cache")
    node.start_driver()
    return node.log.parent / "cache"


def cache_settings(directory: Path) -> dict[str, str]:
    """Of a driver with a cache that it looks at often."""
    return {
        "MOORAGE_CACHE_DIR": str(directory),
        "MOORAGE_CACHE_SIZE_LIMIT": "1Gi",
        "MOORAGE_CACHE_KEPT_FREE_PERCENT": "0",
        "MOORAGE_CACHE_FILLER_UID": str(filler_uid()),
        "MOORAGE_CACHE_LOOK_SECONDS": "0.2",
    }


def filler_uid() -> int:
    """Whoever may execute this interpreter: a clone may lie where only its owner may look."""
    try:
        subprocess.run([sys.executable, "-c", ""], check=True, user=FILLER, group=FILLER, extra_groups=[])
    except PermissionError:
        return -1
    return FILLER


@pytest.fixture
def make_pod(node: Node) -> MakePod:
    """Make pods that have the sidecar's emptyDir."""
    return lambda: make_pod_at(node)


def make_pod_at(node: Node) -> FakePod:
    """A pod that has the sidecar's emptyDir."""
    pod = FakePod(node.kubelet_dir, str(uuid.uuid4()))
    pod.run_dir.mkdir(parents=True)
    # As the kubelet does.
    pod.run_dir.chmod(0o777)
    for parent in (node.kubelet_dir, *list(pod.run_dir.parents)[:5]):
        if parent.is_relative_to(node.kubelet_dir):
            parent.chmod(0o755)
    return pod
