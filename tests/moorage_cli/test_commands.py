"""The commands against a real API server: what a person types, reads and gets back."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2 as httpx
import pytest
import yaml

from devcluster.cluster import Cluster
from moorage.kube import Client
from moorage.kube.connection import find_config, open_http
from moorage_cli.kubectl_dataset import completions, kubectl_dataset
from moorage_cli.running import run
from moorage_cli.waiting import _until
from tests.polling import until
from tests.world import World, eventually, make_world

Told = tuple[int, str, str]
Command = Callable[..., Told]


@pytest.fixture(scope="module")
def world(plane: Cluster) -> Iterator[World]:
    """Sites, nodes and namespaces of this room, and a dataset that was looked at."""
    with make_world(plane, "cli") as made:
        made.apply(
            made.dataset("claims", made.eu, residency=["EU"], purposes=["research"]),
            made.dataset("blank", made.us),
        )
        made.set_status("dataset", "claims", _LOOKED_AT, made.steward)
        yield made


_LOOKED_AT = {
    "conditions": [
        {
            "type": kind,
            "status": "True",
            "reason": "Listed",
            "message": "2 objects",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        for kind in ("Ready", "Accessible", "Governed")
    ],
    "bytes": 3 * 2**30,
    "objects": 2,
    "format": "parquet",
    "version": "0123456789abcdef" * 4,
    "schema": [{"name": "claim_id", "type": "int64", "nullable": False}],
    "inUseBy": ["fraud/train-1"],
    "inUseCount": 412,
}


@pytest.fixture
def dataset(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`kubectl dataset ...`: exit code, stdout and stderr."""
    monkeypatch.setenv("KUBECONFIG", str(world.cluster.kubeconfig_path))

    def command(*words: str) -> Told:
        capsys.readouterr()
        code = run(kubectl_dataset, "kubectl dataset", words)
        told = capsys.readouterr()
        return code, told.out, told.err

    return command


def test_list(world: World, dataset: Command) -> None:
    """One line each, and what was not looked at says so."""
    code, out, _ = dataset("list", "-n", world.steward)
    header, blank, claims = out.splitlines()
    assert code == 0
    assert header.split() == ["NAME", "READY", "SITES", "OBJECTS", "SIZE", "FORMAT", "VERSION", "AGE"]
    assert blank.split()[:3] == ["blank", "Unknown", world.us]
    assert claims.split()[:-1] == ["claims", "True", world.eu, "2", "3.22", "GB", "parquet", "0123456789ab"]


def test_list_wide(world: World, dataset: Command) -> None:
    """Rules, and how many pods use the data: all, not those that the status has room to name."""
    _, out, _ = dataset("list", "-n", world.steward, "-o", "wide")
    header, _, claims = out.splitlines()
    assert header.split()[-6:] == ["CLASS", "RESIDENCY", "PURPOSES", "CONSUMERS", "USED", "BY"]
    assert claims.split()[-1] == "412"


def test_list_for_programs(world: World, dataset: Command) -> None:
    """JSON and YAML are what the API server said; names can be given to kubectl."""
    listed = json.loads(dataset("list", "-n", world.steward, "-o", "json")[1])
    assert [item["metadata"]["name"] for item in listed["items"]] == ["blank", "claims"]
    assert yaml.safe_load(dataset("list", "-n", world.steward, "-o", "yaml")[1]) == listed
    names = dataset("list", "-n", world.steward, "-o", "name")[1].split()
    assert world.kubectl("get", *names, "-n", world.steward, "-o", "name").split() == names


def test_list_everywhere_and_nothing(world: World, dataset: Command) -> None:
    """-A shows namespaces; an empty namespace is told on stderr."""
    assert [world.steward, "claims"] in [line.split()[:2] for line in dataset("list", "-A")[1].splitlines()]
    assert dataset("list", "-n", world.reader) == (0, "", f"No Datasets in namespace {world.reader}.\n")


def test_describe(world: World, dataset: Command) -> None:
    """State, schema, rules in words, verdicts of sites, users."""
    code, out, _ = dataset("describe", "claims", "-n", world.steward)
    assert code == 0
    for expected in (
        "True (Listed): 2 objects",
        "3.22 GB in 2 objects, parquet",
        "claim_id  int64  no",
        f"It may be read by namespace {world.reader} and nobody else.",
        "For research only",
        "It stays in EU",
        "Used by 412 pods\n  fraud/train-1\n  and 411 more",
    ):
        assert expected in out
    verdicts = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.startswith((world.eu, world.us))}
    assert verdicts[world.us] == ["refused:", "ResidencyViolated"]


