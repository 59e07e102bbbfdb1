"""Tokens for stores: the node plugin gets them from the kubelet, and nobody else has any."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from devcluster.cluster import Cluster
from tests.world import eventually

ROOT = Path(__file__).parents[2]
AUDIENCE = "stores.example.com"
_NAMESPACE, _OWN = "tokens-team", "moorage-system"


class Kubectl:
    """Runs kubectl against the plane; gives what it says."""

    def __init__(self, plane: Cluster) -> None:
        self._command = [str(plane.bin_dir / "kubectl"), f"--kubeconfig={plane.kubeconfig_path}"]

    def __call__(self, *arguments: str, given: str | None = None) -> str:
        """Run it; what it says, on whatever it fails."""
        done = subprocess.run([*self._command, *arguments], input=given, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def kubectl(plane: Cluster) -> Iterator[Kubectl]:
    """With the policies in force."""
    run = Kubectl(plane)
    helm = [str(plane.bin_dir / "helm"), "template", "moorage", str(ROOT / "charts/moorage"), "-n", _OWN]
    helm += ["--show-only=templates/guard-tokens.yaml", f"--set=webIdentity.audience={AUDIENCE}"]
    policies = subprocess.run(helm, capture_output=True, check=True, text=True).stdout
    for namespace in (_NAMESPACE, _OWN):
        run("create", "namespace", namespace)
    run("apply", "-f", "-", given=policies)
    eventually(
        lambda: "serviceaccount/default" in run("get", "serviceaccount", "default", "-o=name", f"-n={_NAMESPACE}")
    )
    eventually(lambda: "other audience" in token(run, AUDIENCE) and "another audience" in pod(run, AUDIENCE))
    yield run
    run("delete", "--ignore-not-found", "-f", "-", given=policies)
    run("delete", "namespace", _NAMESPACE, "--wait=false")


def token(run: Kubectl, audience: str, *extra: str) -> str:
    """Ask for a token of an account."""
    return run("create", "token", "default", f"--audience={audience}", f"-n={_NAMESPACE}", *extra)


def pod(run: Kubectl, audience: str, namespace: str = _NAMESPACE) -> str:
    """Make a pod that projects a token."""
    sources = [{"configMap": {"name": "x"}}, {"serviceAccountToken": {"audience": audience, "path": "token"}}]
    spec = {
        "containers": [{"name": "app", "image": "busybox"}],
        "automountServiceAccountToken": False,
        "volumes": [{"name": "scratch", "emptyDir": {}}, {"name": "token", "projected": {"sources": sources}}],
    }
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": namespace}, "spec": spec}
    return run("create", "--dry-run=server", "-f", "-", given=yaml.safe_dump(body))


def test_nobody_has_a_token_for_stores(kubectl: Kubectl) -> None:
    """Neither people nor pods; other audiences, and our own namespace, are nobody's business."""
    assert "are for Moorage's node plugin only: ask for another audience" in token(kubectl, AUDIENCE)
    assert "label the pod with the dataset, or name another audience" in pod(kubectl, AUDIENCE)
    assert token(kubectl, "others").count(".") == 2
    assert "pod/p created" in pod(kubectl, "others")
    assert "Moorage's node plugin" not in pod(kubectl, AUDIENCE, _OWN)


def test_the_policies_compile(kubectl: Kubectl) -> None:
    """The API server's own type check finds nothing."""
    checked = "jsonpath={.items[?(@.status.typeChecking)].metadata.name}"
    names = {"moorage-tokens-of-pods", "moorage-tokens-of-accounts"}
    eventually(lambda: names <= set(kubectl("get", "validatingadmissionpolicies", f"-o={checked}").split()))
    warnings = "jsonpath={.status.typeChecking.expressionWarnings}"
    assert {kubectl("get", "validatingadmissionpolicy", name, f"-o={warnings}") for name in names} == {""}
