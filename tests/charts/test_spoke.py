"""What the chart renders of the spoke, where it is asked for."""

from collections.abc import Callable
from typing import Any

from devcluster.images.recipes import image_reference
from moorage import settings
from pipeline_executor.spoke.settings import RunnerName, SpokeSettings

Manifest = dict[str, Any]
Render = Callable[..., list[Manifest]]
_ON = "executor.spoke.enabled=true"


def _one(manifests: list[Manifest], kind: str, name: str = "moorage-spoke") -> Manifest:
    (found,) = [each for each in manifests if each["kind"] == kind and each["metadata"]["name"] == name]
    return found


def test_it_is_not_there_unasked(render: Render) -> None:
    """Not one object."""
    assert [each for each in render() if "spoke" in each["metadata"]["name"]] == []


def test_the_program_can_read_what_the_chart_sets(render: Render) -> None:
    """Every variable is known, and has the type that the program wants; the images are those that are built."""
    rendered = render(_ON, 'executor.spoke.sites=["eu-1","us-1"]')
    (container,) = _one(rendered, "Deployment")["spec"]["template"]["spec"]["containers"]
    written = {each["name"]: each["value"] for each in container["env"]}
    assert written.keys() <= {each.variable for each in settings.describe(SpokeSettings)}
    known = settings.read(SpokeSettings, written)
    assert (known.sites, known.sidecar_image) == (("eu-1", "us-1"), image_reference("task"))
    assert container["image"] == image_reference("executor")
    service = _one(rendered, "Service")
    assert (service["metadata"]["name"], service["spec"]["ports"][0]["port"]) == (known.service_name, known.listen_port)
    for kind, name in (("Secret", known.certificate_secret), ("ConfigMap", known.ca_config_map)):
        assert _one(rendered, kind, name)["metadata"]["namespace"] == known.namespace


def test_it_reads_secrets_in_its_own_namespace_only(render: Render) -> None:
    """The keys of the stores are there; those of tenants are none of its business."""
    manifests = render(_ON)
    rules = _one(manifests, "ClusterRole")["rules"]
    assert not any({"secrets", "*"} & set(rule["resources"]) for rule in rules)
    assert not any({"*", "impersonate", "escalate", "bind"} & set(rule["verbs"]) for rule in rules)
    inside = [rule for rule in _one(manifests, "Role")["rules"] if "secrets" in rule["resources"]]
    assert [sorted(rule["verbs"]) for rule in inside if "resourceNames" not in rule] == [["get"]]


def test_sidecars_of_all_namespaces_reach_it(render: Render) -> None:
    """At the one port of the task API."""
    policy = _one(render(_ON), "NetworkPolicy")["spec"]
    (rule,) = [rule for rule in policy["ingress"] if rule["ports"][0]["port"] == "https"]
    assert rule["from"] == [{"namespaceSelector": {}}]
    assert policy["policyTypes"] == ["Ingress"]


def test_the_guard_names_the_account_that_makes_pods_of_runs(render: Render) -> None:
    """The policy excepts the spoke's own account, and nobody else's."""
    manifests = render(_ON)
    policy = _one(manifests, "ValidatingAdmissionPolicy", "moorage-tasks-are-the-spokes")
    account = _one(manifests, "ServiceAccount")["metadata"]
    name = f"system:serviceaccount:{account['namespace']}:{account['name']}"
    assert f"!= '{name}'" in policy["spec"]["matchConditions"][0]["expression"]
    off = render(_ON, "guard.enabled=false")
    assert not any(each["metadata"]["name"] == "moorage-tasks-are-the-spokes" for each in off)


def test_its_evidence_is_kept_where_the_operator_says(render: Render) -> None:
    """It can read the value, and may write its key and its heads."""
    rendered = render(_ON, 'evidence.store={"endpoint":"https://s3.test","bucket":"evidence"}')
    (container,) = _one(rendered, "Deployment")["spec"]["template"]["spec"]["containers"]
    read = settings.read(SpokeSettings, {each["name"]: each.get("value", "") for each in container["env"]})
    assert read.evidence_store is not None
    assert read.evidence_store.bucket == "evidence"
    for kind in ("Secret", "ConfigMap"):
        assert "data" not in _one(rendered, kind, "moorage-spoke-evidence")
    rules = [
        rule for rule in _one(rendered, "Role")["rules"] if "moorage-spoke-evidence" in rule.get("resourceNames", [])
    ]
    assert {resource for rule in rules for resource in rule["resources"]} == {"secrets", "configmaps"}


_KUBEFLOW = (_ON, 'executor.spoke.runner="kubeflow"', 'executor.spoke.kubeflow.namespace="pipelines"')


def test_kubeflow_is_asked_with_a_token_of_its_own(render: Render) -> None:
    """For its audience, renewed by the kubelet; the program reads it where the chart mounts it."""
    rendered = render(*_KUBEFLOW, 'executor.spoke.kubeflow.caConfigMap="ours"')
    spec = _one(rendered, "Deployment")["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    known = settings.read(SpokeSettings, {each["name"]: each["value"] for each in container["env"]})
    assert (known.runner, known.kubeflow_namespace) == (RunnerName.KUBEFLOW, "pipelines")
    volumes = {each["name"]: each for each in spec["volumes"]}
    (source,) = volumes["kubeflow-token"]["projected"]["sources"]
    mounted = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    assert source["serviceAccountToken"]["audience"] == "pipelines.kubeflow.org"
    assert str(known.kubeflow_token_file) == f"{mounted['kubeflow-token']}/{source['serviceAccountToken']['path']}"
    assert volumes["kubeflow-ca"]["configMap"] == {"name": "ours"}
    assert str(known.kubeflow_ca_file) == f"{mounted['kubeflow-ca']}/ca.crt"
    bare = render(*_KUBEFLOW, 'executor.spoke.kubeflow.audience=""')
    assert "kubeflow" not in str(_one(bare, "Deployment")["spec"]["template"]["spec"]["volumes"])


def test_with_kubeflow_it_makes_no_pods_and_looks_into_one_namespace(render: Render) -> None:
    """What Kubeflow does with its own rights, the spoke needs none for."""
    rendered = render(*_KUBEFLOW)
    everywhere = {name for rule in _one(rendered, "ClusterRole")["rules"] for name in rule["resources"]}
    assert not everywhere & {"pods", "pods/log", "persistentvolumeclaims", "workflows"}
    role = _one(rendered, "Role", "moorage-spoke-kubeflow")
    assert role["metadata"]["namespace"] == "pipelines"
    assert {verb for rule in role["rules"] for verb in rule["verbs"]} == {"get", "list", "watch"}
    assert not any(each["metadata"]["name"] == "moorage-spoke-kubeflow" for each in render(_ON))