def test_describe_a_table_of_a_catalogue(world: World, dataset: Command) -> None:
    """What it is, where its files are, how it is split, and what a reader opens."""
    raw = world.dataset("table", world.eu)
    within = {"s3": {"endpoint": "https://s3.test", "bucket": "lake"}}
    place = {"catalogue": "https://c.test", "warehouse": "w", "table": "a.b", "snapshot": 2**62, "within": within}
    raw["spec"] = {"sources": [{"site": world.eu, "iceberg": place}]}
    world.apply(raw)
    snapshot = {"id": 2**62, "metadata": "metadata/v7.metadata.json", "pinned": True}
    told = {"partitions": {"by": ["day(at)", "id"], "last": []}, "snapshot": snapshot}
    world.set_status("dataset", "table", _LOOKED_AT | told, world.steward)
    code, out, _ = dataset("describe", "table", "-n", world.steward)
    world.kubectl("delete", "dataset", "table", "-n", world.steward)
    assert code == 0
    for expected in (
        f"iceberg  https://c.test w a.b at snapshot {2**62}",
        "Partitioned by day(at), id",
        "Snapshot (pinned)",
        str(2**62),
        "metadata/v7.metadata.json, in the table's folder",
    ):
        assert expected in out, out


def test_describe_what_is_not_ready_or_not_there(world: World, dataset: Command) -> None:
    """Exit code 1 for both, with words."""
    code, out, _ = dataset("describe", "blank", "-n", world.steward)
    assert (code, "the operator has not looked at it yet" in out) == (1, True)
    code, out, err = dataset("describe", "absent", "-n", world.steward)
    assert (code, out) == (1, "")
    assert f"Dataset {world.steward}/absent" in err


def test_create(world: World, dataset: Command) -> None:
    """What was printed by a dry run is what is there afterwards."""
    words = ["create", "made", "-n", world.steward, "--site", world.eu, "--s3-endpoint", "https://s3.test"]
    words += ["--bucket", "b", "--secret", "keys", "--residency", "EU", "--purpose", "research"]
    code, out, _ = dataset(*words, "--dry-run", "-o", "yaml")
    assert code == 0
    assert world.kubectl("get", "dataset", "made", "-n", world.steward, check=False) == ""
    assert dataset(*words) == (0, "dataset.moorage.dev/made created\n", "")
    assert world.get("dataset", "made", world.steward)["spec"] == yaml.safe_load(out)["spec"]
    code, _, err = dataset(*words)
    assert (code, "already exists" in err) == (1, True)
    world.kubectl("delete", "dataset", "made", "-n", world.steward)


def test_create_warns_of_a_site_that_is_not_known(world: World, dataset: Command) -> None:
    """It may come later, so this is no error."""
    words = ["create", "early", "-n", world.steward, "--site", "mars-1", "--host-path", "/data", "--dry-run=server"]
    code, out, err = dataset(*words)
    assert (code, out) == (0, "dataset.moorage.dev/early created (server dry run)\n")
    assert "site mars-1 is not known" in err
    assert world.kubectl("get", "dataset", "early", "-n", world.steward, check=False) == ""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--s3-endpoint", "ftp://x", "--bucket", "b"], "spec.sources[0].s3.endpoint"),
        (["--host-path", "/data", "--consumer", "Bad Name"], "a consumer must be a namespace"),
        (["--host-path", "/data", "--purpose", "two words"], "a purpose must be usable as a label value"),
        (["--host-path", "/data", "--residency", "UK"], "GB"),
    ],
)
def test_create_refuses_what_is_invalid(world: World, dataset: Command, words: list[str], told: str) -> None:
    """Whether we or the API server find out: field, problem, exit code 2."""
    code, out, err = dataset("create", "bad", "-n", world.steward, "--site", world.eu, *words)
    assert (code, out) == (2, "")
    assert told in err
    assert err.startswith(("Error: Dataset ", "Error: create Dataset "))


def test_wait(world: World, dataset: Command) -> None:
    """For readiness and for the end; what runs out of time says what it knows."""
    assert dataset("wait", "claims", "-n", world.steward)[0] == 0
    code, out, _ = dataset("wait", "blank", "-n", world.steward, "--timeout", "100ms")
    told = "blank is not ready (the operator has not looked at it yet): is the operator running?"
    assert (code, told in out) == (1, True)
    code, out, _ = dataset("wait", "absent", "-n", world.steward, "--timeout", "0")
    assert (code, out) == (1, f"Dataset {world.steward}/absent does not exist.\n")
    code, out, _ = dataset("wait", "claims", "-n", world.steward, "--for", "delete", "--timeout", "0s")
    assert (code, out) == (1, f"Dataset {world.steward}/claims is still there.\n")
    assert dataset("wait", "absent", "-n", world.steward, "--for", "delete")[0] == 0
    for timeout, problem in (("soon", "write 30s, 5m or 1h"), ("-1s", "must be from 0 to 8760h")):
        code, _, err = dataset("wait", "claims", f"--timeout={timeout}")
        assert (code, problem in err) == (2, True)


