"""What the chart renders where Kubeflow Pipelines' API is asked for, and nothing of it where it is not."""

from collections.abc import Callable
from typing import Any

import pytest

from kfp_api.settings import KfpApiSettings
from moorage import settings

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]
ENABLED = "kfpApi.enabled=true"


def _ours(manifests: list[Manifest]) -> list[Manifest]:
    return [each for each in manifests if "kfp-api" in each["metadata"]["name"]]


def _one(manifests: list[Manifest], kind: str, name: str = "moorage-kfp-api") -> Manifest:
    (found,) = [each for each in manifests if each["kind"] == kind and each["metadata"]["name"] == name]
    return found


def test_it_is_not_there_unasked(render: Render) -> None:
    """Not one object."""
    assert _ours(render()) == []


@pytest.mark.parametrize("values", [[ENABLED], [ENABLED, 'kfpApi.certificateSecret="mine"']])
def test_the_program_can_read_what_the_chart_sets(render: Render, values: list[str]) -> None:
    """Every variable is known, and has the type that the program wants."""
    (container,) = _one(render(*values), "Deployment")["spec"]["template"]["spec"]["containers"]
    written = {each["name"]: each["value"] for each in container["env"]}
    assert written.keys() <= {each.variable for each in settings.describe(KfpApiSettings)}
    known = settings.read(KfpApiSettings, written)
    assert known.run_namespaces == ("kubeflow",)
    mounts = [each["mountPath"] for each in container["volumeMounts"]]
    assert (known.certificate_folder is not None) == ("/tls" in mounts) == (len(values) == 2)


@pytest.mark.parametrize(
    ("namespaces", "roles", "everywhere"),
    [('["a","b"]', ["a", "b"], False), ('["*"]', [], True)],
)
def test_rights_end_where_its_namespaces_end(
    render: Render, namespaces: str, roles: list[str], *, everywhere: bool
) -> None:
    """Roles in those that are named; ConfigMaps of the whole cluster only where all are."""
    manifests = render(ENABLED, f"kfpApi.namespaces={namespaces}")
    found = [
        each for each in manifests if each["kind"] == "Role" and each["metadata"]["name"] == "moorage-kfp-api-runs"
    ]
    assert [each["metadata"]["namespace"] for each in found] == roles
    rules = _one(manifests, "ClusterRole")["rules"]
    assert any("configmaps" in rule["resources"] for rule in rules) is everywhere
    assert not any({"secrets", "*"} & set(rule["resources"]) for rule in rules)
    for role in (*found, _one(manifests, "ClusterRole")):
        assert not any("*" in rule["verbs"] or "impersonate" in rule["verbs"] for rule in role["rules"])


def test_a_given_certificate_needs_no_right(render: Render) -> None:
    """Then it may neither read nor write a Secret."""
    manifests = _ours(render(ENABLED, 'kfpApi.certificateSecret="mine"'))
    assert {each["kind"] for each in manifests} & {"Secret", "ConfigMap"} == set()
    assert not any(
        "secrets" in rule["resources"] for each in manifests if each["kind"].endswith("Role") for rule in each["rules"]
    )


def test_clients_may_come_from_anywhere(render: Render) -> None:
    """Each shows a token; the server itself speaks to API servers and DNS only."""
    policy = _one(render(ENABLED), "NetworkPolicy")["spec"]
    assert [rule for rule in policy["ingress"] if rule["ports"] == [{"port": "https", "protocol": "TCP"}]] == [
        {"ports": [{"port": "https", "protocol": "TCP"}]}
    ]
    assert policy["policyTypes"] == ["Ingress", "Egress"]


def test_a_client_keeps_to_one_replica(render: Render) -> None:
    """The one that has seen what the client wrote."""
    manifests = render(ENABLED, "kfpApi.replicas=2")
    assert _one(manifests, "Service")["spec"]["sessionAffinity"] == "ClientIP"
    pod = _one(manifests, "Deployment")["spec"]["template"]
    assert _one(manifests, "ServiceAccount")["metadata"]["name"] == pod["spec"]["serviceAccountName"]
    assert _one(manifests, "Service")["spec"]["selector"].items() <= pod["metadata"]["labels"].items()


def test_logs_take_the_secrets_that_are_named_and_no_other(render: Render) -> None:
    """Without names it reads no Secret of a store, no Site, and reaches no store."""
    without = _ours(render(ENABLED))
    assert "moorage-kfp-api-logs" not in {each["metadata"]["name"] for each in without}
    assert "sites" not in {each for rule in _one(without, "ClusterRole")["rules"] for each in rule["resources"]}
    manifests = _ours(render(ENABLED, 'kfpApi.logs.secrets=["eu-keys","us-keys"]'))
    rules = [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["eu-keys", "us-keys"], "verbs": ["get"]}]
    assert _one(manifests, "Role", "moorage-kfp-api-logs")["rules"] == rules
    (container,) = _one(manifests, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert {"name": "MOORAGE_LOGS", "value": "true"} in container["env"]
    assert "egress" not in _one(manifests, "NetworkPolicy")["spec"]
    assert "egress" in _one(without, "NetworkPolicy")["spec"]


def test_whoever_may_look_at_runs_may_read_their_logs(render: Render) -> None:
    """By the role that is part of `view`."""
    rules = _one(render(ENABLED), "ClusterRole", "moorage-run-viewer")["rules"]
    assert {"apiGroups": ["moorage.dev"], "resources": ["stretchedpipelines/log"], "verbs": ["get"]} in rules
