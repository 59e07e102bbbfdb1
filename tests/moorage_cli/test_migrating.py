"""`moorage migrate`: Datashim's objects of a real API server become ours, and stay as they are."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from devcluster.cluster import Cluster
from moorage_cli.main import moorage
from moorage_cli.running import run
from tests.moorage_cli.datashims import NEWER, OLDER, dataset, install, remove, s3
from tests.world import World, make_world

Raw = dict[str, Any]
Told = tuple[int, str, str]
Command = Callable[..., Told]
_READ = {"readonly": "true"}


@pytest.fixture(scope="module")
def world(plane: Cluster) -> Iterator[World]:
    """A world of its own, without Datashim yet."""
    with make_world(plane, "migrate") as made:
        remove(made)
        yield made
        remove(made)


@pytest.fixture(scope="module")
def datashim(world: World) -> World:
    """The same with Datashim's kinds, and Datasets of all that its users write."""
    install(world)
    world.apply(
        dataset(world, "images", s3(readonly="true", folder="2026")),
        dataset(world, "results", s3(readonly="false")),
        dataset(world, "silent", s3()),
        dataset(world, "internal", s3(**_READ), kind="DatasetInternal"),
        dataset(world, "both", s3(**_READ, region="new")),
        dataset(world, "both", s3(**_READ, region="old"), OLDER),
        dataset(world, "export", {"local": {"type": "NFS", "server": "nfs.test", "share": "/x", **_READ}}, OLDER),
        dataset(world, "archive", {"type": "ARCHIVE", "url": "https://x.test/a.tar", "format": "application/x-tar"}),
        dataset(world, "elsewhere", s3(**_READ, **{"secret-namespace": "other"})),
    )
    world.kubectl("label", "namespace", world.steward, "monitor-pods-datasets=enabled", "--overwrite")
    return world


