"""The examples of examples/frameworks, in an environment of their own, on datasets that Moorage has mounted."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench import environments
from moorage.grants.grant import FillTerms
from tests.containers import in_container
from tests.debian_torch import DebianTorch, debian_torch
from tests.frameworks import data
from tests.installing import program
from tests.node_plugin.conftest import make_pod_at, play_node
from tests.node_plugin.object_stores import ObjectStore, put, run_object_store
from tests.node_plugin.played_broker import PlayedBroker, play_broker
from tests.node_plugin.played_node import FakePod, Node, rclones_of, wait_for
from tests.polling import PATIENCE_SECONDS
from tests.spark import spark_home

EXAMPLES = Path(__file__).parents[2] / "examples" / "frameworks"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs root and FUSE where there is none."""
    usable = os.geteuid() == 0 and Path("/dev/fuse").exists()
    for item in items:
        if item.get_closest_marker("real") and Path(__file__).parent in item.path.parents and not usable:
            item.add_marker(pytest.mark.skip(reason="needs root and /dev/fuse"))


@pytest.fixture(scope="session")
def frameworks() -> Path:
    """The interpreter that has them."""
    environment = environments.made("frameworks-tests")
    if environment.python is None:
        pytest.skip(f"there are no frameworks: {environment.trouble}")
    return environment.python


def seen(python: Path) -> str:
    """An interpreter below the clone, as a container sees it."""
    return f"/mnt/code/{python.relative_to(environments.REPOSITORY)}"


@dataclass
class Mounted:
    """A dataset in a pod.

    Attributes:
        sidecar: it serves the dataset.
    """

    node: Node
    pod: FakePod
    dataset: str
    sidecar: subprocess.Popen[bytes]

    def run(
        self,
        python: str,
        example: str,
        settings: Mapping[str, str] | None = None,
        *,
        root: Path = Path("/"),
        programs: Path | None = None,
    ) -> str:
        """Run an example as a container of the pod would, with its folder as argument; gives what it printed.

        Args:
            python: an interpreter, as the container sees it; the clone is its `/mnt/code`.
            example: its name.
            settings: more of its environment.
            root: of the container.
            programs: a folder that it has as `/mnt/programs`.
        """
        code, home = self.node.log.parent / "code", self.node.log.parent / "home"
        home.mkdir(exist_ok=True)
        home.chmod(0o777)
        folder = f"/mnt/datasets/{self.dataset}"
        shown = {folder: self.pod.target(self.dataset), "/mnt/code": code, "/mnt/home": home}
        command = in_container(root, shown | ({} if programs is None else {"/mnt/programs": programs}))
        command += [python, f"/mnt/code/{EXAMPLES.relative_to(environments.REPOSITORY)}/{example}", folder]
        environment = {"PATH": "/usr/bin:/bin", "HOME": "/mnt/home", **(settings or {})}
        pipe = subprocess.PIPE
        child = self.node.run(command, env=environment, stdout=pipe, stderr=pipe)
        said, complained = child.communicate(timeout=PATIENCE_SECONDS)
        assert child.returncode == 0, complained.decode()[-4000:]
        return said.decode()

    @property
    def brought_bytes(self) -> int:
        """What its mount server has read so far: from the store, but for some requests of the kernel."""
        (server,) = rclones_of(self.sidecar)
        counts = dict(line.split(": ") for line in Path(f"/proc/{server}/io").read_text().splitlines())
        return int(counts["rchar"])


@dataclass
class Platform:
    """A node with the real driver, and a real store with the datasets of `data`."""

    node: Node
    broker: PlayedBroker
    store: ObjectStore
    versions: dict[str, str]

    @contextmanager
    def mounted(self, dataset: str, *, copied: bool = False) -> Iterator[Mounted]:
        """A new pod that reads a dataset: from the store, or from a copy that the node has made."""
        version, objects = self.versions[dataset], data.DATASETS[dataset]()
        terms = FillTerms(
            size_bytes=sum(map(len, objects.values())), far_seconds=60.0, listed_version=version, asked=True
        )
        source = self.store.source(dataset, local=not copied)
        self.broker.grant(f"stewards/{dataset}", source, version=version, fill=terms if copied else None)
        pod = make_pod_at(self.node)
        self.node.publish(pod, dataset, dataset=dataset, namespace="stewards")
        if copied:
            wait_for("the copy", lambda: self.node.stack(pod, dataset)[-1] != "fuse.moorage")
        sidecar = self.node.start_sidecar(pod, dataset)
        try:
            self.node.wait_ready(pod, dataset)
            yield Mounted(self.node, pod, dataset, sidecar)
        finally:
            self.node.unpublish(pod, dataset)


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """One for all examples."""
    folder = tmp_path_factory.mktemp("broker")
    with run_object_store(tmp_path_factory.mktemp("weed")) as store, play_broker(folder) as broker:
        versions = {name: put(store, name, make()) for name, make in data.DATASETS.items()}
        with play_node(broker, broker.token_file, cached=True) as node:
            yield Platform(node, broker, store, versions)


@pytest.fixture(scope="session")
def spark() -> Path:
    """A home of Spark, for a machine with Java."""
    program("java", "to run Spark", "openjdk-17-jre-headless")
    return spark_home()


def spark_settings(home: Path, python: str, at: str = "") -> dict[str, str]:
    """The environment of a Spark that starts fast, as Spark goes: two cores, no pages, a compiler in a hurry.

    Args:
        home: of Spark.
        python: the interpreter of its workers.
        at: where the home is seen, if elsewhere.
    """
    (bridge,) = (home / "python" / "lib").glob("py4j-*.zip")
    options = ("spark.ui.enabled=false", "spark.sql.shuffle.partitions=2", "spark.driver.memory=512m")
    place = at or str(home)
    return {
        "SPARK_HOME": place,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": python,
        "PYSPARK_SUBMIT_ARGS": " ".join([*(f"--conf {option}" for option in options), "pyspark-shell"]),
        "JAVA_TOOL_OPTIONS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
        "PYTHONPATH": f"{place}/python:{place}/python/lib/{bridge.name}",
    }


@pytest.fixture
def memory() -> Iterator[Path]:
    """A directory in the memory of this machine."""
    folder = Path(tempfile.mkdtemp(prefix="moorage-test-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def torch() -> DebianTorch:
    """A root folder that has torch."""
    return debian_torch()
