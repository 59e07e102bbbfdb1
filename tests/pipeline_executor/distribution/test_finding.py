"""How the hub finds clusters, what it believes of them, and when one is lost. Tables."""

import base64
from typing import Any, cast

import pytest
import yaml

from moorage.errors import InputError, SettingError
from moorage.kube import Client
from moorage.runs import GroupPhase, TaskPhase
from moorage.runs.pipelines import CLUSTER_SITES_ANNOTATION
from pipeline_executor.distribution.clusters import Cluster, Way
from pipeline_executor.distribution.engines import parse_engines
from pipeline_executor.distribution.heartbeats import SILENT_AFTER_SECONDS, Heartbeat
from pipeline_executor.distribution.kubeconfig.secrets import read_cluster_secret
from pipeline_executor.distribution.seen import read_seen
from pipeline_executor.distribution.site_clusters import assign


def secret(sites: str | None, kubeconfig: bytes | None = b"text", name: str = "eu") -> dict[str, Any]:
    """A raw Secret."""
    annotations = {} if sites is None else {CLUSTER_SITES_ANNOTATION: sites}
    data = {} if kubeconfig is None else {"kubeconfig": base64.b64encode(kubeconfig).decode()}
    return {"metadata": {"namespace": "moorage-system", "name": name, "annotations": annotations}, "data": data}


def test_a_secret_names_sites() -> None:
    """Separated by commas, spaces do not matter; nothing of the kubeconfig is shown."""
    read = read_cluster_secret(secret("eu-1, eu-2,"))
    assert (read.sites, read.kubeconfig) == (("eu-1", "eu-2"), "text")
    assert "text" not in repr(read)


@pytest.mark.parametrize("sites", [None, "", "EU 1", "a" * 64, ",".join(f"s{n}" for n in range(65))])
def test_a_secret_without_usable_sites_is_none(sites: str | None) -> None:
    """No run can be told of it; the log is."""
    with pytest.raises(InputError, match=CLUSTER_SITES_ANNOTATION):
        read_cluster_secret(secret(sites))


@pytest.mark.parametrize("kubeconfig", [None, b"\xff\xfe", b"x" * 70_000])
def test_a_broken_kubeconfig_is_told_to_its_sites(kubeconfig: bytes | None) -> None:
    """It is no crash, and no site is in the hub's own cluster by mistake."""
    read = read_cluster_secret(secret("eu-1", kubeconfig))
    chosen, problems = assign([Way(read.subject, read.sites, problem=read.problem)])
    assert chosen == {}
    assert "must hold a kubeconfig" in problems["eu-1"]


def test_a_site_that_two_ways_name_has_none() -> None:
    """Else it would be chance where its groups run."""
    cluster = cast("Cluster", object())
    one, other = Way("Secret m/a", ("x", "y"), cluster), Way("ManagedCluster b", ("y",), cluster)
    chosen, problems = assign([other, one])
    assert chosen == {"x": cluster}
    assert "ManagedCluster b and Secret m/a both name site y" in problems["y"]


def test_ways_are_named_in_the_settings() -> None:
    """Several, once each; one that is none is refused with those that there are."""
    assert parse_engines(" ocm,kubeconfig,ocm ") == ("ocm", "kubeconfig")
    for text in ("", "carrier-pigeon", "kubeconfig,pigeon"):
        with pytest.raises(ValueError, match="one or several of kubeconfig"):
            parse_engines(text)