async def test_wait_watches(world: World) -> None:
    """Nothing is asked while nothing changes, and a change is seen at once; the Dataset need not exist yet."""
    http = open_http(find_config(world.cluster.kubeconfig_path))
    asked: list[str] = []

    async def count(request: httpx.Request) -> None:
        asked.append("watch" if "watch" in request.url.params else "list")

    http.event_hooks = {"request": [count]}
    async with Client(http) as client:
        waiting = asyncio.create_task(_until(client, world.steward, "awaited", "ready", 60))
        await until(lambda: "watch" in asked)
        await asyncio.sleep(2)
        assert asked == ["list", "list", "watch"]
        await asyncio.to_thread(world.apply, world.dataset("awaited", world.us))
        await asyncio.to_thread(world.set_status, "dataset", "awaited", _LOOKED_AT, world.steward)
        assert await waiting == (True, f"Dataset {world.steward}/awaited is ready.")
        assert asked == ["list", "list", "watch"]
    world.kubectl("delete", "dataset", "awaited", "-n", world.steward)


def test_delete(world: World, dataset: Command) -> None:
    """One or several; what is not there does not keep the others."""
    world.apply(world.dataset("old", world.us), world.dataset("older", world.us))
    code, out, err = dataset("delete", "old", "absent", "older", "-n", world.steward)
    assert (code, out) == (1, "dataset.moorage.dev/old deleted\ndataset.moorage.dev/older deleted\n")
    assert '"absent" not found' in err
    world.apply(world.dataset("held", world.us))
    assert dataset("delete", "held", "-n", world.steward, "--in-use")[0] == 0


def test_events(world: World, dataset: Command) -> None:
    """Oldest first, or a word that there are none."""
    uid = world.get("dataset", "claims", world.steward)["metadata"]["uid"]
    event = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "claims-1", "namespace": world.steward},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "type": "Warning",
        "reason": "AccessDenied",
        "note": "correct the Secret",
        "action": "List",
        "reportingController": "moorage-operator",
        "reportingInstance": "one",
        "regarding": {
            "apiVersion": "moorage.dev/v1alpha1",
            "kind": "Dataset",
            "name": "claims",
            "namespace": world.steward,
            "uid": uid,
        },
    }
    world.apply(event)
    code, out, _ = dataset("events", "claims", "-n", world.steward)
    assert (code, out.splitlines()[1].split()[1:]) == (0, ["Warning", "AccessDenied", "correct", "the", "Secret"])
    code, out, err = dataset("events", "blank", "-n", world.steward)
    assert (code, out, err) == (0, "", "No events of dataset blank.\n")


def test_list_follows_changes(world: World, tmp_path: Path) -> None:
    """What there is, then each change, until it is interrupted."""
    program = Path(sys.executable).with_name("kubectl-dataset")
    environment = {**os.environ, **world.cluster.environment}
    log = tmp_path / "followed"
    command = [str(program), "list", "-n", world.steward, "--watch"]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, env=environment) as followed:
        eventually(lambda: "blank" in log.read_text())
        world.apply(world.dataset("newcomer", world.eu))
        eventually(lambda: "newcomer" in log.read_text())
        followed.send_signal(signal.SIGINT)
        assert followed.wait(timeout=30) == 130
    world.kubectl("delete", "dataset", "newcomer", "-n", world.steward)


def test_why_for_a_reader(world: World, dataset: Command) -> None:
    """Each site's decision; the remedy where the rules refuse; exit code 1 where all do."""
    about = f"{world.steward}/claims"
    code, out, _ = dataset("why", about, "-n", world.reader, "--purpose", "research")
    lines = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.startswith((world.eu, world.us))}
    assert code == 0
    *told, score = lines[world.eu]
    assert told == ["2", "allowed", "here", "3.2", "s"]
    assert 0 <= int(score) <= 10  # it is the best of all sites: others may be in the cluster
    assert "refused: ResidencyViolated" in out
    assert "ask the steward" in out
    code, out, _ = dataset("why", f"dataset/{about}", "-n", world.reader)
    assert (code, "label it moorage.dev/purpose: research" in out) == (1, True)


