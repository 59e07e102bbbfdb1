"""Who uses a Dataset, who waits for one, and whom a change concerns."""

from typing import Any

import pytest

from dataset_operator.requeueing import Cause, Schedule
from dataset_operator.users import datasets_of, held_by, read_concerned_pod
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


def mounting(raw: dict[str, Any], *, mounted: bool = True, **attributes: str) -> dict[str, Any]:
    """The pod with a hand-written volume, and a container that mounts it."""
    raw["spec"]["volumes"] = [{"name": "x", "csi": {"driver": CSI_DRIVER, "volumeAttributes": attributes}}]
    raw["spec"]["containers"] = [{"name": "main", "volumeMounts": [{"name": "x"}] if mounted else []}]
    return raw


SANDBOX = "PodReadyToStartContainers"


def condition(raw: dict[str, Any], kind: str, status: str) -> dict[str, Any]:
    """The pod with a condition in its status."""
    raw["status"]["conditions"] = [{"type": kind, "status": status}]
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


@pytest.mark.parametrize(
    ("raw", "held"),
    [
        (mounting(pod(), dataset="claims", namespace="steward"), {CLAIMS}),
        (mounting(pod(), dataset="scans"), {SCANS}),
        (pod(dataset_0_id="scans", dataset_0_useas="configmap"), {SCANS}),
        # Nobody was asked, so nobody granted anything.
        (pod(dataset_0_id="scans"), set()),
        (pod(dataset_0_id="scans", dataset_0_useas="mount"), set()),
        (pod(dataset_0_id="claims", dataset_0_namespace="steward", dataset_0_useas="configmap"), set()),
        # The kubelet leaves out what no container mounts, and starts the pod without asking us.
        (mounting(pod(), dataset="scans", mounted=False), set()),
        # It started nothing yet: the volume may be refused.
        (mounting(pod(phase="Pending"), dataset="scans"), set()),
        (mounting(pod(node=None, phase="Pending"), dataset="scans"), set()),
        (condition(mounting(pod(phase="Pending"), dataset="scans"), SANDBOX, "True"), {SCANS}),
        # After its node started anew the volumes are asked for anew, whatever the phase still says.
        (condition(mounting(pod(), dataset="scans"), SANDBOX, "False"), set()),
        (mounting(pod(phase="Succeeded"), dataset="scans"), set()),
        (mounting(pod(phase="Failed"), dataset="scans"), set()),
    ],
)
def test_users_are_those_that_were_given_data(raw: dict[str, Any], held: set[DatasetRef]) -> None:
    """A grant, or keys; nothing that a pod can say of itself."""
    assert held_by(_read(raw)) == held


def test_a_pod_that_is_being_deleted_holds_nothing() -> None:
    """Its grace period may be years, and its node may be lost."""
    raw = mounting(pod(), dataset="scans")
    raw["metadata"]["deletionTimestamp"] = "2036-01-01T00:00:00Z"
    assert held_by(_read(raw)) == frozenset()


@pytest.mark.parametrize(("state", "held"), [("waiting", set()), ("running", {SCANS}), ("terminated", set())])
def test_a_container_that_is_added_later_counts_once_it_runs(state: str, held: set[DatasetRef]) -> None:
    """The pod runs all the while, also if the volume is refused."""
    raw = mounting(pod(), dataset="scans", mounted=False)
    raw["spec"]["ephemeralContainers"] = [{"name": "late", "volumeMounts": [{"name": "x"}]}]
    raw["status"]["ephemeralContainerStatuses"] = [{"name": "late", "state": {state: {}}}]
    assert held_by(_read(raw)) == held


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


def rounds(schedule: Schedule, until: float) -> list[float]:
    """When the causes are due, up to a time."""
    found = []
    while (at := schedule.due_at()) is not None and at <= until:
        assert schedule.pop(at) is not None
        found.append(at)
    return found


def test_a_change_has_three_rounds() -> None:
    """For the extender, whose cache may be behind."""
    schedule = Schedule((0.25, 2.0, 8.0))
    schedule.changed(Cause("Site eu-1"), now=10.0)
    assert schedule.pop(10.2) is None
    assert rounds(schedule, until=100) == [10.25, 12.0, 18.0]
    assert schedule.due_at() is None


def test_changes_in_a_loop_neither_pile_up_nor_put_off() -> None:
    """A hundred edits in ten seconds: a round for each quarter of a second at most, and the last ones follow."""
    schedule, found = Schedule((0.25, 2.0, 8.0)), []
    for step in range(100):
        schedule.changed(Cause("Dataset a/b"), now=step / 10)
        found += rounds(schedule, until=step / 10)
    assert 20 <= len(found) <= 40
    assert rounds(schedule, until=100)[-2:] == [9.9 + 2.0, 9.9 + 8.0]


def _read(raw: dict[str, Any]) -> Any:  # noqa: ANN401
    found = read_concerned_pod(raw)
    assert found is not None
    return found
