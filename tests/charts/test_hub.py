"""What the chart renders of the hub, where it is asked for."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from devcluster.images.recipes import image_reference
from moorage import settings
from pipeline_executor.hub.settings import HubSettings

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]
_ON = "executor.hub.enabled=true"


def _of_the_hub(manifests: list[Manifest]) -> list[Manifest]:
    return [each for each in manifests if each["metadata"]["name"] == "moorage-hub"]


@pytest.fixture
def container(render: Render) -> Manifest:
    """Its container."""
    (deployment,) = [each for each in _of_the_hub(render(_ON)) if each["kind"] == "Deployment"]
    (found,) = deployment["spec"]["template"]["spec"]["containers"]
    made: Manifest = found
    return made


def test_there_is_none_unasked(render: Render) -> None:
    """One cluster of many has it."""
    assert _of_the_hub(render()) == []


def test_it_is_whole(render: Render) -> None:
    """Deployment, account, rights and a policy."""
    kinds = {each["kind"] for each in _of_the_hub(render(_ON))}
    rights = {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}
    assert kinds == {"Deployment", "NetworkPolicy"} | rights


def test_it_can_read_what_the_chart_sets(container: Manifest) -> None:
    """Every variable of ours is one that it knows, and has the type that it wants."""
    written = {each["name"]: each["value"] for each in container["env"] if each["name"].startswith("MOORAGE_")}
    assert written.keys() <= {each.variable for each in settings.describe(HubSettings)}
    read = settings.read(HubSettings, written)
    assert (read.namespace, read.plans_at_once, read.distribution) == ("moorage-system", 2, ("kubeconfig",))


@pytest.mark.parametrize("ways", [["kubeconfig"], ["ocm"], ["kubeconfig", "ocm"]])
def test_it_has_the_rights_of_its_ways(render: Render, ways: list[str]) -> None:
    """Secrets are listed where they lead to clusters; works are written where they do, within a policy."""
    manifests = render(_ON, f"executor.hub.distribution={json.dumps(ways)}")
    given = {
        (resource, verb)
        for each in _of_the_hub(manifests)
        for rule in each.get("rules") or ()
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert ("secrets", "get") in given
    assert (("secrets", "list") in given) is ("kubeconfig" in ways)
    assert (("manifestworks", "create") in given) is ("ocm" in ways)
    assert (("managedclusters", "watch") in given) is ("ocm" in ways)
    assert any(each["metadata"]["name"] == "moorage-works-of-the-hub" for each in manifests) is ("ocm" in ways)


def test_it_writes_scores_where_it_is_asked_to(render: Render) -> None:
    """Its status by a patch of it, and nothing of Open Cluster Management else but to see clusters."""
    for asked in (False, True):
        manifests = _of_the_hub(render(_ON, f"executor.hub.placementScores={json.dumps(asked)}"))
        verbs = {
            resource: set(rule["verbs"])
            for each in manifests
            for rule in each.get("rules") or ()
            if "cluster.open-cluster-management.io" in rule["apiGroups"]
            for resource in rule["resources"]
        }
        expected = {
            "managedclusters": {"get", "list", "watch"},
            "addonplacementscores": {"get", "list", "watch", "create", "delete"},
            "addonplacementscores/status": {"patch"},
        }
        assert verbs == (expected if asked else {})


def test_it_runs_as_everything_else_does(container: Manifest) -> None:
    """The image that is built, probes, bounds, a read-only root."""
    assert container["image"] == image_reference("executor")
    assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys()
    assert "memory" in container["resources"]["limits"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_it_reads_secrets_in_its_own_namespace_only(render: Render) -> None:
    """Those of stewards and of tenants are none of its business."""
    for each in _of_the_hub(render(_ON)):
        if each["kind"] == "ClusterRole":
            assert not any("secrets" in rule["resources"] for rule in each["rules"])
