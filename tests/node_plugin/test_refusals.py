"""What the kubelet, and so the pod's author in an Event, is told when there is no volume; and that nothing is left."""

import json
import signal
from pathlib import Path

import grpc
import pytest

from moorage.errors import InputError
from moorage.grants.question import PodIdentity
from node_plugin.csi import PublishRequest, dataset_of
from node_plugin.pod_paths import empty_dir_path
from tests.node_plugin.object_stores import ObjectStore
from tests.node_plugin.played_broker import PlayedBroker
from tests.node_plugin.played_node import FakePod, MakePod, Node, rclones_of, say, wait_for

pytestmark = pytest.mark.real


def refused(node: Node, pod: FakePod, **attributes: str) -> tuple[grpc.StatusCode, str]:
    """Publish, expecting a refusal; gives its status and sentence."""
    with pytest.raises(grpc.RpcError) as caught:
        node.publish(pod, "claims", **attributes)
    assert node.stack(pod, "claims") == []
    assert not pod.target("claims").exists()
    return caught.value.code(), caught.value.details()


def test_the_brokers_refusal_reaches_the_pods_author(node: Node, make_pod: MakePod) -> None:
    """The rule's sentence, as PERMISSION_DENIED."""
    status, sentence = refused(node, make_pod(), dataset="claims", namespace="stewards")
    assert status is grpc.StatusCode.PERMISSION_DENIED
    assert sentence == "stewards/claims is not for this pod; ask its steward"


def test_the_broker_is_asked_with_what_the_kubelet_vouches_for(
    node: Node, make_pod: MakePod, broker: PlayedBroker
) -> None:
    """The contract's body and token; an absent namespace is the pod's own."""
    pod = make_pod()
    refused(node, pod, dataset="claims")
    assert broker.questions == [
        {
            "pod": {"namespace": "fraud", "name": "trainer", "uid": pod.uid},
            "dataset": {"namespace": "fraud", "name": "claims"},
            "token": "Bearer node-token",
            "path": "/v1/grants",
        }
    ]


def test_a_broker_that_is_gone_is_unavailable(node: Node, make_pod: MakePod, broker: PlayedBroker) -> None:
    """The kubelet tries again, and the sentence says so and what is wrong."""
    broker.server.shutdown()
    broker.server.server_close()
    status, sentence = refused(node, make_pod(), dataset="claims")
    assert status is grpc.StatusCode.UNAVAILABLE
    assert "does not answer" in sentence
    assert "tries again" in sentence
    assert "moorage-broker" in sentence


@pytest.mark.parametrize("status", [401, 500, 503])
def test_a_broker_that_can_not_decide_is_unavailable(
    node: Node, make_pod: MakePod, broker: PlayedBroker, status: int
) -> None:
    """No decision is neither a yes nor a refusal."""
    broker.answers["fraud/claims"] = (status, {"message": "the API server is away"})
    code, sentence = refused(node, make_pod(), dataset="claims")
    assert code is grpc.StatusCode.UNAVAILABLE
    assert "the API server is away" in sentence


def test_a_broker_under_another_name_is_not_believed(node: Node, make_pod: MakePod, broker: PlayedBroker) -> None:
    """The certificate must be the broker's own."""
    node.stop_driver()
    node.environment["MOORAGE_BROKER_SERVER_NAME"] = "moorage-broker.elsewhere.svc"
    node.start_driver()
    broker.grant("fraud/claims", {"kind": "hostPath", "path": "/etc"})
    code, sentence = refused(node, make_pod(), dataset="claims")
    assert code is grpc.StatusCode.UNAVAILABLE
    assert broker.questions == []
    assert "certificate" in sentence.lower()


@pytest.mark.parametrize(
    ("attributes", "field"),
    [
        ({}, "csi.volumeAttributes.dataset"),
        ({"dataset": ""}, "csi.volumeAttributes.dataset"),
        ({"dataset": "../x"}, "csi.volumeAttributes.dataset"),
        ({"dataset": "d" * 64}, "csi.volumeAttributes.dataset"),
        ({"dataset": "café"}, "csi.volumeAttributes.dataset"),
        ({"dataset": "claims", "namespace": "A b"}, "csi.volumeAttributes.namespace"),
        ({"dataset": "claims", "bucket": "mine"}, "csi.volumeAttributes.bucket"),
    ],
)
def test_bad_attributes_are_named(
    node: Node, make_pod: MakePod, broker: PlayedBroker, attributes: dict[str, str], field: str
) -> None:
    """Pod, field and remedy; the broker is not even asked."""
    status, sentence = refused(node, make_pod(), **attributes)
    assert status is grpc.StatusCode.INVALID_ARGUMENT
    assert sentence.startswith(f"Pod fraud/trainer: {field}: ")
    assert broker.questions == []