@pytest.fixture
def migrate(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`moorage migrate --site EU ...`: exit code, stdout and stderr."""
    monkeypatch.setenv("KUBECONFIG", str(world.cluster.kubeconfig_path))

    def command(*words: str) -> Told:
        capsys.readouterr()
        code = run(moorage, "moorage", ["migrate", "--site", world.eu, *words])
        told = capsys.readouterr()
        return code, told.out, told.err

    return command


def test_a_cluster_without_datashim_says_so(world: World, migrate: Command) -> None:
    """There is nothing to do, and that is no error."""
    code, out, err = migrate("--cluster", "-n", world.steward)
    assert (code, out) == (0, "")
    assert "com.ie.ibm.hpsys and datashim.io: the cluster has neither" in err


def test_a_clusters_datasets_become_ours(datashim: World, migrate: Command) -> None:
    """Of both groups, each once; what can't be used is printed, told, and gives the exit code of `convert`."""
    code, out, err = migrate("--cluster", "-n", datashim.steward)
    made = {raw["metadata"]["name"]: raw for raw in yaml.safe_load_all(out)}
    assert code == 2
    assert set(made) == {"images", "results", "silent", "both", "export", "archive", "elsewhere"}
    assert {raw["apiVersion"] for raw in made.values()} == {"moorage.dev/v1alpha1"}
    assert made["images"]["metadata"] == {
        "name": "images",
        "namespace": datashim.steward,
        "labels": {"team": "a"},
    }
    assert made["both"]["spec"]["local"]["region"] == "new"
    assert made["results"]["spec"]["access"] == "readWrite"
    for sentence in (
        f"Dataset {datashim.steward}/both: is in {OLDER} too: that of {NEWER} is taken",
        f"Dataset {datashim.steward}/elsewhere: spec.local.secret-namespace: must be the dataset's own",
        f"Dataset {datashim.steward}/archive: spec.local.format: the archive's format is detected",
        f"DatasetInternal {datashim.steward}/internal: Datashim's own bookkeeping: left out",
        "Next: apply the Datasets",
    ):
        assert sentence in err


def test_what_pods_would_notice_is_told(datashim: World, migrate: Command) -> None:
    """Of workloads and of pods that nothing makes; a workload's own pods are not told again."""
    datashim.apply(
        _deployment(datashim, "writer", {"dataset.0.id": "results", "dataset.0.useas": "mount"}),
        _deployment(datashim, "reader", {"dataset.0.id": "images", "dataset.0.useas": "mount"}),
        _deployment(datashim, "wrong", {"dataset.0.id": "elsewhere", "dataset.0.useas": "mount"}),
    )
    code, _, err = migrate("--cluster", "-n", datashim.steward)
    lines = [line for line in err.splitlines() if line.startswith(("Deployment", "ReplicaSet", "Pod"))]
    writer, wrong = lines
    assert writer.startswith(
        f"Deployment {datashim.steward}/writer: only reads dataset {datashim.steward}/results here"
    )
    assert wrong.startswith(f"Deployment {datashim.steward}/wrong: names dataset {datashim.steward}/elsewhere, which")
    assert code == 2


def test_claims_beside_datasets_are_told(datashim: World, migrate: Command) -> None:
    """Somebody's own claim of a Dataset's name is in the way, and Datashim's goes with Datashim's Dataset."""
    uid = _originals(datashim)["results"]["metadata"]["uid"]
    owner = {"apiVersion": f"{NEWER}/v1alpha1", "kind": "Dataset", "name": "results", "uid": uid}
    datashim.apply(_claim(datashim, "images"), _claim(datashim, "results", ownerReferences=[owner]))
    _, _, err = migrate("--cluster", "-n", datashim.steward)
    told = [line for line in err.splitlines() if "PersistentVolumeClaim" in line]
    name = f"{datashim.steward}/images"
    assert told == [
        f"Dataset {name}: PersistentVolumeClaim {name} has its name: the Dataset's own is made once that is gone"
    ]


def test_applying_leaves_the_originals_and_what_others_made(datashim: World, migrate: Command) -> None:
    """A dry run stores nothing; what a steward changed since is theirs."""
    mine = datashim.dataset("silent", datashim.eu)
    datashim.apply(mine)
    before = _originals(datashim)
    code, out, _ = migrate("--cluster", "-n", datashim.steward, "--apply", "--dry-run")
    assert (code, "images in" in out) == (2, True)
    assert _names(datashim) == {"silent"}
    code, out, err = migrate("--cluster", "-n", datashim.steward, "--apply")
    assert code == 2  # of the one that can't be used
    assert _names(datashim) == {"images", "results", "silent", "both", "export", "archive"}
    assert f"dataset.moorage.dev/silent in {datashim.steward} is there, and no migration made it: left alone" in err
    assert datashim.get("dataset", "silent", datashim.steward)["spec"] == mine["spec"]
    datashim.kubectl("delete", f"datasets.{NEWER}", "elsewhere", "-n", datashim.steward)
    patch = json.dumps({"spec": {"access": "readOnly", "governance": {"purposes": ["research"]}}})
    where = ["-n", datashim.steward, "--type=merge"]
    datashim.kubectl("patch", "datasets.moorage.dev", "results", *where, "-p", patch)
    code, out, err = migrate("--cluster", "-n", datashim.steward, "--apply")
    assert code == 1
    assert "spec.access" in err
    assert "images in" in out
    kept = datashim.get("dataset", "results", datashim.steward)["spec"]
    assert (kept["access"], kept["governance"]) == ("readOnly", {"purposes": ["research"]})
    del before["elsewhere"]
    assert _originals(datashim) == before


@pytest.mark.parametrize("words", [(), ("x.yaml", "--cluster"), ("--cluster", "--dry-run")])
def test_it_must_be_clear_what_is_meant(migrate: Command, words: tuple[str, ...]) -> None:
    """A file or a cluster; a dry run of something."""
    assert migrate(*words)[0] == 2


def _deployment(world: World, name: str, labels: dict[str, str]) -> Raw:
    labels = {"app": name, **labels}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "none"}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": world.steward},
        "spec": spec,
    }


def _claim(world: World, name: str, **metadata: object) -> Raw:
    spec = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Mi"}}, "storageClassName": ""}
    about = {"name": name, "namespace": world.steward, **metadata}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": about, "spec": spec}


def _names(world: World) -> set[str]:
    return set(_objects(world, "datasets.moorage.dev"))


def _originals(world: World) -> dict[str, Raw]:
    return _objects(world, f"datasets.{NEWER}")


def _objects(world: World, kind: str) -> dict[str, Raw]:
    listed = json.loads(world.kubectl("get", kind, "-n", world.steward, "-o", "json"))["items"]
    return {raw["metadata"]["name"]: raw for raw in listed}
