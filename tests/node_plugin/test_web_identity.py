"""Keys by a pod's own token: the real driver, sidecar, kernel, and an S3 server that trusts the pod's account."""

import hashlib
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from moorage.access import Access
from tests.node_plugin.played_broker import PlayedBroker
from tests.node_plugin.played_node import AUDIENCE, FakePod, MakePod, Node, rclones_of, wait_for
from tests.node_plugin.test_mounting import READ_ALL
from tests.trusting_store import Issuer, TrustingStore, run_trusting_store

pytestmark = pytest.mark.real

ISSUER = Issuer()
WRITE = "import pathlib, sys; pathlib.Path(sys.argv[1], 'new').write_text('written')"


@pytest.fixture(scope="module")
def trusting_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrustingStore]:
    """A store whose role is for the account of ordinary pods."""
    with run_trusting_store(tmp_path_factory.mktemp("weed"), ISSUER.url, ISSUER.jwks, ["fraud/default"]) as running:
        running.put("claims/a", "claims/deep/b", "others/c")
        yield running


@pytest.fixture
def trusted(node: Node, make_pod: MakePod, broker: PlayedBroker, trusting_store: TrustingStore) -> FakePod:
    """A pod whose token the kubelet brings, on a node whose driver knows the audience."""
    node.stop_driver()
    source = trusting_store.source("claims/")
    node.environment["MOORAGE_WEB_IDENTITY_AUDIENCE"] = AUDIENCE
    role = {"roleARN": trusting_store.role, "endpoint": source.endpoint, "namespaces": ["fraud"]}
    node.environment["MOORAGE_WEB_IDENTITY_ROLES"] = json.dumps({"roles": [role]})
    node.start_driver()
    broker.grant("fraud/claims", {"kind": source.kind, **source.write()}, access=Access.READ_ONLY)
    pod = make_pod()
    pod.token = ISSUER.token("fraud/default")
    return pod


def output(node: Node, pod: FakePod, script: str) -> str:
    """What an app prints."""
    text, _ = node.start_container(pod, "claims", script).communicate(timeout=60)
    return text.decode()


def test_a_pod_reads_by_its_own_token(node: Node, trusted: FakePod) -> None:
    """Every byte of the folder; and the mount heals, also under a driver that has forgotten the token."""
    node.publish(trusted, "claims", dataset="claims")
    sidecar = node.start_sidecar(trusted, "claims")
    node.wait_ready(trusted, "claims")
    expected = {key: hashlib.sha256(f"claims/{key}".encode()).hexdigest() for key in ("a", "deep/b")}
    assert dict(line.split() for line in output(node, trusted, READ_ALL).splitlines()) == expected
    node.stop_driver(signal.SIGKILL)
    node.start_driver()
    (old,) = rclones_of(sidecar)
    node.run(["kill", "-9", str(old)]).wait()
    wait_for("another server", lambda: rclones_of(sidecar) not in ([], [old]))
    node.wait_ready(trusted, "claims")
    assert dict(line.split() for line in output(node, trusted, READ_ALL).splitlines()) == expected
    node.publish(trusted, "claims", dataset="claims")  # as the kubelet does about once a minute
    told = [node.log.read_text(), node.sidecar_log(trusted), str(_written_by(node))]
    assert not any(trusted.token in text or "ASIA" in text for text in told)


def _written_by(node: Node) -> list[str]:
    return [path.read_text() for path in (node.kubelet_dir / "plugins").rglob("*.json")]


def test_a_session_may_write_where_the_grant_does(
    node: Node, trusted: FakePod, broker: PlayedBroker, trusting_store: TrustingStore
) -> None:
    """One that reads may not, whatever the role may: the store itself says so."""
    source = trusting_store.source("written/")
    broker.grant("fraud/claims", {"kind": source.kind, **source.write()}, access=Access.READ_WRITE, version=None)
    node.publish_to_write(trusted, "claims", dataset="claims")
    node.start_sidecar(trusted, "claims")
    node.wait_ready(trusted, "claims")
    assert output(node, trusted, WRITE) == ""
    stored = trusting_store.store.client.get_object(Bucket="steward-data", Key="written/new")
    assert stored["Body"].read() == b"written"


def test_who_gets_no_keys_is_told_why(node: Node, trusted: FakePod, make_pod: MakePod) -> None:
    """Another account: the store's refusal with the remedy, and no token in it; no token yet: later."""
    other = make_pod()
    other.account, other.token = "other", ISSUER.token("fraud/other")
    with pytest.raises(grpc.RpcError) as caught:
        node.publish(other, "claims", dataset="claims")
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert caught.value.details() == (
        "pod fraud/trainer may read dataset fraud/claims, but the store does not let service account fraud/other "
        "assume role arn:aws:iam::role/reader: add that account to the role's trust policy at the store, or run the "
        "pod as one that it names (AccessDenied)"
    )
    assert other.token not in node.log.read_text()
    without = make_pod()
    with pytest.raises(grpc.RpcError, match="has not brought pod fraud/trainer's token yet"):
        node.publish(without, "claims", dataset="claims")
    assert not Path(trusted.target("claims")).exists()
    node.stop_driver()
    del node.environment["MOORAGE_WEB_IDENTITY_AUDIENCE"]
    node.start_driver()
    with pytest.raises(grpc.RpcError, match="the platform has to set"):
        node.publish(trusted, "claims", dataset="claims")