def _kubeconfig(user: dict[str, Any], cluster: dict[str, Any]) -> str:
    return yaml.safe_dump(
        {
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1", **cluster}}],
            "users": [{"name": "u", "user": user}],
        }
    )


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("[", "is no kubeconfig"),
        ("a: b", "is no kubeconfig"),
        (_kubeconfig({"exec": {"apiVersion": "v1", "command": "sh"}}, {}), "exec"),
        (_kubeconfig({"auth-provider": {"name": "gcp"}}, {}), "auth-provider"),
        (_kubeconfig({"tokenFile": "/etc/passwd"}, {}), "tokenFile"),
        (_kubeconfig({"client-key": "/etc/passwd"}, {}), "client-key"),
        (_kubeconfig({"token": "t"}, {"certificate-authority": "/etc/passwd"}), "certificate-authority"),
        (_kubeconfig({"token": "t"}, {"insecure-skip-tls-verify": True}), "insecure-skip-tls-verify"),
        (_kubeconfig({"token": "t"}, {"server": "http://api"}), "https"),
    ],
)
def test_a_kubeconfig_of_others_runs_and_reads_nothing_here(text: str, field: str) -> None:
    """What would run a program, read a file or trust anybody is refused, with the remedy and no word of the text."""
    with pytest.raises(SettingError, match=field) as refused:
        Client.from_kubeconfig(text, "Secret m/eu")
    assert "/etc/passwd" not in str(refused.value)


async def test_a_kubeconfig_that_holds_all_is_used() -> None:
    """A token and the address."""
    async with Client.from_kubeconfig(_kubeconfig({"token": "t"}, {}), "Secret m/eu") as client:
        assert client.address == "https://127.0.0.1:1"


def test_a_spoke_is_silent_after_some_missed_renewals() -> None:
    """By the hub's clock from when it saw the Lease change; a spoke that was never seen is not silent."""
    assert Heartbeat().silent_seconds(1e6) == 0
    heard = Heartbeat().heard("t1", 100.0)
    assert heard.heard("t1", 120.0) == heard
    assert heard.silent_seconds(100 + SILENT_AFTER_SECONDS) == 0
    assert heard.silent_seconds(100 + SILENT_AFTER_SECONDS + 1) == SILENT_AFTER_SECONDS + 1
    assert heard.heard("t2", 150.0).silent_seconds(151.0) == 0


def _raw(status: object) -> dict[str, Any]:
    spec = {
        "run": {"namespace": "ns", "name": "r", "uid": "u"},
        "group": "eu-1-1",
        "attempt": 1,
        "site": "eu-1",
        "file": "groups/eu-1-1.yaml",
        "fileSHA256": "0" * 64,
    }
    return {"kind": "PipelineGroup", "metadata": {"namespace": "ns", "name": "n"}, "spec": spec, "status": status}


@pytest.mark.parametrize(
    "status",
    [
        None,
        [],
        {"phase": "Glorious", "message": 7, "tasks": "all", "imports": {"a": 1}, "taskCounts": [1]},
        {"tasks": [None, {"name": 1}, {"name": "t", "phase": "Odd"}], "imports": [{"bytes": -1}]},
    ],
)
def test_what_a_spoke_says_strangely_is_not_said(status: object) -> None:
    """It is bounded, and stops nothing."""
    seen = read_seen(_raw(status))
    assert (seen.phase, seen.tasks, seen.imports, seen.task_counts) == (None, (), (), ())


def test_what_a_spoke_says() -> None:
    """Phase, tasks, and what has arrived of what it brings."""
    status = {
        "phase": "Running",
        "tasks": [{"name": "train", "phase": "Running", "attempt": 2}],
        "taskCounts": {"Running": 1},
        "imports": [
            {"artifact": "make.data", "site": "us-1", "phase": "Running", "bytes": 100, "bytesDone": 40},
            {"artifact": "more.data", "site": "us-1", "phase": "Succeeded", "bytes": 7, "seconds": "1.5"},
        ],
    }
    seen = read_seen(_raw(status))
    assert seen.phase is GroupPhase.RUNNING
    assert [(task.name, task.phase, task.attempt) for task in seen.tasks] == [("train", TaskPhase.RUNNING, 2)]
    assert [(each.what, each.size_bytes, each.seconds) for each in seen.imports] == [
        ("make.data", 40, 0.0),
        ("more.data", 7, 1.5),
    ]


def test_a_group_of_another_namespaces_run_is_none() -> None:
    """Who may write PipelineGroups in one namespace reaches no run of another."""
    raw = _raw(None)
    raw["spec"]["run"]["namespace"] = "other"
    with pytest.raises(InputError, match="must be the PipelineGroup's own"):
        read_seen(raw)
