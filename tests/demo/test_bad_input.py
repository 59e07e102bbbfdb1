"""What people write wrong, on the real cluster: the answer is where they look, and names object, field and remedy."""

import json
from typing import Any

import pytest

from demo.stage import CONSUMER, STEWARD, Stage

pytestmark = pytest.mark.real


def dataset(stage: Stage, name: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - raw JSON
    """The demo's Dataset under another name, with parts of its source or spec changed."""
    s3 = {
        "endpoint": stage.fields["endpoint"],
        "bucket": "flights",
        "prefix": "2013",
        "secretRef": {"name": "flights-keys"},
    }
    spec = {"sources": [{"site": "eu-1", "s3": {**s3, **changes.pop("s3", {})}}], **changes.pop("spec", {})}
    metadata = {"name": name, "namespace": STEWARD}
    return {"apiVersion": "moorage.dev/v1alpha1", "kind": "Dataset", "metadata": metadata, "spec": spec, **changes}


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("unknown-field", {"spec": {"colour": "red"}}, ("unknown field", "spec.colour")),
        ("wrong-enum", {"spec": {"governance": {"classification": "secret"}}}, ("classification", "confidential")),
        ("empty-bucket", {"s3": {"bucket": ""}}, ("spec.sources[0].s3.bucket",)),
        ("no-scheme", {"s3": {"endpoint": "s3.example.com"}}, ("endpoint must begin with https://",)),
        ("bad-place", {"spec": {"governance": {"residency": ["europe"]}}}, ("a place must be a country",)),
        ("no-place", {"spec": {"governance": {"residency": []}}}, ("governance.residency", "at least 1")),
        ("x" * 64, {}, ("DNS label",)),
        ("größe", {}, ("größe",)),
        ("two-ways", {"spec": {"local": {"type": "COS"}}}, ("exactly one of sources, local and remote",)),
    ],
)
def test_a_dataset_that_can_t_be_is_refused(
    stage: Stage, name: str, changes: dict[str, Any], words: tuple[str, ...]
) -> None:
    """By the API server, with the field and what to write."""
    done = stage.kubectl("apply", "-f", "-", stdin=json.dumps(dataset(stage, name, **changes)), check=False)
    assert done.code != 0
    for word in words:
        assert word in done.text


def test_two_source_kinds_are_refused(stage: Stage) -> None:
    """A source is one place."""
    raw = dataset(stage, "two-kinds")
    raw["spec"]["sources"][0]["nfs"] = {"server": "a", "path": "/b"}
    done = stage.kubectl("apply", "-f", "-", stdin=json.dumps(raw), check=False)
    assert done.code != 0
    assert "exactly one of s3, nfs, pvc" in done.text


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("endpoint-down", {"s3": {"endpoint": "http://127.0.0.1:9"}}, "EndpointUnreachable"),
        ("no-bucket", {"s3": {"bucket": "nowhere-at-all"}}, None),
        ("missing-secret", {"s3": {"secretRef": {"name": "nobody-made-it"}}}, "SecretNotFound"),
        ("wrong-key", {"s3": {"secretRef": {"name": "wrong-keys"}}}, "AccessDenied"),
        ("zero-objects", {"s3": {"prefix": "nothing/here"}}, "NoObjects"),
    ],
)
def test_a_source_that_can_t_be_read_says_so(
    stage: Stage, name: str, changes: dict[str, Any], reason: str | None
) -> None:
    """In the conditions, with a reason and a remedy; the Dataset stays, and its repair is noticed."""
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "wrong-keys", "namespace": STEWARD},
        "stringData": {"accessKeyID": "nobody", "secretAccessKey": "nothing"},
    }
    stage.kubectl("apply", "-f", "-", stdin=json.dumps(secret))
    stage.kubectl("apply", "-f", "-", stdin=json.dumps(dataset(stage, name, **changes)))

    def not_ready() -> dict[str, Any] | None:
        conditions = stage.get("dset", name, "-n", STEWARD).get("status", {}).get("conditions", [])
        return next((each for each in conditions if each["type"] == "Ready" and each["status"] == "False"), None)

    condition = stage.wait(f"{name} to be not Ready", not_ready, 90)
    assert reason is None or condition["reason"] == reason, condition
    assert ":" in condition["message"]
    stage.kubectl("apply", "-f", "-", stdin=json.dumps(dataset(stage, name)))
    stage.wait(
        f"{name} to be Ready once it is mended",
        lambda: (
            True
            if any(
                each["type"] == "Ready" and each["status"] == "True"
                for each in stage.get("dset", name, "-n", STEWARD)["status"]["conditions"]
            )
            else None
        ),
        60,
    )
    stage.kubectl("delete", "dset", name, "-n", STEWARD)