def test_why_for_a_pod(world: World, dataset: Command) -> None:
    """Where it is or why it waits, with the selector that its author wrote."""
    world.apply(
        world.pod("here", "claims", schedulerName="default-scheduler", site=world.eu),
        world.pod("there", "claims", site=world.us),
    )
    eventually(lambda: world.get("pod", "here", world.reader)["spec"].get("nodeName"))
    code, out, _ = dataset("why", "pod/here", "-n", world.reader)
    assert code == 0
    assert f"Pod {world.reader}/here reads {world.steward}/claims (mount) as service account" in out
    assert f"at site {world.eu} (Pending)" in out
    code, out, _ = dataset("why", "there", "-n", world.reader)
    assert code == 1
    assert f"leaves nodes of {world.us} only, and the rules refuse all of them." in out
    assert "no scheduler has looked at it yet" in out


@pytest.mark.parametrize("kind", ["deploy", "deployments", "Deployment"])
def test_why_for_a_workload(world: World, dataset: Command, kind: str) -> None:
    """What its pods would be told, before there is one."""
    template = world.pod("x", "claims")
    labels = {"app": "train", **template["metadata"]["labels"]}
    spec = {key: template["spec"][key] for key in ("serviceAccountName", "containers")}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "train", "namespace": world.reader},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": "train"}},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }
    world.apply(deployment)
    code, out, _ = dataset("why", f"{kind}/train", "-n", world.reader)
    assert code == 0
    assert f"Each pod of Deployment {world.reader}/train reads dataset" not in out
    assert f"Each pod of Deployment {world.reader}/train reads {world.steward}/claims (mount)" in " ".join(out.split())
    assert "refused: ResidencyViolated" in out
    code, out, _ = dataset("why", f"{kind}/train", "-n", world.reader, "-o", "json")
    assert json.loads(out)["workload"] == f"Deployment {world.reader}/train"


def test_why_tells_labels_that_stand_on_the_workload(world: World, dataset: Command) -> None:
    """The mistake that is silent everywhere else."""
    pod = {
        "metadata": {"labels": {"app": "vain", "datasets.0.id": "claims"}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "none"}]},
    }
    world.apply(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "vain", "namespace": world.reader, "labels": {"dataset.0.id": "claims"}},
            "spec": {"suspend": True, "template": pod},
        }
    )
    _, out, _ = dataset("why", "job/vain", "-n", world.reader)
    told = " ".join(out.split())
    assert f"Each pod of Job {world.reader}/vain reads no dataset" in told
    assert "Label dataset.0.id is on the Job, and its pods do not get it" in told
    assert "label datasets.0.id is not read: write dataset.0.id: claims" in told


def test_why_for_programs(world: World, dataset: Command) -> None:
    """The same facts as JSON."""
    words = ("why", f"{world.steward}/claims", "-n", world.reader, "--purpose", "research", "-o", "json")
    body = json.loads(dataset(*words)[1])
    sites = {entry["site"]: entry for entry in body["sites"]}
    assert body["allowed"] is True
    assert body["datasets"] == [f"{world.steward}/claims"]
    assert (sites[world.eu]["allowed"], sites[world.eu]["rule"], sites[world.eu]["nodes"]) == (True, None, 2)
    assert (sites[world.us]["allowed"], sites[world.us]["rule"]) == (False, "ResidencyViolated")


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["why", "absent"], 1, "there is no pod or dataset absent"),
        (["why", "absent"], 1, "a dataset elsewhere as NAMESPACE/absent"),
        (["why", "pod/absent"], 1, "there is no pod absent"),
        (["why", "job/absent"], 1, "there is no job absent"),
        (["why", "a/b/c/d"], 2, "must be pod/NAME"),
    ],
)
def test_why_of_nothing(world: World, dataset: Command, words: list[str], code: int, told: str) -> None:
    """What was looked for, and where."""
    found, out, err = dataset(*words, "-n", world.reader)
    assert (found, out) == (code, "")
    assert told in err


def test_a_pod_whose_labels_cannot_be_read(world: World, dataset: Command) -> None:
    """Label and remedy."""
    pod = world.pod("odd")
    pod["metadata"]["labels"] = {"dataset.0.useas": "mount"}
    world.apply(pod)
    code, _, err = dataset("why", "pod/odd", "-n", world.reader)
    assert code == 2
    assert "metadata.labels[dataset.0.id]: is required" in err