@pytest.mark.parametrize("told", [{"csi.storage.k8s.io/ephemeral": "false"}, {}])
def test_a_persistent_volume_is_refused(told: dict[str, str]) -> None:
    """So is one of which the kubelet does not say that it is inline: whoever writes those may be no pod's author."""
    context = {"dataset": "claims", "namespace": "stewards"} | told
    request = PublishRequest(volume_id="v", target_path="/t", is_block=False, read_only=True, context=context)
    with pytest.raises(InputError, match=r"did not see this pod: .* create it again"):
        dataset_of(request, PodIdentity("fraud", "trainer", "uid"))


def test_a_hand_written_volume_without_a_server_is_refused_after_the_permission(
    node: Node, make_pod: MakePod, broker: PlayedBroker, object_store: ObjectStore
) -> None:
    """Without the sidecar's emptyDir nobody could serve the mount; who may not read is told only that."""
    pod = make_pod()
    pod.run_dir.rmdir()
    assert refused(node, pod, dataset="claims")[0] is grpc.StatusCode.PERMISSION_DENIED
    broker.grant("fraud/claims", object_store.source("x"))
    status, sentence = refused(node, pod, dataset="claims")
    assert status is grpc.StatusCode.FAILED_PRECONDITION
    assert "dataset.0.id: claims" in sentence


@pytest.mark.parametrize(
    "path",
    ["/etc", "{kubelet}/pods/{uid}/volumes/kubernetes.io~csi/../mount", "{kubelet}/pods/{uid}/etc-hosts", "", "pods"],
)
def test_no_other_path_is_touched(node: Node, make_pod: MakePod, path: str) -> None:
    """Neither publish nor unpublish works on anything but a CSI volume of a pod."""
    target = path.format(kubelet=node.kubelet_dir, uid=make_pod().uid)
    for method in ("NodePublishVolume", "NodeUnpublishVolume"):
        with pytest.raises(grpc.RpcError) as caught:
            node.call(method, volume_id="v", target_path=target)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert Path("/etc/passwd").exists()


def test_a_volume_of_another_pod_is_refused(node: Node, make_pod: MakePod) -> None:
    """The pod that is asked for must be the one that gets the mount."""
    pod, other = make_pod(), make_pod()
    with pytest.raises(grpc.RpcError) as caught:
        node.call(
            "NodePublishVolume",
            volume_id="v",
            target_path=str(other.target("claims")),
            volume_context=pod.context(dataset="claims"),
        )
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_link_in_place_of_the_pods_volume_leads_nowhere(
    node: Node, make_pod: MakePod, broker: PlayedBroker, object_store: ObjectStore, tmp_path: Path
) -> None:
    """The directory of the socket is opened without following links."""
    broker.grant("fraud/claims", object_store.source("x"))
    pod = make_pod()
    pod.run_dir.rmdir()
    pod.run_dir.symlink_to(tmp_path)
    assert refused(node, pod, dataset="claims")[0] is grpc.StatusCode.FAILED_PRECONDITION
    assert not (tmp_path / "driver.sock").exists()


