"""A bare pod whose labels nearly ask for a dataset: the API server itself warns, and creates it."""

import json
import os
import re
import subprocess

import pytest

from devcluster.cluster import Cluster
from moorage.wire.near_misses import near_misses
from tests.guard.conftest import FEW_LABELS
from tests.webhook.pods import NAMESPACE, make_pod

_PREFIX = re.compile(
    r"^Warning: Validation failed for ValidatingAdmissionPolicy 'moorage-near-misses'.*?: (?=label|annot)"
)
LONG = "x" * 100

CASES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "several": ({"datasets.3.id": "claims"}, {}),
    "a capital": ({"Dataset.0.id": "claims"}, {}),
    "dashes": ({"dataset-0-id": "claims"}, {}),
    "underscores": ({"DATASET_12_useAs": "mount"}, {}),
    "no number": ({"datasets.namespace": "stewards"}, {}),
    "a zero in front": ({"datasets.07.id": "claims"}, {}),
    "an annotation": ({}, {"dataset.0.id": "claims"}),
    "an annotation, misspelt": ({"app": "x"}, {"datasets.id": "c"}),
    "an annotation of many letters": ({}, {"dataset.0.id": LONG}),
    "both": ({"datasets.0.id": "claims"}, {"dataset.0.useas": "mount"}),
    "nothing of it": ({"app": "x", "datasets": "y", "data.set/dataset": "z"}, {"team": "fraud"}),
    "a number too high": ({"datasets.64.id": "claims"}, {}),
    "somebody else's": ({"example.com/dataset.0.id": "claims", "datasetid": "x"}, {"example.com/dataset.0.id": "x"}),
}


def create(cluster: Cluster, pod: object, namespace: str = NAMESPACE) -> tuple[int, list[str]]:
    """How kubectl ends, and what it warns of, our policy's name left out."""
    command = ["kubectl", "create", "--namespace", namespace, "--dry-run=server", "--filename", "-"]
    done = subprocess.run(
        command,
        env=os.environ | cluster.environment,
        input=json.dumps(pod),
        capture_output=True,
        check=False,
        text=True,
    )
    lines = [_PREFIX.sub("", line) for line in done.stderr.splitlines() if "moorage-near-misses" in line]
    return done.returncode, sorted(lines)


@pytest.mark.parametrize("name", CASES)
def test_it_says_what_is_said_of_workloads(guarded: Cluster, name: str) -> None:
    """The same sentences, from another engine; and the pod is created."""
    labels, annotations = CASES[name]
    pod = make_pod(labels=labels)
    pod["metadata"]["annotations"] = annotations
    assert create(guarded, pod) == (0, sorted(near_misses(labels, annotations)))


def test_who_was_told_already_is_not_told_again(guarded: Cluster) -> None:
    """A controller's pod, and one that the webhook is asked about."""
    owned = make_pod(labels={"datasets.0.id": "claims"})
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "x", "uid": "1"}
    owned["metadata"]["ownerReferences"] = [owner]
    assert create(guarded, owned) == (0, [])
    assert create(guarded, make_pod(labels={"dataset.version": "2", "datasets.0.id": "claims"})) == (0, [])


def test_what_an_annotation_holds_is_not_repeated_over_lines(guarded: Cluster) -> None:
    """A sentence of ours then, without it."""
    pod = make_pod(labels={})
    pod["metadata"]["annotations"] = {"dataset.0.id": "a\nWarning: b"}
    _, told = create(guarded, pod)
    assert len(told) == 1
    assert "write it as a label, dataset.N.id" in told[0]


def test_very_many_are_not_searched(guarded: Cluster) -> None:
    """The cost ends at a number; the pod is created all the same."""
    many = {f"datasets-{number}": "x" for number in range(FEW_LABELS)}
    assert create(guarded, make_pod(labels={**many, "datasets.0.id": "claims"})) == (0, [])
    code, told = create(guarded, make_pod(labels={**dict(list(many.items())[1:]), "datasets.0.id": "claims"}))
    assert (code, len(told)) == (0, 1)
