"""Who uses a Dataset, who waits for one, and whom a change concerns."""

from typing import Any

import pytest

from dataset_operator.requeueing import Cause
from dataset_operator.users import datasets_of, held_by, read_concerned_pod, users_by_dataset
from moorage.model import CSI_DRIVER, DatasetRef

CLAIMS, SCANS = DatasetRef("steward", "claims"), DatasetRef("lab", "scans")


def pod(name: str = "p", *, node: str | None = "n1", phase: str = "Running", **labels: str) -> dict[str, Any]:
    """A raw pod of namespace lab; `dataset_0_id` is the label dataset.0.id."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "lab",
            "uid": f"uid-{name}",
            "labels": {key.replace("_", "."): value for key, value in labels.items()},
        },
        "spec": {"nodeName": node, "volumes": []},
        "status": {"phase": phase},
    }


def mounting(raw: dict[str, Any], **attributes: str) -> dict[str, Any]:
    """The pod with a hand-written volume."""
    raw["spec"]["volumes"] = [{"name": "x", "csi": {"driver": CSI_DRIVER, "volumeAttributes": attributes}}]
    return raw


def test_reading_and_mounting_both_count() -> None:
    """By label with or without useas, and by a volume whatever the labels say."""
    assert datasets_of(_read(pod(dataset_0_id="scans"))) == {SCANS}
    assert datasets_of(_read(pod(dataset_0_id="claims", dataset_0_namespace="steward"))) == {CLAIMS}
    assert datasets_of(_read(mounting(pod(), dataset="claims", namespace="steward"))) == {CLAIMS}


def test_what_comes_through_inputs_is_not_read() -> None:
    """`release` and `accepts` without `useas` bring nothing."""
    assert read_concerned_pod(pod(dataset_0_id="scans", dataset_0_release="pseudonymise")) is None


def test_other_pods_are_not_kept() -> None:
    """A cache of pods holds those that concern us."""
    assert read_concerned_pod(pod()) is None


def test_volumes_count_though_labels_cannot_be_read() -> None:
    """Strange labels hide nobody who mounts."""
    raw = mounting(pod(dataset_0_useas="mount"), dataset="claims", namespace="steward")
    assert datasets_of(_read(raw)) == {CLAIMS}
    assert read_concerned_pod(pod(dataset_0_useas="mount")) is None


def test_users_are_those_who_may_hold_data() -> None:
    """Started and not finished; one whose volume was refused, or that only names others' data, has none."""
    pods = [
        _read(pod("z", dataset_0_id="scans")),
        _read(pod("a", dataset_0_id="scans")),
        _read(pod("waiting", node=None, phase="Pending", dataset_0_id="scans")),
        _read(pod("done", phase="Succeeded", dataset_0_id="scans")),
        _read(pod("failed", phase="Failed", dataset_0_id="scans")),
        _read(mounting(pod("refused", phase="Pending"), dataset="scans")),
        _read(mounting(pod("mounts"), dataset="claims", namespace="steward")),
        _read(pod("says-so", dataset_0_id="claims", dataset_0_namespace="steward")),
    ]
    assert users_by_dataset(pods) == {SCANS: ("lab/a", "lab/z"), CLAIMS: ("lab/mounts",)}


def test_a_pod_holds_data_once_its_volumes_are_there() -> None:
    """The kubelet says so before the first container runs."""
    raw = mounting(pod(phase="Pending"), dataset="scans")
    assert held_by(_read(raw)) == frozenset()
    raw["status"]["conditions"] = [{"type": "PodReadyToStartContainers", "status": "True"}]
    assert held_by(_read(raw)) == {SCANS}


@pytest.mark.parametrize(
    ("cause", "raw", "concerned"),
    [
        (Cause("Dataset lab/scans", dataset=SCANS), pod(node=None, dataset_0_id="scans"), True),
        (Cause("Dataset lab/scans", dataset=SCANS), pod(node=None, dataset_0_id="other"), False),
        (Cause("Site eu-1"), pod(node=None, dataset_0_id="scans"), True),
        (Cause("Site eu-1"), pod(dataset_0_id="scans"), False),
        (Cause("Site eu-1"), pod(node=None, phase="Failed", dataset_0_id="scans"), False),
        (Cause("Namespace lab", namespace="lab"), pod(node=None, dataset_0_id="scans"), True),
        (Cause("Namespace x", namespace="x"), pod(node=None, dataset_0_id="scans"), False),
    ],
)
def test_whom_a_change_concerns(cause: Cause, raw: dict[str, Any], concerned: bool) -> None:  # noqa: FBT001
    """Only pods that wait, and only for what changed."""
    assert cause.concerns(_read(raw)) is concerned


def _read(raw: dict[str, Any]) -> Any:  # noqa: ANN401
    found = read_concerned_pod(raw)
    assert found is not None
    return found
