"""The broker as a process: TLS, real node-bound tokens, real pods, real Secrets."""

import base64
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.dataset_operator.brokers import Broker, Raw, dataset, mounting, plugin_pod, token
from tests.dataset_operator.conftest import secret
from tests.dataset_operator.processes import SYSTEM
from tests.dataset_operator.stores import STEWARD
from tests.world import World, eventually


def test_a_permitted_pod_gets_the_keys(world: World, broker: Broker) -> None:
    """The whole way; the audit says who got what where, and no key."""
    question = mounting(world, "permitted")
    code, grant = broker.ask(token(world), question)
    assert code == 200, grant
    assert grant["credentials"] == {
        "accessKeyId": STEWARD.access_key_id,
        "secretAccessKey": STEWARD.secret_access_key,
        "sessionToken": None,
        "endsAt": None,
    }
    assert grant["source"]["prefix"] == "claims"
    assert (grant["site"], grant["source"]["site"], grant["source"]["local"]) == (world.eu, world.eu, True)
    assert grant["cache"] == {"mode": "always", "sizeLimitBytes": 2**30}
    audit = eventually(lambda: [entry for entry in broker.audits() if entry.get("pod", "").endswith("/permitted")])[-1]
    assert audit["event"] == "granted"
    assert audit["account"] == f"{world.reader}/trainer"
    assert (audit["node"], audit["site"], audit["dataset"]) == (world.node("eu-a"), world.eu, f"{world.steward}/claims")


def test_the_rules_are_asked_of_where_the_pod_runs(world: World, broker: Broker) -> None:
    """The same pod at us: refused by residency, with the policy's own sentence."""
    code, answer = broker.ask(token(world, node="us-a"), mounting(world, "abroad", node="us-a"))
    assert (code, answer["rule"]) == (403, "ResidencyViolated")
    assert "must stay in EU" in answer["message"]


@pytest.mark.parametrize(
    ("name", "changes", "rule"),
    [
        ("no-purpose", {}, "PurposeMissing"),
        ("other-account", {"serviceAccountName": "default"}, "ConsumerNotAllowed"),
        ("unknown", {"asked": "nothing"}, "DatasetUnknown"),
    ],
)
def test_a_hand_written_volume_gets_no_more_than_a_label_would(
    world: World, broker: Broker, name: str, changes: Raw, rule: str
) -> None:
    """Labels name no dataset at all; every rule is asked."""
    question = mounting(world, name, **changes)
    if name == "no-purpose":
        world.kubectl("label", "pod", name, "-n", world.reader, "moorage.dev/purpose-")
    code, answer = broker.ask(token(world), question)
    assert (code, answer["rule"]) == (403, rule)
    audit = eventually(lambda: [entry for entry in broker.audits() if entry.get("pod", "").endswith(f"/{name}")])[-1]
    assert (audit["event"], audit["rule"]) == ("refused", rule)


def test_a_namespace_can_limit_purposes(world: World, broker: Broker) -> None:
    """A purpose that the namespace does not list does not count; seen without a restart."""
    question = mounting(world, "limited")
    world.kubectl("annotate", "namespace", world.reader, "moorage.dev/purposes=billing")
    try:
        answer = broker.eventually_says(403, token(world), question)
        assert answer["rule"] == "PurposeMissing"
    finally:
        world.kubectl("annotate", "namespace", world.reader, "moorage.dev/purposes-")
    eventually(lambda: broker.ask(token(world), question)[0] == 200)


def test_a_node_gets_nothing_for_pods_of_others(world: World, broker: Broker) -> None:
    """A taken node asks for a pod that runs elsewhere."""
    code, answer = broker.ask(token(world, node="us-a"), mounting(world, "elsewhere"))
    assert code == 409
    assert "does not run on node" in answer["message"]


def test_a_pod_made_anew_is_another_one(world: World, broker: Broker) -> None:
    """By its uid; a deleted one is not there; a finished one gets nothing."""
    question = mounting(world, "anew")
    world.set_status("pod", "anew", {"phase": "Succeeded"}, world.reader)
    assert broker.ask(token(world), question)[0] == 409
    world.kubectl("delete", "pod", "anew", "-n", world.reader, "--force", "--grace-period=0")
    assert broker.ask(token(world), question)[0] == 404
    fresh = mounting(world, "anew")
    assert broker.ask(token(world), question)[0] == 409
    assert broker.ask(token(world), fresh)[0] == 200


def test_a_pod_that_does_not_ask_gets_nothing(world: World, broker: Broker) -> None:
    """Another dataset that its account may read, which its spec does not name."""
    world.apply(dataset(world, "other"))
    question = mounting(world, "modest")
    question["dataset"]["name"] = "other"
    code, answer = broker.ask(token(world), question)
    assert (code, answer["rule"]) == (403, "NotMounted")


