"""What tests of several rooms share: real clusters, an image to run in them, and how tests spread over workers.

A test is marked `real` or `plane` by the fixtures that it uses. With `-n N --dist loadgroup`, tests that share what
is dear go to one worker as a group, so that it is made once. The others go wherever a worker is idle.

`MOORAGE_TEST_CLUSTER=NAME`, `MOORAGE_TEST_PLANE=NAME` and `MOORAGE_TEST_SECOND_PLANE=NAME` use clusters that are up
already and leave them up.
"""

import gc
import os
import shutil
import subprocess
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from rich.console import Console

from devcluster import cluster, preflight
from devcluster.cluster import Cluster
from devcluster.images.debian import download_packages
from devcluster.images.layers import LayerStore
from devcluster.images.oci import make_image, write_layout
from devcluster.images.recipes import Base, ImageConfig
from devcluster.layout import cache_dir
from devcluster.progress import Terminal
from devcluster.spec import ClusterSpec

# No test asserts on time; Hypothesis would, 200 ms an example. What CI's own profile says stays.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

BUSYBOX = "docker.io/moorage/test-busybox:1"
_REAL = ClusterSpec("test", {"eu-1": 2, "us-1": 1}, object_stores=("eu-1",))
_PLANE_SITES = {"eu-1": 0, "us-1": 0}

# By fixture: the mark that it gives. Chromium is installed by root where it is missing.
_MARKS = {"real_cluster": "real", "demo": "real", "plane": "plane", "second_plane": "plane", "helm": "plane"}
_MARKS |= {"airflow": "plane", "vineyard": "plane"}
_MARKS |= {} if shutil.which("chromium") else {"chromium": "real"}
# By fixture: the group of the tests that use it; the first one counts. `{folder}`: those of each folder are a group.
_PLANES = "plane" if "MOORAGE_TEST_PLANE" in os.environ else "plane-{folder}"
_GROUPS = {
    "demo": "nodes",
    "real_cluster": "nodes",
    "plane": _PLANES,
    "metastore_server": _PLANES,
    "helm": "helm",
    "store": "store-{folder}",
    "store_server": "store-executor",
    "stores": "store-{folder}",
    "object_store": "store-{folder}",
    "chromium": "browser",
    "airflow": "airflow",
    "vineyard": "vineyard",
    "frameworks": "frameworks",
}
_NODES = "nodes"
"""The group of all tests on real nodes: one cluster of these after the other keeps two cores busy."""


@pytest.hookimpl(wrapper=True)  # before xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None, object, object]:
    """Mark and group each test by its fixtures. Under xdist, groups come first: they take long, and mostly wait."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        for name in fixtures & _MARKS.keys():
            item.add_marker(_MARKS[name])
        group = next((group for name, group in _GROUPS.items() if name in fixtures), None)
        if group and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(group.format(folder=item.path.parent.name)))
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=_rank)
    result = yield
    grouped = [item for item in items if item.get_closest_marker("xdist_group")]
    if getattr(config.option, "loadgroup", False) and not all("@" in item.nodeid for item in grouped):
        raise pytest.UsageError("xdist does not know the groups: this pytest and this xdist don't fit together")
    return result


def pytest_collection_finish() -> None:
    """Keep the garbage collector out of what stays until the end: the modules of all rooms, half a million objects.

    A worker imports them all; to look through them after a test, as some rooms do, costs more than most tests.
    """
    gc.collect()
    gc.freeze()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Take down what this run's workers have left, where they were interrupted or crashed."""
    for number in range(getattr(config.option, "numprocesses", None) or 0):
        cluster.down(_plane_name(os.getpid(), f"gw{number}"))
        cluster.down(_plane_name(os.getpid(), f"gw{number}-2"))


def _plane_name(run: int, worker: str) -> str:
    """Other runs on this machine have planes of other names."""
    return f"test-{run}-{worker}"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Give a test the same name with xdist's groups and without, so that `--last-failed` finds it again."""
    name, _, group = report.nodeid.rpartition("@")
    is_worker = "PYTEST_XDIST_WORKER" in os.environ  # it knows the test by its long name itself
    if not is_worker and name and "]" not in group and "::" not in group:
        report.nodeid = name


