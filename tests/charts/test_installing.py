"""The chart on a real API server: everything is accepted, upgrades wipe nothing, and rights are what they should be."""

import base64
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from devcluster.cluster import Cluster
from moorage.kube import Client
from moorage.model import CachedDataset, DatasetRef
from moorage.wire import read_node_cache
from node_plugin.caching.holding import Holding, VersionKey
from node_plugin.caching.reporting import Reporter

_CHART = Path(__file__).parents[2] / "charts/moorage"
_NAMESPACE = "moorage-system"
_PEOPLE = "chart-people"
_RESTRICTED = "chart-restricted"

Kubectl = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def kubectl(plane: Cluster) -> Kubectl:
    """Runs kubectl; `given` goes to its standard input."""

    def run(*arguments: str, given: object = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        text = None if given is None else json.dumps(given)
        done = subprocess.run(
            ["kubectl", *arguments],
            env=os.environ | plane.environment,
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    return run


@pytest.fixture(scope="module")
def run_helm(plane: Cluster) -> Callable[..., str]:
    """Runs helm against the plane."""

    def run(*arguments: str | Path) -> str:
        done = subprocess.run(
            ["helm", *arguments, "--namespace", _NAMESPACE],
            env=os.environ | plane.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module", autouse=True)
def installed(run_helm: Callable[..., str], kubectl: Kubectl) -> Iterator[str]:
    """The chart, installed as a new user does; removed at the end. Gives the notes."""
    # Other tests may have applied the definitions by hand: so may a user have.
    yield run_helm(
        "install", "moorage", _CHART, "--create-namespace", "--take-ownership", "--set", "namespace.create=true"
    )
    run_helm("uninstall", "moorage", "--wait")
    for namespace in (_PEOPLE, _RESTRICTED, _NAMESPACE):
        kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait=false")


def _account(name: str) -> str:
    return f"system:serviceaccount:{_NAMESPACE}:moorage-{name}"


def test_definitions_are_established(kubectl: Kubectl, installed: str) -> None:
    """A cluster with neither cert-manager nor DNS takes all of it, and the notes say how to go on."""
    kubectl("wait", "--for=condition=Established", "crd/datasets.moorage.dev", "crd/sites.moorage.dev", "--timeout=30s")
    assert "dataset.0.id" in installed
    assert "WARNING" not in installed


def test_the_namespace_says_what_its_pods_may_be(kubectl: Kubectl) -> None:
    """Where asked for, the chart labels the namespace that helm has just made."""
    labels = json.loads(kubectl("get", "namespace", _NAMESPACE, "-o", "json").stdout)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "privileged"


def test_every_policy_compiles(kubectl: Kubectl) -> None:
    """The API server's own type check of the admission policies finds nothing."""
    policies = json.loads(kubectl("get", "validatingadmissionpolicies", "-o", "json").stdout)["items"]
    warnings = {
        each["metadata"]["name"]: (each.get("status", {}).get("typeChecking") or {}).get("expressionWarnings")
        for each in policies
    }
    assert {name: found for name, found in warnings.items() if found} == {}
    assert "moorage-pods-are-served" in warnings


def test_an_upgrade_wipes_nothing_that_is_filled_in_at_run_time(run_helm: Callable[..., str], kubectl: Kubectl) -> None:
    """Certificates, published CA and caBundle survive upgrades, with and without server-side apply."""
    value = base64.b64encode(b"filled in at run time").decode()
    for name in ("moorage-webhook-tls", "moorage-broker-tls"):
        kubectl(
            "-n", _NAMESPACE, "patch", "secret", name, "--type=merge", "-p", json.dumps({"data": {"tls.key": value}})
        )
    patch = json.dumps({"data": {"ca.crt": "filled in at run time"}})
    kubectl("-n", _NAMESPACE, "patch", "configmap", "moorage-broker-ca", "--type=merge", "-p", patch)
    bundle = [{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": _any_certificate(kubectl)}]
    for kind in ("mutatingwebhookconfiguration", "validatingwebhookconfiguration"):
        kubectl("patch", kind, "moorage", "--type=json", "-p", json.dumps(bundle))

    def filled() -> list[str]:
        return [
            kubectl("-n", _NAMESPACE, "get", "secret", "moorage-webhook-tls", "-o", "jsonpath={.data}").stdout,
            kubectl("-n", _NAMESPACE, "get", "secret", "moorage-broker-tls", "-o", "jsonpath={.data}").stdout,
            kubectl("-n", _NAMESPACE, "get", "configmap", "moorage-broker-ca", "-o", "jsonpath={.data}").stdout,
            *(
                kubectl("get", kind, "moorage", "-o", "jsonpath={.webhooks[0].clientConfig.caBundle}").stdout
                for kind in ("mutatingwebhookconfiguration", "validatingwebhookconfiguration")
            ),
        ]

    before = filled()
    assert all(before)
    run_helm("upgrade", "moorage", _CHART, "--set", "webhook.timeoutSeconds=4")
    assert filled() == before
    run_helm("upgrade", "moorage", _CHART, "--server-side=false")
    assert filled() == before
    run_helm("rollback", "moorage", "1")
    assert filled() == before


def _any_certificate(kubectl: Kubectl) -> str:
    """A CA bundle that the API server accepts: its own."""
    kubectl("-n", "default", "wait", "--for=create", "configmap/kube-root-ca.crt", "--timeout=60s")
    found = kubectl("-n", "default", "get", "configmap", "kube-root-ca.crt", "-o", r"jsonpath={.data.ca\.crt}").stdout
    return base64.b64encode(found.encode()).decode()


# Who may do what to which resource where; asked of the API server's own authorizer.
_RIGHTS = [
    ("node-plugin", "get", "secrets", "steward", False),
    ("node-plugin", "list", "secrets", _NAMESPACE, False),
    ("node-plugin", "get", "datasets.moorage.dev", "steward", False),
    ("node-plugin", "list", "pods", "steward", False),
    ("node-plugin", "list", "nodecaches.moorage.dev", "", False),
    ("node-plugin", "update", "nodecaches.moorage.dev", "", True),
    ("operator", "get", "secrets", "steward", True),
    ("operator", "list", "secrets", "steward", False),
    ("operator", "watch", "secrets", "steward", False),
    ("operator", "patch", "datasets.moorage.dev/status", "steward", True),
    ("operator", "patch", "datasets.moorage.dev", "steward", False),
    ("operator", "patch", "pods/status", "steward", True),
    ("operator", "patch", "pods", "steward", False),
    ("operator", "delete", "pods", "steward", False),
    ("operator", "create", "pods", "steward", False),
    ("operator", "delete", "persistentvolumeclaims", "steward", True),
    ("operator", "patch", "persistentvolumeclaims", "steward", False),
    ("webhook", "list", "persistentvolumeclaims", "steward", False),
    ("broker", "get", "secrets", "steward", True),
    ("broker", "list", "secrets", "steward", False),
    ("broker", "create", "tokenreviews.authentication.k8s.io", "", True),
    ("broker", "patch", "pods/status", "steward", False),
    ("broker", "patch", "configmaps/moorage-broker-ca", _NAMESPACE, True),
    ("broker", "patch", "configmaps/moorage-scheduler", _NAMESPACE, False),
    ("broker", "update", "secrets/moorage-webhook-tls", _NAMESPACE, False),
    ("webhook", "list", "datasets.moorage.dev", "steward", True),
    ("webhook", "get", "secrets", "steward", False),
    ("webhook", "get", "secrets/moorage-webhook-tls", _NAMESPACE, True),
    ("webhook", "get", "secrets/moorage-broker-tls", _NAMESPACE, False),
    ("webhook", "list", "secrets", _NAMESPACE, False),
    ("webhook", "list", "pods", "steward", False),
    ("webhook", "patch", "mutatingwebhookconfigurations/moorage", "", True),
    ("webhook", "patch", "mutatingwebhookconfigurations/somebody-elses", "", False),
    ("webhook", "create", "mutatingwebhookconfigurations", "", False),
    ("scheduler", "list", "datasets.moorage.dev", "steward", True),
    ("scheduler", "create", "pods/binding", "steward", True),
    ("scheduler", "update", "datasets.moorage.dev", "steward", False),
    ("scheduler", "get", "secrets", "steward", False),
    ("scheduler", "update", "leases/moorage-scheduler", _NAMESPACE, True),
    ("scheduler", "update", "leases/somebody-elses", _NAMESPACE, False),
]


@pytest.mark.parametrize(
    "right", _RIGHTS, ids=[f"{who} {'can' if may else 'cannot'} {verb} {what}" for who, verb, what, _, may in _RIGHTS]
)
def test_each_account_may_do_its_work_and_no_more(kubectl: Kubectl, right: tuple[str, str, str, str, bool]) -> None:
    """A taken pod is worth what its account may do."""
    account, verb, resource, namespace, allowed = right
    words = [verb, resource]
    kind, slash, rest = resource.partition("/")
    if slash and rest in {"status", "binding"}:
        words = [verb, kind, f"--subresource={rest}"]
    where = ["--namespace", namespace] if namespace else ["--all-namespaces"]
    answer = kubectl("auth", "can-i", *words, *where, "--as", _account(account), check=False).stdout.strip()
    assert answer == ("yes" if allowed else "no")


async def test_a_node_plugin_writes_the_cache_of_its_own_node_and_of_no_other(kubectl: Kubectl) -> None:
    """What its token is bound to decides; and at rest it writes nothing."""
    node, account = "chart-paper-a", "moorage-node-plugin"
    kubectl("apply", "-f", "-", given={"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}})
    pod = {"nodeName": node, "serviceAccountName": account, "containers": [{"name": "main", "image": "none"}]}
    metadata = {"name": "chart-paper", "namespace": _NAMESPACE}
    kubectl("apply", "-f", "-", given={"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod})
    bound = ["--bound-object-kind", "Pod", "--bound-object-name", "chart-paper"]
    token = kubectl("create", "token", account, "-n", _NAMESPACE, *bound).stdout.strip()
    config = yaml.safe_load(kubectl("config", "view", "--raw").stdout)
    for user in config["users"]:
        user["user"] = {"token": token}
    held = Holding(
        key=VersionKey(DatasetRef("steward", "claims"), "a" * 64), size_bytes=5, disk_bytes=9, whole=True, last_used=0.0
    )
    try:
        async with Client.from_kubeconfig(yaml.safe_dump(config), "the test") as client:
            own, other = Reporter(client, node), Reporter(client, "chart-paper-b")
            assert await own.tell([held], {}, 0.0)
            version = kubectl("get", "nodecache", node, "-o", "jsonpath={.metadata.resourceVersion}").stdout
            assert not await own.tell([held], {}, 1000.0)
            assert not await other.tell([held], {}, 0.0)
        found = json.loads(kubectl("get", "nodecache", node, "-o", "json").stdout)
        assert found["metadata"]["resourceVersion"] == version
        assert read_node_cache(found).datasets == (CachedDataset(held.key.ref, "a" * 64, 5),)
        assert "NotFound" in kubectl("get", "nodecache", "chart-paper-b", check=False).stderr
    finally:
        kubectl("delete", "nodecache", node, "--ignore-not-found")
        kubectl("delete", "pod", "chart-paper", "-n", _NAMESPACE, "--force", "--grace-period=0", check=False)
        kubectl("delete", "node", node)


@pytest.mark.parametrize(
    ("role", "verb", "allowed"),
    [("view", "list", True), ("view", "create", False), ("edit", "create", True), ("admin", "delete", True)],
)
def test_people_have_datasets_with_the_roles_that_they_have(
    kubectl: Kubectl, role: str, verb: str, *, allowed: bool
) -> None:
    """Datasets are aggregated to the cluster's own view, edit and admin."""
    kubectl("create", "namespace", _PEOPLE, check=False)
    kubectl("-n", _PEOPLE, "create", "rolebinding", f"{role}-{verb}", f"--clusterrole={role}", f"--user={role}-{verb}")
    asked = ["auth", "can-i", verb, "datasets.moorage.dev", "--namespace", _PEOPLE, "--as", f"{role}-{verb}"]
    # The controller that aggregates may still be at it.
    answer = ""
    for _ in range(20):
        answer = kubectl(*asked, check=False).stdout.strip()
        if answer == ("yes" if allowed else "no"):
            break
    assert answer == ("yes" if allowed else "no")


@pytest.mark.parametrize("workload", ["operator", "broker", "webhook", "scheduler", "node-plugin"])
def test_all_pods_but_the_node_plugins_are_restricted(
    kubectl: Kubectl, render: Callable[..., list[dict[str, Any]]], workload: str
) -> None:
    """Pod Security itself is asked, by a namespace that enforces its strictest level."""
    label = {"pod-security.kubernetes.io/enforce": "restricted"}
    metadata = {"name": _RESTRICTED, "labels": label}
    kubectl("apply", "-f", "-", given={"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    (template,) = [
        each["spec"]["template"]
        for each in render()
        if each["kind"] in {"Deployment", "DaemonSet"} and each["metadata"]["name"] == f"moorage-{workload}"
    ]
    spec = template["spec"] | {"serviceAccountName": "default", "priorityClassName": ""}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": workload, "namespace": _RESTRICTED}, "spec": spec}
    kubectl("-n", _RESTRICTED, "wait", "--for=create", "serviceaccount/default", "--timeout=30s")
    done = kubectl("create", "--dry-run=server", "-f", "-", given=pod, check=False)
    if workload == "node-plugin":
        assert 'violates PodSecurity "restricted:latest": privileged' in done.stderr
    else:
        assert done.returncode == 0, done.stderr


def test_a_node_plugin_writes_the_cache_report_of_its_own_node_only(kubectl: Kubectl) -> None:
    """What RBAC can't say: the name is compared with the node that the token is bound to."""
    report = {"apiVersion": "moorage.dev/v1alpha1", "kind": "NodeCache", "metadata": {"name": "node-a"}}
    extra = "authentication.kubernetes.io/node-name"

    def write(*identity: str) -> subprocess.CompletedProcess[str]:
        arguments = ("create", "--dry-run=server", "-f", "-", "--as", _account("node-plugin"), *identity)
        return kubectl(*arguments, given=report, check=False)

    own = write("--as-user-extra", f"{extra}=node-a")
    assert own.returncode == 0, own.stderr
    for identity in (("--as-user-extra", f"{extra}=node-b"), ()):
        refused = write(*identity)
        assert refused.returncode != 0
        assert "the node plugin of another node may not write NodeCache node-a" in refused.stderr


def test_removal_keeps_the_datasets(run_helm: Callable[..., str], kubectl: Kubectl) -> None:
    """`helm uninstall` takes the programs; what people declared is theirs."""
    kubectl("create", "namespace", _PEOPLE, check=False)
    dataset = {
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "Dataset",
        "metadata": {"name": "kept", "namespace": _PEOPLE},
        "spec": {"sources": [{"site": "eu-1", "s3": {"endpoint": "https://s3.example.org", "bucket": "b"}}]},
    }
    # The webhook does not run here, and being ignored when down takes its time.
    kubectl("delete", "validatingwebhookconfiguration", "moorage")
    kubectl("apply", "-f", "-", given=dataset)
    run_helm("uninstall", "moorage", "--wait")
    assert kubectl("-n", _PEOPLE, "get", "dataset", "kept", "-o", "name").stdout == "dataset.moorage.dev/kept\n"
    left = yaml.safe_load(
        kubectl("get", "all", "-n", _NAMESPACE, "-l", "app.kubernetes.io/part-of=moorage", "-o", "yaml").stdout
    )
    assert left["items"] == []
    # The same definitions are taken over by the next installation.
    run_helm("install", "moorage", _CHART)
    kubectl("-n", _PEOPLE, "delete", "dataset", "kept")