def test_a_claim_that_is_not_there_is_accepted_and_says_so(stage: Stage) -> None:
    """A claim as a source that is not there: the status says so."""
    raw = dataset(stage, "claimed")
    raw["spec"]["sources"] = [{"site": "eu-1", "pvc": {"claimName": "data"}}]
    stage.kubectl("apply", "-f", "-", stdin=json.dumps(raw))

    def accessible() -> dict[str, Any] | None:
        conditions = stage.get("dset", "claimed", "-n", STEWARD).get("status", {}).get("conditions", [])
        known = (each for each in conditions if each["type"] == "Accessible" and each["status"] != "Unknown")
        return next(known, None)  # a look under way says so first

    condition = stage.wait("the status of claimed", accessible)
    assert (condition["status"], condition["reason"]) == ("False", "ClaimNotFound")
    stage.kubectl("delete", "dset", "claimed", "-n", STEWARD)


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("hollow", {"s3": {"prefix": "nothing/here"}}, "NoObjects"),
        ("locked", {"s3": {"secretRef": {"name": "no-keys"}}}, "AccessDenied"),
    ],
)
def test_a_pod_never_succeeds_on_nothing(stage: Stage, name: str, changes: dict[str, Any], reason: str) -> None:
    """It waits for its volume, with the Dataset's reason in its Events, and reads once the Dataset is mended."""
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "no-keys", "namespace": STEWARD},
        "stringData": {"accessKeyID": "nobody", "secretAccessKey": "nothing"},
    }
    changes = {**changes, "spec": {"governance": {"consumers": [CONSUMER]}}}
    stage.kubectl("apply", "-f", "-", stdin=json.dumps(secret))
    stage.kubectl("apply", "-f", "-", stdin=json.dumps(dataset(stage, name, **changes)))

    def is_known() -> bool | None:
        conditions = stage.get("dset", name, "-n", STEWARD).get("status", {}).get("conditions", [])
        return any(each["type"] == "Ready" and each["reason"] == reason for each in conditions) or None

    stage.wait(f"{name} to be {reason}", is_known, 90)
    pod = json.loads(
        stage.kubectl("create", "--dry-run=client", "-o", "json", "-f", "-", stdin=stage.manifest("plain.yaml")).out
    )
    labels = {"dataset.0.id": name, "dataset.0.namespace": STEWARD, "dataset.0.useas": "mount"}
    pod["metadata"] = {"name": name, "namespace": CONSUMER, "labels": labels}
    done = stage.kubectl("apply", "-f", "-", stdin=json.dumps(pod))
    assert f"Warning: dataset {STEWARD}/{name} is not ready ({reason}: " in done.text
    event = stage.wait_for_event(name, "FailedMount", "so it is not mounted", reason, seconds=90)
    assert f"dataset {STEWARD}/{name} would be an empty folder here" in event
    assert stage.get("pod", name, "-n", CONSUMER)["status"]["phase"] == "Pending"
    mended = dataset(stage, name, spec=changes["spec"])
    stage.kubectl("apply", "-f", "-", stdin=json.dumps(mended))
    stage.wait_for_phase(name, {"Succeeded"}, seconds=180)
    stage.delete_pod(name)
    stage.kubectl("delete", "dset", name, "-n", STEWARD)


READER = {
    "dataset.0.id": "flights",
    "dataset.0.namespace": STEWARD,
    "dataset.0.useas": "mount",
    "moorage.dev/purpose": "research",
}


def without(*keys: str) -> dict[str, str]:
    """The reader's labels but these."""
    return {key: value for key, value in READER.items() if key not in keys}


@pytest.mark.parametrize(
    ("labels", "namespace", "words"),
    [
        (without("dataset.0.id"), CONSUMER, ("dataset.0.id", "required")),
        ({"dataset.x.id": "flights"}, CONSUMER, ("dataset.x.id", "index must be a number")),
        ({**READER, "dataset.0.useas": "floppy"}, CONSUMER, ("dataset.0.useas", "mount")),
        (without("dataset.0.namespace"), CONSUMER, ("delays-team/flights", "not known", "dataset.N.namespace")),
        (READER, "strangers", ("stewards/flights", "strangers/default", "consumers")),
        ({**READER, "moorage.dev/purpose": "marketing"}, CONSUMER, ("research", "not for marketing")),
        ({**READER, "dataset.0.useas": "memory"}, CONSUMER, ("memory", "mount")),
        ({**READER, "dataset.0.useas": "configmap"}, CONSUMER, ("dataset.0.useas", "keys never leave", "mount")),
    ],
)
def test_a_pod_that_can_t_be_served_is_refused(
    stage: Stage, labels: dict[str, str], namespace: str, words: tuple[str, ...]
) -> None:
    """At admission, with the label and what to write; nothing is created."""
    pod = json.loads(
        stage.kubectl("create", "--dry-run=client", "-o", "json", "-f", "-", stdin=stage.manifest("plain.yaml")).out
    )
    pod["metadata"] = {"name": "mistaken", "namespace": namespace, "labels": labels}
    done = stage.kubectl("apply", "-f", "-", stdin=json.dumps(pod), check=False)
    assert done.code != 0
    for word in words:
        assert word in done.text
    assert stage.get("pod", "mistaken", "-n", namespace) == {}


def test_a_dataset_in_use_can_t_be_deleted_and_goes_at_once_when_it_is_not(stage: Stage) -> None:
    """The refusal names the pod; afterwards deletion does not hang."""
    stage.delete_pod("looping")
    stage.apply("looping.yaml", show=False)
    stage.wait_for_phase("looping", {"Running"})

    def users() -> list[str] | None:
        return stage.get("dset", "flights", "-n", STEWARD)["status"].get("inUseBy") or None

    stage.wait("the Dataset to be in use", users, 30)
    done = stage.kubectl("delete", "dset", "flights", "-n", STEWARD, check=False)
    assert done.code != 0
    assert f"{CONSUMER}/looping" in done.text
    stage.delete_pod("looping")
    stage.wait("nobody to use it", lambda: None if users() else True, 30)
    stage.kubectl("delete", "dset", "flights", "-n", STEWARD, "--timeout=10s")
    stage.apply("dataset.yaml", show=False)
