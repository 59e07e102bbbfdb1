"""Pods without labels in a namespace that says what its pods read."""

from typing import Any

import pytest

from moorage.errors import LabelError
from moorage.refusal import Refusal
from moorage.wire.defaults import MOST_KEPT, read_namespace_defaults
from tests.webhook.pods import NAMESPACE, SUBJECT, an_s3_dataset, make_pod, reading
from webhook.defaults import check_namespace, label_by_defaults
from webhook.labelled import Labelled
from webhook.mutate import Facts, Serving, mutate, read_request
from webhook.review import Review
from webhook.validate import Accepted

Raw = dict[str, Any]
PURPOSE = {"moorage.dev/purpose": "research"}
DEFAULTS = {**reading("claims", "scans"), **PURPOSE}


def namespace(annotations: dict[str, str], **labels: str) -> Raw:
    """As its owner writes it."""
    given = {"moorage.dev/defaults": "enabled", **labels}
    return {"metadata": {"name": NAMESPACE, "labels": given, "annotations": annotations}}


def labels_of(pod: Raw) -> dict[str, str]:
    """All labels that it has then."""
    found: dict[str, str] = label_by_defaults(pod, NAMESPACE, DEFAULTS).pod["metadata"].get("labels") or {}
    return found


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (None, DEFAULTS),
        ({"app": "x"}, {"app": "x", **DEFAULTS}),
        ({"dataset.version": "3"}, {"dataset.version": "3", **DEFAULTS}),
        ({"moorage.dev/purpose": "audit"}, {**DEFAULTS, "moorage.dev/purpose": "audit"}),
        (reading("other"), {**reading("other"), **PURPOSE}),
        ({"moorage.dev/defaults": "none"}, {"moorage.dev/defaults": "none"}),
    ],
)
def test_what_the_pod_says_itself_comes_first(labels: dict[str, str] | None, expected: dict[str, str]) -> None:
    """One that names a dataset gets none besides; one that declines gets nothing."""
    assert labels_of(make_pod(labels=labels)) == expected


def test_a_nodes_own_pod_gets_nothing() -> None:
    """The guard refuses a mirror pod that reads, and the node could not start without it."""
    pod = make_pod()
    pod["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    assert labels_of(pod) == {}


def test_being_asked_again_changes_nothing() -> None:
    """The labels are there by then."""
    first = label_by_defaults(make_pod(), NAMESPACE, DEFAULTS)
    assert label_by_defaults(first.pod, NAMESPACE, DEFAULTS) == Labelled(first.pod)


def test_a_refusal_says_where_the_label_comes_from() -> None:
    """Nobody wrote it on the pod."""
    dataset = an_s3_dataset("claims", purposes=frozenset({"audit"}))
    labelled = label_by_defaults(make_pod(), NAMESPACE, reading("claims"))
    outcome = mutate(read_request(labelled.pod, NAMESPACE, SUBJECT), Facts({dataset.ref: dataset}), Serving())
    told = labelled.explain(outcome)
    assert isinstance(told, Refusal)
    assert told.message.endswith("(dataset.0 stands for annotations of Namespace fraud)")


@pytest.mark.parametrize(
    ("annotations", "told"),
    [
        ({"dataset.0.useas": "mount"}, "metadata.annotations[dataset.0.id]: is required beside"),
        ({"dataset.64.id": "claims"}, "metadata.annotations[dataset.64.id]: the index must be a number from 0 to 63"),
        (reading("claims", useas="folder"), "metadata.annotations[dataset.0.useas]: 'folder' is not one of"),
        ({**reading("claims"), "moorage.dev/purpose": "two words"}, "[moorage.dev/purpose]: must be fit for a label"),
        ({**reading("claims"), "moorage.dev/purpose": "x" * 5000}, "[moorage.dev/purpose]: must be fit for a label"),
    ],
)
def test_what_can_not_be_read_is_refused(annotations: dict[str, str], told: str) -> None:
    """When the Namespace is written, and, where the webhook was away then, when a pod is created."""
    raw = namespace(annotations)
    answer = check_namespace(Review("u", "UPDATE", "Namespace", "", raw, namespace({})))
    assert isinstance(answer, Refusal)
    assert answer.message.startswith("Namespace fraud: metadata.annotations[")
    assert told in answer.message
    kept = read_namespace_defaults(raw)
    assert kept is not None
    with pytest.raises(LabelError, match="Namespace fraud: "):
        label_by_defaults(make_pod(), NAMESPACE, kept)


def test_near_misses_are_told() -> None:
    """As those of pods are; and nothing of a Namespace that asks for no defaults, or whose annotations stay."""
    raw = namespace({"datasets.0.id": "claims", "dataset.1.id": "scans"})
    answer = check_namespace(Review("u", "CREATE", "Namespace", "", raw, {}))
    assert isinstance(answer, Accepted)
    told = " ".join(answer.warnings)
    assert "annotation datasets.0.id is not read: write dataset.0.id: claims" in told
    assert "annotation dataset.1.id names dataset scans, but the pod gets no data from it: add the annotation" in told
    assert check_namespace(Review("u", "UPDATE", "Namespace", "", raw, raw)) == Accepted()
    plain = namespace({"datasets.0.id": "claims"}, **{"moorage.dev/defaults": "off"})
    assert check_namespace(Review("u", "CREATE", "Namespace", "", plain, {})) == Accepted()


def test_what_is_kept_of_a_namespace_is_bounded() -> None:
    """And what is somebody else's is not kept."""
    many = {f"dataset.{number}.id": "x" * 1000 for number in range(5000)} | {"note": "x"}
    kept = read_namespace_defaults(namespace(many))
    assert kept is not None
    assert len(kept) == MOST_KEPT
    assert max(len(value) for value in kept.values()) == 64
    assert read_namespace_defaults({"metadata": {"name": "x", "annotations": many}}) is None
