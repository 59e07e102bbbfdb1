"""No key in the cluster: a real kubelet brings the pod's own token, and a store that trusts the API server takes it."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from demo.platform import CHART, STORE_AUDIENCE, wait_for_rollout
from demo.stage import CONSUMER, IMAGE, SYSTEM, Stage
from tests.node_plugin.played_node import AUDIENCE
from tests.trusting_store import TrustingStore, run_trusting_store

pytestmark = pytest.mark.real

Raw = dict[str, Any]
NAME, TRUSTED, OTHER = "trusted", "reads-by-token", "reads-by-none"
READ = f"print(open('/mnt/datasets/{NAME}/a').read(), open('/mnt/datasets/{NAME}/deep/b').read())"


@pytest.fixture(scope="module")
def store(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrustingStore]:
    """An S3 server beside the demo's, that trusts the API server's tokens of two accounts."""
    issuer = json.loads(stage.kubectl("get", "--raw", "/.well-known/openid-configuration").out)["issuer"]
    keys = json.loads(stage.kubectl("get", "--raw", "/openid/v1/jwks").out)
    host = str(urlsplit(stage.cluster.object_stores["eu-1"].endpoint).hostname)
    accounts = [f"{CONSUMER}/{TRUSTED}", f"{SYSTEM}/moorage-operator"]
    with run_trusting_store(tmp_path_factory.mktemp("weed"), issuer, keys, accounts, host=host) as running:
        running.put("data/a", "data/deep/b", "other")
        permit(stage, running)
        yield running


def permit(stage: Stage, store: TrustingStore) -> None:
    """Have the platform permit the role to the consumer's Datasets, at this store; who exchanges tokens starts anew."""
    role = {"roleARN": store.role, "endpoint": store.store.endpoint, "namespaces": [CONSUMER]}
    options = ("--reset-then-reuse-values", "--set-json", f"webIdentity.roles={json.dumps([role])}")
    done = stage.run("helm", "upgrade", "moorage", str(CHART), "-n", SYSTEM, *options)
    assert done.code == 0, done.text
    for workload in ("deployment/moorage-operator", "daemonset/moorage-node-plugin"):
        wait_for_rollout(stage, workload)


def create(stage: Stage, kind: str, name: str, **fields: Any) -> str:  # noqa: ANN401 - raw JSON
    """Make an object of the consumer's; what the API server says."""
    version = "moorage.dev/v1alpha1" if kind == "Dataset" else "v1"
    metadata = {"name": name, "namespace": CONSUMER, "labels": fields.pop("labels", {})}
    body = {"apiVersion": version, "kind": kind, "metadata": metadata, **fields}
    return stage.kubectl("create", "-f", "-", stdin=json.dumps(body), check=False).text


def create_pod(stage: Stage, name: str, **spec: Any) -> str:  # noqa: ANN401 - raw JSON
    """A pod under `restricted` that reads the dataset."""
    container = {
        "name": "reader", "image": IMAGE, "imagePullPolicy": "IfNotPresent", "command": ["python3", "-c", READ],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }  # fmt: skip
    security = {"runAsNonRoot": True, "runAsUser": 1001, "seccompProfile": {"type": "RuntimeDefault"}}
    whole: Raw = {"restartPolicy": "Never", "securityContext": security, "containers": [container], **spec}
    return create(stage, "Pod", name, labels={"dataset.0.id": NAME, "dataset.0.useas": "mount"}, spec=whole)


def ready(stage: Stage) -> str | None:
    """Why the Dataset is ready; None while it is not."""
    conditions = stage.get("dset", NAME, "-n", CONSUMER).get("status", {}).get("conditions", [])
    return next((each["reason"] for each in conditions if each["type"] == "Ready" and each["status"] == "True"), None)


def test_a_pod_reads_by_its_own_token(stage: Stage, store: TrustingStore) -> None:
    """The account that the role is for reads, the operator lists; another account is told why not, and nobody leaks."""
    assert AUDIENCE == STORE_AUDIENCE
    try:
        create(stage, "ServiceAccount", TRUSTED)
        source = {"site": "eu-1", "s3": store.source("data").write()}
        assert "created" in create(stage, "Dataset", NAME, spec={"sources": [source]})
        stage.wait("the Dataset to be ready", lambda: ready(stage), seconds=120)
        assert stage.get("dset", NAME, "-n", CONSUMER)["status"]["objects"] == 2
        assert "created" in create_pod(stage, TRUSTED, serviceAccountName=TRUSTED)
        assert "created" in create_pod(stage, OTHER)
        stage.wait_for_phase(TRUSTED, {"Succeeded"})
        assert stage.logs(TRUSTED) == "data/a data/deep/b\n"
        told = stage.wait_for_event(OTHER, "FailedMount", f"does not let service account {CONSUMER}/default assume")
        assert "add that account to the role's trust policy at the store" in told
        sources = [{"serviceAccountToken": {"audience": AUDIENCE, "path": "token"}}]
        projecting = [{"name": "token", "projected": {"sources": sources}}]
        refused = create_pod(stage, "projects", serviceAccountName=TRUSTED, volumes=projecting)
        assert "are for Moorage's node plugin only" in refused
        logs = stage.kubectl("logs", "-n", SYSTEM, "daemonset/moorage-node-plugin", "--tail=-1").text
        sidecar = stage.kubectl("logs", "-n", CONSUMER, TRUSTED, "-c", "moorage-mount").text
        events = "\n".join(stage.events(OTHER) + stage.events(TRUSTED))
        assert not any(secret in text for text in (logs, sidecar, events) for secret in ("eyJ", "ASIA"))
    finally:
        stage.delete_pod(TRUSTED, OTHER, "projects")
        stage.kubectl("delete", "dset", NAME, "-n", CONSUMER, "--ignore-not-found", "--timeout=60s")
        stage.kubectl("delete", "serviceaccount", TRUSTED, "-n", CONSUMER, "--ignore-not-found")
