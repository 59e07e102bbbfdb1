"""What the broker grants to pods that write: the same rules as at admission, of all that the pod reads."""

from dataclasses import replace
from typing import Any

import pytest

from broker import audit
from broker.ruling import Permission, Question, granted, rule
from broker.vouching import vouch
from moorage.access import Access
from moorage.evidence.line import Event, What
from moorage.grants.grant import read_grant, write_grant
from moorage.grants.question import GrantQuestion, PodIdentity
from moorage.model import CSI_DRIVER, SITE_LABEL, Dataset, DatasetRef, Node, Pod, Site, SourceStatus, Usage
from moorage.refusal import Refusal
from moorage.sites import Inventory
from moorage.sources import Credentials
from moorage.sources.s3 import S3Source
from tests.builders import make_dataset

EU = Site("eu-1", jurisdiction="DE", node_selector={SITE_LABEL: "eu-1"})
INVENTORY = Inventory.of([EU])
NODE = Node("n1", {SITE_LABEL: "eu-1"})
CLAIMS = make_dataset("claims").at("eu-1").staying_in("EU").for_consumers("lab").obj()
RESULTS = replace(make_dataset("results", "lab").at("eu-1").staying_in("DE").sized(5).obj(), access=Access.READ_WRITE)
WRITING = {"dataset.0.id": "results", "dataset.0.useas": "mount", "dataset.0.access": "readWrite"}


def volume(ref: DatasetRef) -> dict[str, Any]:
    """A volume of our driver."""
    attributes = {"dataset": ref.name, "namespace": ref.namespace}
    return {"name": ref.name, "csi": {"driver": CSI_DRIVER, "volumeAttributes": attributes}}


def ask(labels: dict[str, str], *mounted: Dataset, target: Dataset = RESULTS) -> Permission | Refusal:
    """What the broker rules on `target`, for a pod with these labels and volumes."""
    known = {dataset.ref: dataset for dataset in (target, *mounted)}
    raw = {
        "kind": "Pod",
        "metadata": {"name": "writer", "namespace": "lab", "uid": "u", "labels": labels},
        "spec": {"nodeName": "n1", "volumes": [volume(ref) for ref in known], "containers": [{"name": "a"}]},
    }
    pod = vouch(raw, GrantQuestion(PodIdentity("lab", "writer", "u"), target.ref), "n1", "docker.io/moorage/mount")
    assert isinstance(pod, Pod)
    read = {ref: known.get(ref) for ref in pod.datasets}
    return rule(Question(target.ref, target, False, pod, None, NODE, INVENTORY, read))  # noqa: FBT003


def test_a_label_makes_a_writer() -> None:
    """With a grant that says so, on the wire as well, and without terms for a cache."""
    permission = ask(WRITING)
    assert isinstance(permission, Permission)
    grant = granted(permission, Credentials("a", "s"))
    assert (grant.access, grant.fill) == (Access.READ_WRITE, None)
    assert read_grant(write_grant(grant)) == grant


@pytest.mark.parametrize("labels", [{}, {**WRITING, "dataset.0.access": "readOnly"}, {"dataset.0.id": "results"}])
def test_without_it_a_pod_reads(labels: dict[str, str]) -> None:
    """Whatever the Dataset permits, whoever wrote the volume; a grant of an older broker says nothing, and reads."""
    permission = ask(labels)
    assert isinstance(permission, Permission)
    grant = granted(permission, None)
    assert grant.access is Access.READ_ONLY
    assert grant.fill is not None
    old = write_grant(grant)
    del old["access"]
    assert read_grant(old).access is Access.READ_ONLY


def test_what_a_volume_without_a_label_reads_counts() -> None:
    """Admission does not see it; the broker does."""
    assert isinstance(ask(WRITING, CLAIMS), Permission)
    strict = replace(CLAIMS, governance=replace(CLAIMS.governance, purposes=frozenset({"research"})))
    refused = ask(WRITING, strict)
    assert isinstance(refused, Refusal)
    assert refused.reason == "RulesTooWeak"
    assert "purposes: no other than research" in refused.message


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"access": Access.READ_ONLY}, "AccessNotOffered"),
        ({"governance": replace(RESULTS.governance, writers=frozenset({"board"}))}, "WriterNotAllowed"),
        ({"governance": replace(RESULTS.governance, consumers=frozenset({"board"}))}, "ConsumerNotAllowed"),
    ],
)
def test_the_rules_are_asked_as_they_are_now(change: dict[str, Any], reason: str) -> None:
    """A Dataset that was closed since the pod was admitted is not written."""
    refused = ask(WRITING, target=replace(RESULTS, **change))
    assert isinstance(refused, Refusal)
    assert refused.reason == reason


def test_a_writer_begins_with_nothing() -> None:
    """An empty folder is where writing begins; a reader is refused it, and a bucket that is missing serves nobody."""
    empty = SourceStatus("eu-1", reachable=True, reason="NoObjects", objects=0)
    target = replace(RESULTS, status=replace(RESULTS.status, sources=(empty,)))
    assert isinstance(ask(WRITING, target=target), Permission)
    assert isinstance(ask({}, target=target), Refusal)
    missing = replace(empty, reachable=False, reason="BucketNotFound")
    assert isinstance(ask(WRITING, target=replace(target, status=replace(target.status, sources=(missing,)))), Refusal)


def test_writers_and_readers_get_keys_of_their_own() -> None:
    """Each from the Secret that the source names for them."""
    (source,) = RESULTS.sources
    assert isinstance(source.location, S3Source)
    location = replace(source.location, secret_name="r", writer_secret_name="w")
    target = replace(RESULTS, sources=(replace(source, location=location),))
    names = []
    for labels in ({}, WRITING):
        permission = ask(labels, target=target)
        assert isinstance(permission, Permission)
        assert permission.source.location.keys is not None
        names.append(permission.source.location.keys.secret_name)
    assert names == ["r", "w"]


class Kept:
    """A recorder that keeps what it is given."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def record(self, event: Event, _message: str) -> None:
        """Keep it."""
        self.events.append(event)


def test_a_grant_to_write_is_evidence_of_its_own() -> None:
    """It says so; one to read says nothing more than before."""
    recorder = Kept()
    asked = GrantQuestion(PodIdentity("lab", "writer", "u"), RESULTS.ref)
    for labels in ({}, WRITING):
        permission = ask(labels)
        assert isinstance(permission, Permission)
        pod = Pod("lab", "writer", "u", "default", Usage())
        audit.grant(recorder, asked, "n1", pod, permission)  # type: ignore[arg-type]
    assert [(event.what, event.access) for event in recorder.events] == [
        (What.GRANTED, None),
        (What.GRANTED, "readWrite"),
    ]