def test_a_mirror_pod_vouches_for_nobody(world: World, broker: Broker) -> None:
    """A node may write static pods in any namespace, with any label; they get nothing."""
    raw = world.pod("static", nodeName=world.node("eu-a"))
    raw["spec"].pop("serviceAccountName")
    raw["spec"]["automountServiceAccountToken"] = False
    raw["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    raw["metadata"]["labels"] = {"moorage.dev/purpose": "research"}
    attributes = {"dataset": "claims", "namespace": world.steward}
    raw["spec"]["volumes"] = [{"name": "x", "csi": {"driver": "data.moorage.dev", "volumeAttributes": attributes}}]
    world.apply(raw)
    uid = world.get("pod", "static", world.reader)["metadata"]["uid"]
    question = {
        "pod": {"namespace": world.reader, "name": "static", "uid": uid},
        "dataset": {"namespace": world.steward, "name": "claims"},
    }
    code, answer = broker.ask(token(world), question)
    assert (code, answer["rule"]) == (403, "MirrorPod")


@pytest.mark.parametrize("kind", ["garbage", "audience", "account", "unbound", "none"])
def test_strangers_get_nothing(world: World, broker: Broker, kind: str) -> None:
    """Garbage, the API server's audience, another account, a token bound to no pod, none: 401."""
    tokens: dict[str, Callable[[], str]] = {
        "garbage": lambda: "x.y.z",
        "audience": lambda: token(world, audience="https://kubernetes.default.svc.cluster.local"),
        "account": lambda: token(world, account="other", bound=False),
        "unbound": lambda: token(world, bound=False),
        "none": lambda: "",
    }
    code, answer = broker.ask(tokens[kind](), mounting(world, f"stranger-{kind}"))
    assert code == 401
    assert answer == {"message": "present the node plugin's token: Authorization: Bearer ..."}


def test_a_token_dies_with_its_pod(world: World, broker: Broker) -> None:
    """A node plugin's pod that is gone vouches no more, seconds later."""
    world.apply(plugin_pod(world, "eu-b"))
    question = mounting(world, "widow", node="eu-b")
    known = token(world, node="eu-b")
    assert broker.ask(known, question)[0] == 200
    world.kubectl("delete", "pod", "plugin-eu-b", "-n", SYSTEM, "--force", "--grace-period=0")
    eventually(lambda: broker.ask(known, question)[0] == 401)


def test_missing_keys_are_the_stewards_business(world: World, broker: Broker) -> None:
    """The reader learns that the keys can't be read, not the Secret's name; mended, it works at once."""
    world.apply(dataset(world, "keyless", keys="very-private-name"))
    question = mounting(world, "keyless", asked="keyless")
    answer = broker.eventually_says(409, token(world), question)
    assert "SecretNotFound" in answer["message"]
    assert "very-private-name" not in answer["message"]
    keys = {"accessKeyID": "rotated", "secretAccessKey": "rotated-secret"}
    world.apply(secret(world, "very-private-name", keys))
    code, grant = broker.ask(token(world), question)
    assert (code, grant["credentials"]["accessKeyId"]) == (200, "rotated")


@pytest.mark.parametrize(("body", "code"), [(b"{", 400), ({"pod": {}}, 400), (b" " * 20_000, 413)])
def test_requests_that_are_none(world: World, broker: Broker, body: object, code: int) -> None:
    """Refused, whatever is sent."""
    assert broker.ask(token(world), body)[0] == code


def test_a_pod_that_asks_in_a_loop_takes_nothing_from_its_neighbours(world: World, broker: Broker) -> None:
    """It is told to wait; the next pod of the same node is answered."""
    greedy, modest = mounting(world, "greedy"), mounting(world, "modest")
    proof = token(world)
    assert broker.ask(proof, modest)[0] == 200
    codes = [broker.ask(proof, greedy)[0] for _ in range(100)]
    assert codes[0] == 200
    assert 429 in codes
    assert broker.ask(proof, modest)[0] == 200


def test_the_certificate_bears_the_services_name(broker: Broker, tmp_path: Path) -> None:
    """What node plugins verify."""
    (tmp_path / "ca.crt").write_text(broker.authorities())
    context = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))
    with (
        socket.create_connection(("127.0.0.1", broker.port)) as raw,
        context.wrap_socket(raw, server_hostname=f"moorage-broker.{SYSTEM}.svc") as secure,
    ):
        assert secure.version() == "TLSv1.3"


def test_no_key_is_in_the_log(broker: Broker) -> None:
    """After all that was done above."""
    told = broker.running.text()
    for hidden in (STEWARD.secret_access_key, "rotated-secret", "eyJ"):
        assert hidden not in told
        assert base64.b64encode(hidden.encode()).decode() not in told
    assert "Traceback" not in told
