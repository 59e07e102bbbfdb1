"""A hub gets to a site's cluster by what two commands print, and may do there what it needs and nothing else."""

import asyncio
import base64
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from devcluster.cluster import Cluster
from moorage.errors import ForbiddenError
from moorage.kube import PIPELINE_GROUPS, SECRETS, Client, Selection
from moorage.model import SYSTEM_NAMESPACE
from moorage.runs.rights import AGGREGATE_LABEL, WORK_AGENT
from moorage_cli.main import moorage
from moorage_cli.running import run
from pipeline_executor.distribution.kubeconfig.secrets import ClusterSecret, read_cluster_secret
from tests.world import World, make_world


@pytest.fixture(scope="module")
def world(plane: Cluster) -> Iterator[World]:
    """A cluster with Moorage's namespace."""
    with make_world(plane, "join") as made:
        made.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM_NAMESPACE}})
        yield made


def type_in(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """`moorage sites ...`: what it prints."""
    monkeypatch.setenv("KUBECONFIG", str(world.cluster.kubeconfig_path))
    capsys.readouterr()
    assert run(moorage, "moorage", ["sites", *words]) == 0
    return capsys.readouterr().out


def test_what_is_printed_leads_a_hub_to_the_cluster(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The token reads PipelineGroups everywhere, writes them where it was told, and reads no Secret."""
    rights = type_in(world, monkeypatch, capsys, "rights", "--run-namespace", world.reader)
    world.kubectl("apply", "-f", "-", stdin=rights)
    printed = yaml.safe_load(type_in(world, monkeypatch, capsys, "join", "eu-1", "eu-2", "--days", "1"))
    found = read_cluster_secret(printed)
    assert found.sites == ("eu-1", "eu-2")
    asyncio.run(_may_and_may_not(world, found))
    world.kubectl("delete", "-f", "-", stdin=rights)


async def _may_and_may_not(world: World, found: ClusterSecret) -> None:
    async with Client.from_kubeconfig(found.kubeconfig, found.subject) as client:
        assert await client.list(PIPELINE_GROUPS) == []
        with pytest.raises(ForbiddenError):
            await client.list(SECRETS, Selection(namespace=SYSTEM_NAMESPACE))
        for namespace, may in ((world.reader, True), (world.steward, False)):
            group = _group(namespace)
            if may:
                await client.create(PIPELINE_GROUPS, group)
            else:
                with pytest.raises(ForbiddenError):
                    await client.create(PIPELINE_GROUPS, group)


def _group(namespace: str) -> dict[str, object]:
    run = {"namespace": namespace, "name": "nightly", "uid": "4c2a"}
    spec = {"run": run, "group": "eu-1-1", "attempt": 1, "site": "eu-1", "file": "f", "fileSHA256": "0" * 64}
    metadata = {"name": "4c2a-eu-1-1-1", "namespace": namespace}
    return {"apiVersion": "moorage.dev/v1alpha1", "kind": "PipelineGroup", "metadata": metadata, "spec": spec}


def test_the_address_can_be_another_for_the_hub(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A kubeconfig may name an address that only this machine can reach."""
    rights = type_in(world, monkeypatch, capsys, "rights")
    world.kubectl("apply", "-f", "-", stdin=rights)
    printed = yaml.safe_load(type_in(world, monkeypatch, capsys, "join", "eu-1", "--server", "https://eu-1.example"))
    kubeconfig = yaml.safe_load(base64.b64decode(printed["data"]["kubeconfig"]))
    world.kubectl("delete", "-f", "-", stdin=rights)
    assert kubeconfig["clusters"][0]["cluster"]["server"] == "https://eu-1.example"


def test_a_bad_site_is_refused_before_anything_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and what a name may be."""
    assert run(moorage, "moorage", ["sites", "join", "EU_1"]) == 2
    assert "is no Site's name" in capsys.readouterr().err


@pytest.mark.parametrize("namespaces", [(), ("fraud", "claims")])
def test_a_work_agent_gets_its_groups_and_no_secrets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], namespaces: tuple[str, ...]
) -> None:
    """By a role that OCM takes into the agent's own, or bound in the namespaces of runs alone."""
    monkeypatch.delenv("KUBECONFIG", raising=False)
    words = [word for each in namespaces for word in ("--run-namespace", each)]
    assert run(moorage, "moorage", ["sites", "rights", "--ocm", *words]) == 0
    items = yaml.safe_load(capsys.readouterr().out)["items"]
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for each in items:
        by_kind.setdefault(each["kind"], []).append(each)
    assert set(by_kind) == {"ClusterRole", "Role", "RoleBinding"}
    resources = {resource for each in items for rule in each.get("rules", ()) for resource in rule["resources"]}
    assert resources == {"pipelinegroups", "leases"}
    (role,) = by_kind["ClusterRole"]
    assert (AGGREGATE_LABEL in role["metadata"]["labels"]) is (not namespaces)
    bound = {each["metadata"]["namespace"] for each in by_kind["RoleBinding"]}
    assert bound == {SYSTEM_NAMESPACE, *namespaces}
    for each in by_kind["RoleBinding"]:
        (subject,) = each["subjects"]
        assert (subject["namespace"], subject["name"]) == WORK_AGENT
