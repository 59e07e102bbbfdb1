"""From the chart and images of an older commit to today's, on real nodes, while a labelled pod reads."""

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from demo.data import PREFIX, upload
from devcluster import cluster, preflight
from devcluster.cluster import Cluster
from devcluster.progress import Silent
from devcluster.spec import ClusterSpec
from tests.world import eventually

ROOT = Path(__file__).resolve().parents[2]
OLD = "c36ce74"
"""What was installed when the first users tried it; its images are built from its own tree."""
OLD_TAG = "0.0.9"
SITE = "eu-1"
SPEC = ClusterSpec("upgrade", {SITE: 1}, object_stores=(SITE,))
NAMESPACE = "moorage-system"
ROWS = b"a,b\n" + b"1,2\n" * 100_000
READS = """
import time
while True:
    try:
        good = open("/mnt/datasets/books/rows.csv", "rb").read() == b"a,b\\n" + b"1,2\\n" * 100_000
        print("good" if good else "wrong", flush=True)
    except OSError as error:
        print("failed", error, flush=True)
    time.sleep(0.1)
"""

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(1500),
    pytest.mark.xdist_group("nodes"),
]


@dataclass(frozen=True)
class Installed:
    """The cluster, and what acts in it."""

    cluster: Cluster

    def run(self, *command: str, given: object = None) -> str:
        """Kubectl or helm; what it printed."""
        done = subprocess.run(
            command,
            env=os.environ | self.cluster.environment,
            input=None if given is None else json.dumps(given),
            capture_output=True,
            check=False,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def get(self, *what: str) -> Any:  # noqa: ANN401 - a raw object
        """An object."""
        return json.loads(self.run("kubectl", "get", *what, "-o", "json"))

    def apply(self, given: object) -> None:
        """Apply one."""
        self.run("kubectl", "apply", "-f", "-", given=given)

    def load_images(self, tree: Path, scratch: Path) -> None:
        """Build all images with a tree's own code, and bring them to the node."""
        command = [sys.executable, "-m", "devcluster.images", "--one-file", "--output", str(scratch)]
        done = subprocess.run(command, cwd=tree, capture_output=True, check=False, text=True)
        assert done.returncode == 0, done.stderr
        (archive,) = scratch.glob("*.tar")
        cluster.load_image(self.cluster, archive)

    def start_reader(self, name: str, tag: str) -> None:
        """A pod that reads again and again; returns once it has."""
        self.apply(_reader(name, f"docker.io/moorage/webhook:{tag}"))
        self.run("kubectl", "wait", "--for=condition=Ready", f"pod/{name}", "-n", "readers", "--timeout=180s")
        eventually(lambda: "good" in self.reads(name))

    def reads(self, pod: str) -> list[str]:
        """What a reader has seen so far."""
        return self.run("kubectl", "logs", pod, "-n", "readers", "-c", "main").splitlines()


@pytest.fixture(scope="module")
def old_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the older commit; only the name of its images differs."""
    done = subprocess.run(["git", "archive", OLD], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"this clone has no commit {OLD}: fetch the history (git fetch --unshallow)")
    tree = tmp_path_factory.mktemp("old")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(tree, filter="data")
    version = tree / "moorage/__init__.py"
    version.write_text(version.read_text().replace('__version__ = "0.1.0"', f'__version__ = "{OLD_TAG}"'))
    return tree


@pytest.fixture(scope="module")
def installed(old_tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """A cluster with the older version, a Site, a Dataset that is Ready, and a pod that reads again and again."""
    if missing := preflight.problems(preflight.gather(), SPEC):
        pytest.skip(f"this machine can't run real nodes: {'; '.join(missing)}")
    try:
        made = Installed(cluster.up(SPEC, Silent()))
        made.load_images(old_tree, tmp_path_factory.mktemp("old-images"))
        made.run("helm", "install", "moorage", str(old_tree / "charts/moorage"), "--namespace", NAMESPACE,
                 "--create-namespace", "--set", f"images.tag={OLD_TAG}", "--wait", "--timeout", "5m")  # fmt: skip
        label = "node-restriction.kubernetes.io/moorage-site"
        made.run("kubectl", "label", "node", "--all", f"{label}={SITE}", "--overwrite")
        made.apply({"apiVersion": "moorage.dev/v1alpha1", "kind": "Site", "metadata": {"name": SITE},
                    "spec": {"jurisdiction": "DE", "nodeSelector": {label: SITE}}})  # fmt: skip
        _publish(made, tmp_path_factory.mktemp("rows") / "rows.csv")
        made.start_reader("reader", OLD_TAG)
        yield made
    finally:
        cluster.down(SPEC.name)


def _publish(made: Installed, rows: Path) -> None:
    """A file in a bucket, and the Dataset of it."""
    store = made.cluster.object_stores[SITE]
    rows.write_bytes(ROWS)
    upload([rows], store, "books")
    for name in ("stewards", "readers"):
        made.run("kubectl", "create", "namespace", name)
        made.run("kubectl", "wait", "--for=create", "serviceaccount/default", "-n", name, "--timeout=60s")
    made.run("kubectl", "create", "secret", "generic", "books-keys", "-n", "stewards",
             f"--from-literal=accessKeyID={store.access_key}",
             f"--from-literal=secretAccessKey={store.secret_key}")  # fmt: skip
    made.apply(_dataset("books", store.endpoint))
    made.run("kubectl", "wait", "--for=condition=Ready", "dataset/books", "-n", "stewards", "--timeout=90s")


def _dataset(name: str, endpoint: str, **more: object) -> dict[str, Any]:
    source = {"endpoint": endpoint, "bucket": "books", "prefix": PREFIX, "secretRef": {"name": "books-keys"}}
    return {
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "Dataset",
        "metadata": {"name": name, "namespace": "stewards"},
        "spec": {
            "sources": [{"site": SITE, "s3": source}],
            "governance": {"residency": ["EU"], "consumers": ["readers"]},
            **more,
        },
    }


def _reader(name: str, image: str) -> dict[str, Any]:
    labels = {"dataset.0.id": "books", "dataset.0.namespace": "stewards", "dataset.0.useas": "mount"}
    container = {"name": "main", "image": image, "command": ["python3", "-c", READS]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "readers", "labels": labels},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
    }


def test_a_pod_reads_on_while_moorage_is_upgraded_and_rolled_back(installed: Installed, tmp_path: Path) -> None:
    """One command, as docs/upgrading.md gives it: new code, new definitions, nothing lost; and back again."""
    endpoint = installed.cluster.object_stores[SITE].endpoint
    fields = _spec_fields(installed)
    assert "allowEmpty" not in fields
    before = _counted(installed, "reader")
    installed.load_images(ROOT, tmp_path)
    installed.run(
        "helm", "upgrade", "moorage", str(ROOT / "charts/moorage"), "--namespace", NAMESPACE,
        "--reset-then-reuse-values", "--set", "images.tag=0.1.0", "--wait", "--timeout", "10m",
    )  # fmt: skip
    assert _tags(installed) == {"0.1.0"}
    # Helm returns while old webhooks answer for some seconds more, as docs/upgrading.md says.
    eventually(lambda: not _leaving(installed))
    assert "allowEmpty" in _spec_fields(installed)
    # What the old version could not say, the new one takes; what it had said holds.
    installed.apply(_dataset("sparse", endpoint, allowEmpty=True))
    for name in ("books", "sparse"):
        installed.run("kubectl", "wait", "--for=condition=Ready", f"dataset/{name}", "-n", "stewards", "--timeout=90s")
    installed.start_reader("newcomer", "0.1.0")
    after = _counted(installed, "reader")
    assert after > before

    installed.run("helm", "rollback", "moorage", "--namespace", NAMESPACE, "--wait", "--timeout", "10m")
    assert _tags(installed) == {OLD_TAG}
    assert _spec_fields(installed) == fields
    installed.start_reader("returned", OLD_TAG)
    assert _counted(installed, "reader") > after
    assert _counted(installed, "newcomer")


def _counted(installed: Installed, pod: str) -> int:
    """How often a pod has read rightly; it never read anything else, and was never started again."""
    seen = installed.reads(pod)
    assert set(seen) == {"good"}
    found = installed.get("pod", pod, "-n", "readers")
    statuses = [*found["status"]["containerStatuses"], *found["status"].get("initContainerStatuses", ())]
    assert [each["restartCount"] for each in statuses] == [0] * len(statuses)
    return len(seen)


def _spec_fields(installed: Installed) -> set[str]:
    """The fields that a Dataset's spec may have."""
    found = installed.get("crd", "datasets.moorage.dev")
    (version,) = found["spec"]["versions"]
    return set(version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"])


def _leaving(installed: Installed) -> list[str]:
    """The pods in Moorage's namespace that are about to end."""
    pods = installed.get("pods", "-n", NAMESPACE)["items"]
    return [pod["metadata"]["name"] for pod in pods if "deletionTimestamp" in pod["metadata"]]


def _tags(installed: Installed) -> set[str]:
    """The versions of Moorage's images that run in its namespace."""
    pods = installed.get("pods", "-n", NAMESPACE)["items"]
    running = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    return {each["image"].rpartition(":")[2] for pod in running for each in pod["spec"]["containers"]}