def test_a_reader_without_rights_is_told_what_it_may_not_see(world: World, dataset: Command, tmp_path: Path) -> None:
    """Neither the Dataset, nor Moorage by a review: both are said."""
    rules = {"apiGroups": ["moorage.dev"], "resources": ["sites"], "verbs": ["list"]}
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "sites-cli"}}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "sites-cli"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "sites-cli"},
        "subjects": [{"kind": "ServiceAccount", "name": "trainer", "namespace": world.reader}],
    }
    world.apply({**role, "rules": [rules]}, binding)
    token = world.kubectl("create", "token", "trainer", "-n", world.reader).strip()
    config = yaml.safe_load(world.cluster.kubeconfig_path.read_text())
    config["users"] = [{"name": user["name"], "user": {"token": token}} for user in config["users"]]
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    words = ("why", f"dataset/{world.steward}/claims", "-n", world.reader, "--kubeconfig", str(path))
    code, out, err = dataset(*words)
    world.kubectl("delete", "clusterrole,clusterrolebinding", "sites-cli")
    assert (code, out) == (1, "")
    assert "Moorage could not be asked either" in err
    assert "Ask for the right" in err
    code, _, err = dataset("list", "-n", world.steward, "--kubeconfig", str(path))
    assert (code, "Ask for the right" in err) == (1, True)


def test_a_cluster_that_does_not_answer(world: World, dataset: Command, tmp_path: Path) -> None:
    """Exit code 4, its address, and what to check."""
    config = yaml.safe_load(world.cluster.kubeconfig_path.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    code, out, err = dataset("list", "--kubeconfig", str(path))
    assert (code, out) == (4, "")
    assert "https://127.0.0.1:1 does not answer" in err
    assert dataset("list", "--kubeconfig", str(tmp_path / "absent"))[0] == 2
    assert dataset("list", "--context", "absent")[0] == 2


def test_diff(world: World, dataset: Command, tmp_path: Path) -> None:
    """Exit codes are those of `kubectl diff`: nothing differs, something does, it can't be told."""
    path = tmp_path / "datasets.yaml"

    def written(*objects: object) -> Told:
        path.write_text(yaml.safe_dump_all(objects))
        return dataset("diff", "-f", str(path))

    same = world.dataset("claims", world.eu, residency=["EU"], purposes=["research"])
    assert written(same, {"kind": "Secret"}) == (0, "", "")
    code, out, _ = written(world.dataset("claims", world.eu, residency=["US"], purposes=["audit"]))
    assert code == 1
    assert f"Dataset {world.steward}/claims" in out
    assert "- For research only" in out
    assert "+ For audit only" in out
    assert f"At {world.eu}, readers would be refused: ResidencyViolated." in out
    assert "412 pods read it now" in out
    code, out, _ = written(world.dataset("not-there-yet", world.eu))
    assert (code, "+ It may be read by namespace" in out) == (1, True)
    assert written({"kind": "Secret"})[0] == 2
    assert written({**same, "spec": {"sources": []}})[0] == 2
    assert dataset("diff", "-f", str(tmp_path / "absent.yaml"))[0] == 2


def test_names_are_completed_from_the_cluster(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """As kubectl asks kubectl_complete-dataset: candidates, then a directive that forbids file names."""
    monkeypatch.setenv("KUBECONFIG", str(world.cluster.kubeconfig_path))
    assert completions(["describe", "-n", world.steward, ""]) == ["blank", "claims", ":4"]
    assert completions(["why", "-n", world.steward, "dataset/c"]) == ["dataset/claims", ":4"]
    assert [line.split("\t")[0] for line in completions([""])] == [
        "list",
        "available",
        "describe",
        "create",
        "diff",
        "why",
        "wait",
        "events",
        "audit",
        "usage",
        "warm",
        "evict",
        "fluid",
        "delete",
        "convert",
        "migrate",
        ":4",
    ]
    monkeypatch.setenv("KUBECONFIG", "/absent")
    assert completions(["describe", ""]) == [":4"]


def test_kubectl_finds_the_plugin(world: World) -> None:
    """`kubectl dataset` and its completion, through kubectl itself."""
    programs = Path(sys.executable).parent
    environment = os.environ | world.cluster.environment
    environment["PATH"] = f"{programs}:{environment['PATH']}"

    def kubectl(*words: str) -> str:
        done = subprocess.run(
            ["kubectl", *words], env=environment, capture_output=True, check=True, text=True, timeout=120
        )
        return done.stdout

    assert "claims" in kubectl("dataset", "list", "-n", world.steward)
    assert kubectl("__complete", "dataset", "describe", "-n", world.steward, "cl") == "claims\n:4\n"