def _group(item: pytest.Item | None) -> str | None:
    mark = None if item is None else item.get_closest_marker("xdist_group")
    return None if mark is None else str(mark.args[0])


def _rank(item: pytest.Item) -> int:
    return {_NODES: 0, None: 2}.get(_group(item), 1)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Take the real cluster down after the last test that may use it: idle, it would slow down all others."""
    ours = "PYTEST_XDIST_WORKER" in os.environ and "MOORAGE_TEST_CLUSTER" not in os.environ
    if ours and _group(item) == _NODES != _group(nextitem):
        cluster.down(_REAL.name)


@pytest.fixture(scope="session")
def real_cluster() -> Iterator[Cluster]:
    """Three real nodes at two sites and an S3 server at eu-1; whoever uses it removes what it made there."""
    if name := os.environ.get("MOORAGE_TEST_CLUSTER"):
        yield cluster.find(name)
    else:
        yield from _brought_up(_REAL)


@pytest.fixture(scope="session")
def plane() -> Iterator[Cluster]:
    """A real API server with its controllers and no node at all: root is not needed. Each worker has one of its own."""
    if name := os.environ.get("MOORAGE_TEST_PLANE"):
        yield cluster.find(name)
    else:
        worker = os.environ.get("PYTEST_XDIST_WORKER")
        name = _plane_name(os.getppid(), worker) if worker else _plane_name(os.getpid(), "plane")
        yield from _brought_up(ClusterSpec(name, _PLANE_SITES))


@pytest.fixture(scope="session")
def second_plane() -> Iterator[Cluster]:
    """Another API server like `plane`: the cluster of a spoke, where that of the hub is `plane`."""
    if name := os.environ.get("MOORAGE_TEST_SECOND_PLANE"):
        yield cluster.find(name)
    else:
        worker = os.environ.get("PYTEST_XDIST_WORKER")
        name = _plane_name(os.getppid(), f"{worker}-2") if worker else _plane_name(os.getpid(), "second")
        yield from _brought_up(ClusterSpec(name, {"us-1": 0}))


@pytest.fixture(scope="session")
def busybox(real_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of an image with a shell and small programs, loaded into every node of the real cluster."""
    archive = make_busybox_image(tmp_path_factory.mktemp("busybox"))
    cluster.load_image(real_cluster, archive)
    return BUSYBOX


def make_busybox_image(folder: Path) -> Path:
    """Make an OCI archive from Debian's static busybox."""

    def fill(root: Path) -> None:
        download_packages(Base(packages=("busybox-static",), left_out=frozenset()), folder, folder / "apt")
        archive = next(folder.glob("busybox-static_*.deb"))
        subprocess.run(["dpkg-deb", "--extract", archive, folder / "unpacked"], check=True)
        (root / "bin").mkdir()
        program = next((folder / "unpacked").rglob("bin/busybox"))
        (root / "bin/busybox").write_bytes(program.read_bytes())
        (root / "bin/busybox").chmod(0o755)
        listed = subprocess.run([root / "bin/busybox", "--list"], capture_output=True, check=True, text=True).stdout
        for name in set(listed.split()) - {"busybox"}:
            (root / "bin" / name).symlink_to("busybox")
        for name in ("tmp", "etc", "var", "mnt", "host"):
            (root / name).mkdir()

    layer = LayerStore(cache_dir() / "images").layer({"kind": "test-busybox", "format": 1}, fill)
    config = ImageConfig(user="0:0", environment={"PATH": "/bin"}, working_directory="/")
    archive = folder / "busybox.tar"
    write_layout(archive, [make_image(BUSYBOX, [layer], config, ["sleep", "infinity"])])
    return archive


def _brought_up(spec: ClusterSpec) -> Iterator[Cluster]:
    if missing := preflight.problems(preflight.gather(), spec):
        pytest.skip(f"this machine can't run {spec.name}: {'; '.join(missing)}")
    yield cluster.up(spec, Terminal(Console(stderr=True)))
    cluster.down(spec.name)