def test_a_link_in_place_of_the_socket_is_replaced(
    node: Node, make_pod: MakePod, broker: PlayedBroker, object_store: ObjectStore, tmp_path: Path
) -> None:
    """What the link points to is neither removed, nor opened up, nor written."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    victim.chmod(0o600)
    broker.grant("fraud/claims", object_store.source("x"))
    pod = make_pod()
    (pod.run_dir / "driver.sock").symlink_to(victim)
    node.publish(pod, "claims", dataset="claims")
    assert (pod.run_dir / "driver.sock").is_socket()
    assert victim.read_text() == "precious"
    assert victim.stat().st_mode & 0o777 == 0o600


def test_a_directory_in_place_of_the_socket_is_refused(
    node: Node, make_pod: MakePod, broker: PlayedBroker, object_store: ObjectStore
) -> None:
    """A sentence instead of a crash, and the driver goes on."""
    broker.grant("fraud/claims", object_store.source("x"))
    pod = make_pod()
    (pod.run_dir / "driver.sock").mkdir()
    assert "moorage-mount" in refused(node, pod, dataset="claims")[1]
    node.publish(make_pod(), "claims", dataset="claims")


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"{}\n",
        b"null\n",
        b"\xff\xfe\n",
        b"[" * 4000 + b"\n",
        b'{"op":"detach","volume":"claims"}\n',
        b'{"op":"attach","volume":"../../etc"}\n',
        b'{"op":"attach","volume":["claims"]}\n',
        b'{"op":"attach","volume":"claims","holdsGrant":"yes"}\n',
        b'{"op":"attach","volume":"claims","volume":"claims"}\n',
        b'{"op":"attach","volume":"claims","path":"/etc"}\n',
        b'{"op":"attach","volume":"claims","holdsGrant":NaN}\n',
        b"x" * 100_000,
        b"",
    ],
)
def test_nothing_that_a_pod_sends_is_believed(
    node: Node, make_pod: MakePod, broker: PlayedBroker, object_store: ObjectStore, line: bytes
) -> None:
    """Each is refused, and the next honest request is still served."""
    broker.grant("fraud/claims", object_store.source("x"))
    pod = make_pod()
    node.publish(pod, "claims", dataset="claims")
    answer = say(pod, line)
    assert not answer or json.loads(answer)["status"] == "refused"
    assert b"wJalr" not in answer
    node.start_sidecar(pod, "claims")
    node.wait_ready(pod, "claims")


def test_only_the_mount_servers_user_may_ask(
    node: Node, make_pod: MakePod, broker: PlayedBroker, object_store: ObjectStore
) -> None:
    """Another user of the pod gets neither descriptor nor keys."""
    broker.grant("fraud/claims", object_store.source("x"))
    pod = make_pod()
    node.publish(pod, "claims", dataset="claims")
    answer = json.loads(say(pod, b'{"op":"attach","volume":"claims"}\n', uid=1000))
    assert answer == {"status": "refused", "grant": None, "message": answer["message"]}
    assert "user 1000" in answer["message"]
    unknown = json.loads(say(pod, b'{"op":"attach","volume":"other"}\n'))
    assert unknown["status"] == "unavailable"


def test_no_secret_is_where_it_must_not_be(
    node: Node, make_pod: MakePod, broker: PlayedBroker, object_store: ObjectStore
) -> None:
    """Not in arguments, environments, logs, the journal or any file; in the answer to the sidecar alone."""
    broker.grant("fraud/claims", object_store.source("x"))
    pod = make_pod()
    node.publish(pod, "claims", dataset="claims")
    sidecar = node.start_sidecar(pod, "claims")
    node.wait_ready(pod, "claims")
    node.stop_driver(signal.SIGTERM)
    secret = b"wJalrXUtn"
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                content = (process / name).read_bytes()
            except OSError:
                continue
            assert secret not in content, (process, name)
    for path in node.kubelet_dir.parents[2].rglob("*"):
        if path.is_file():
            assert secret not in path.read_bytes(), path
    assert sidecar.poll() is None
    assert empty_dir_path(node.kubelet_dir, pod.uid, "moorage-mount").is_dir()


def test_a_permission_revoked_after_publishing_gives_no_key(
    node: Node, make_pod: MakePod, object_store: ObjectStore, broker: PlayedBroker
) -> None:
    """However soon the sidecar comes: it gets the refusal, the hook tells it, and nothing is served."""
    broker.grant("stewards/claims", object_store.source("claims"))
    pod = make_pod()
    node.publish(pod, "claims", dataset="claims", namespace="stewards")
    broker.answers.clear()
    answer = json.loads(say(pod, b'{"op": "attach", "volume": "claims", "holdsGrant": false}\n'))
    sentence = "stewards/claims is not for this pod; ask its steward"
    assert answer == {"status": "refused", "grant": None, "message": sentence}
    sidecar = node.start_sidecar(pod, "claims")
    wait_for("the hook to say why", lambda: sentence in node.readiness(pod, "claims")[1])
    assert node.hook(pod, "claims", 600) == (1, f"claims: {sentence}\n")
    assert rclones_of(sidecar) == []
    assert node.stack(pod, "claims") == ["fuse.moorage"]
