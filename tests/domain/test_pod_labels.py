"""The label grammar: Datashim's, and ours besides."""

import contextlib
import copy
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.errors import InputError, LabelError
from moorage.model import DatasetRef, UseAs
from moorage.wire import looks_like_dataset_label, read_namespace_purposes, read_pod, read_usage


@pytest.mark.parametrize(
    ("labels", "label", "remedy"),
    [
        ({"dataset.0.useas": "mount"}, "dataset.0.id", "required beside dataset.0.useas"),
        ({"dataset.0.id": ""}, "dataset.0.id", "required"),
        ({"dataset.x.id": "a"}, "dataset.x.id", "index must be a number"),
        ({"dataset.00.id": "a"}, "dataset.00.id", "index must be a number"),
        ({"dataset.-1.id": "a"}, "dataset.-1.id", "index must be a number"),
        ({"dataset.64.id": "a"}, "dataset.64.id", "63, such as dataset.0.id: a pod names at most 64 datasets"),
        ({"dataset.12345.id": "a"}, "dataset.12345.id", "from 0 to 63"),
        ({"dataset.\u0663.id": "a"}, "dataset.\u0663.id", "index must be a number"),
        ({"dataset.0.id": "a", "dataset.0.use-as": "mount"}, "dataset.0.use-as", "known are id, useas"),
        ({"dataset.0.id": "a", "dataset.0.useas": "floppy"}, "dataset.0.useas", "not one of mount"),
        ({"dataset.0.id": "a", "dataset.0.useas": ""}, "dataset.0.useas", "not one of mount"),
        ({"dataset.0.id": "a", "dataset.0.useas": "mount."}, "dataset.0.useas", "not one of mount"),
        ({"dataset.0.id": "A_b"}, "dataset.0.id", "lower-case"),
        ({"dataset.0.id": "a.b"}, "dataset.0.id", "lower-case"),
        ({"dataset.0.id": "a", "dataset.0.namespace": "No"}, "dataset.0.namespace", "lower-case"),
        ({"dataset.0.id": "a", "dataset.0.accepts": "x..y"}, "dataset.0.accepts", "joined by dots"),
        ({"dataset.0.id": "a", "dataset.7.id": "a"}, "dataset.7.id", "index 0 already"),
        ({"dataset.0.id": "a", "dataset.7.id": "a", "dataset.7.namespace": "team"}, "dataset.7.id", "index 0 already"),
    ],
)
def test_bad_labels_are_named_with_a_remedy(labels: dict[str, str], label: str, remedy: str) -> None:
    """Each fault is refused with the label's key and what to write instead."""
    with pytest.raises(LabelError) as error:
        read_usage(labels, "team", "Pod team/p")
    assert error.value.field == f"metadata.labels[{label}]"
    assert remedy in error.value.problem


def test_labels_of_others_are_left_alone() -> None:
    """Keys that merely begin alike are nobody's business of ours."""
    others = {"dataset": "x", "dataset.version": "1", "dataset.example.com/0.id": "x", "app.dataset.0.id": "x"}
    assert not any(looks_like_dataset_label(key) for key in others)
    assert read_usage(others, "team", "Pod team/p").uses == ()


def test_all_that_a_pod_can_say() -> None:
    """Every key reaches the record; a dataset is looked for in the pod's namespace unless told otherwise."""
    usage = read_usage(
        {
            "dataset.1.id": "claims",
            "dataset.1.namespace": "steward",
            "dataset.1.useas": "mount.configmap.mount",
            "dataset.0.id": "own",
            "dataset.0.accepts": "pseudonymise.mask",
            "dataset.2.id": "seen",
            "moorage.dev/purpose": "research",
        },
        "team",
        "Pod team/p",
    )
    own, claims, seen = usage.uses
    assert claims.ref == DatasetRef("steward", "claims")
    assert claims.use_as == {UseAs.MOUNT, UseAs.CONFIGMAP}
    assert own.accepts == {"pseudonymise", "mask"}
    assert [use.ref.name for use in usage.reading] == ["claims", "seen"]
    assert (own.reads, seen.reads) == (False, True)
    assert usage.stated_purpose == "research"


LABELS = st.dictionaries(
    st.from_regex(r"dataset\.(0|1|2|x)\.(id|useas|namespace|release|accepts|odd)", fullmatch=True),
    st.sampled_from(["a", "b", "mount", "mount.cache", ""]),
    max_size=6,
)


@given(LABELS, st.randoms(use_true_random=False))
def test_the_order_of_labels_means_nothing(labels: dict[str, str], random: object) -> None:
    """Same labels, any order: the same reading, or the same refusal."""
    items = list(labels.items())
    random.shuffle(items)  # type: ignore[attr-defined]

    def reading(given_labels: dict[str, str]) -> object:
        try:
            return read_usage(given_labels, "team", "Pod team/p")
        except LabelError as error:
            return str(error)

    assert reading(labels) == reading(dict(items))


def test_a_pod_s_volumes_say_what_it_mounts() -> None:
    """A hand-written volume of our driver counts, whatever the labels say."""
    csi = {"driver": "data.moorage.dev", "volumeAttributes": {"dataset": "claims", "namespace": "steward"}}
    raw = {
        "metadata": {"name": "p", "namespace": "team", "uid": "1"},
        "spec": {
            "nodeName": "n",
            "volumes": [{"name": "a", "csi": csi}, {"name": "b", "csi": {"driver": "other"}}, {"name": "c"}],
        },
        "status": {"phase": "Succeeded"},
    }
    pod = read_pod(raw)
    assert pod.mounts == (DatasetRef("steward", "claims"),)
    assert (pod.service_account, pod.scheduler_name, pod.finished) == ("default", "default-scheduler", True)


@pytest.mark.parametrize(
    ("annotations", "purposes"),
    [
        (None, None),
        ({"moorage.dev/purposes": "research, billing"}, frozenset({"research", "billing"})),
        ({"moorage.dev/purposes": ""}, frozenset()),
    ],
)
def test_a_namespace_may_limit_purposes(annotations: dict[str, str] | None, purposes: frozenset[str] | None) -> None:
    """Absent means any purpose, empty means none."""
    assert read_namespace_purposes({"metadata": {"name": "team", "annotations": annotations}}) == purposes


def many(count: int, field: str = "id") -> dict[str, str]:
    """Labels that name so many datasets."""
    return {f"dataset.{index}.{field}": f"d{index}" for index in range(count)}


def test_a_pod_names_64_datasets() -> None:
    """And not one more."""
    assert len(read_usage(many(64), "team", "Pod team/p").uses) == 64
    with pytest.raises(LabelError, match="at most 64 datasets"):
        read_usage(many(65), "team", "Pod team/p")


FLOODS: dict[str, dict[str, str]] = {
    "ids": many(10_000),
    "uses": many(10_000, "useas"),
    "one dataset again and again": dict.fromkeys(many(10_000), "claims"),
    "bad indices": {f"dataset.{'0' * index}.id": "a" for index in range(10_000)},
    "others' and one of ours": {**{f"dataset.example.com/{i}": "" for i in range(10_000)}, "dataset.0.useas": "x"},
}


@pytest.mark.parametrize("labels", FLOODS.values(), ids=FLOODS.keys())
def test_ten_thousand_labels_are_refused_at_once(labels: dict[str, str]) -> None:
    """Whoever reads pods does so beside everybody else's requests."""
    begun = time.perf_counter()
    with pytest.raises(LabelError):
        read_usage(labels, "team", "Pod team/p")
    assert time.perf_counter() - begun < 0.5  # seconds; about 0.01 where nothing else runs


def a_pod_with_volumes(*attributes: dict[str, str]) -> dict[str, Any]:
    """As somebody writes it who goes past the webhook."""
    volumes = [
        {"name": f"v{index}", "csi": {"driver": "data.moorage.dev", "volumeAttributes": each}}
        for index, each in enumerate(attributes)
    ]
    return {"metadata": {"name": "p", "namespace": "team"}, "spec": {"volumes": volumes}}


def test_volumes_name_64_datasets() -> None:
    """Each counts once, however many volumes name it."""
    named = [{"dataset": f"d{index % 64}"} for index in range(10_000)]
    assert len(read_pod(a_pod_with_volumes(*named)).mounts) == 64
    with pytest.raises(InputError, match=r"Pod team/p: spec.volumes: name more than 64 datasets"):
        read_pod(a_pod_with_volumes(*named, {"dataset": "another"}))


@pytest.mark.parametrize("attributes", [{"dataset": "d" * 64}, {"dataset": "a/b"}, {"dataset": "a", "namespace": "A"}])
def test_volumes_name_datasets_by_names(attributes: dict[str, str]) -> None:
    """What is no name could be of any length."""
    with pytest.raises(InputError, match=r"volumes\[v0\].csi.volumeAttributes: dataset and namespace must be names"):
        read_pod(a_pod_with_volumes(attributes))


_POD: dict[str, Any] = {
    "kind": "Pod",
    "metadata": {
        "namespace": "fraud",
        "name": "train",
        "uid": "1",
        "labels": {"dataset.0.id": "claims", "dataset.0.useas": "mount", "moorage.dev/purpose": "fraud"},
    },
    "spec": {
        "serviceAccountName": "a",
        "nodeName": "n1",
        "schedulerName": "moorage",
        "volumes": [
            {"name": "v", "csi": {"driver": "data.moorage.dev", "volumeAttributes": {"dataset": "claims"}}},
            {"name": "w", "emptyDir": {}},
        ],
        "initContainers": [{"name": "i", "volumeMounts": [{"name": "v"}]}],
        "containers": [{"name": "c", "volumeMounts": [{"name": "v", "mountPath": "/a"}]}],
        "ephemeralContainers": [{"name": "e", "volumeMounts": [{"name": "v"}]}],
    },
    "status": {
        "phase": "Running",
        "conditions": [{"type": "PodReadyToStartContainers", "status": "True"}],
        "ephemeralContainerStatuses": [{"name": "e", "state": {"running": {}}}],
    },
}


def _paths(raw: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = raw.items() if isinstance(raw, dict) else enumerate(raw) if isinstance(raw, list) else ()
    return [found for key, value in keys for found in [(*path, key), *_paths(value, (*path, key))]]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


@given(st.sampled_from(_paths(_POD)), _JSON)
def test_no_type_is_assumed(path: tuple[Any, ...], value: object) -> None:
    """Whatever stands anywhere in a pod, it is read or refused with the field's name."""
    raw = copy.deepcopy(_POD)
    place: Any = raw
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with contextlib.suppress(InputError):
        pod = read_pod(raw)
        assert hash(pod.usage) is not None
        assert isinstance(pod.service_account, str)
        assert pod.node_name is None or isinstance(pod.node_name, str)


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("metadata", "labels"), [], "metadata.labels"),
        (("metadata", "labels", "dataset.0.id"), 1, "metadata.labels[dataset.0.id]"),
        (("spec", "volumes"), {"name": "v"}, "spec.volumes"),
        (("spec", "volumes", 0, "csi"), "x", "spec.volumes[].csi"),
        (("spec", "nodeName"), {}, "spec.nodeName"),
        (("status", "conditions"), "x", "status.conditions"),
        (("spec", "containers", 0, "volumeMounts"), [1], "spec.containers[].volumeMounts"),
    ],
)
def test_a_wrong_type_is_named(path: tuple[Any, ...], value: object, field: str) -> None:
    """Pods come from people's files and over the extender's port, too, not from API servers alone."""
    raw = copy.deepcopy(_POD)
    place: Any = raw
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(InputError) as error:
        read_pod(raw)
    assert error.value.field == field


def test_memory_stands_alone() -> None:
    """A dataset is in the memory of nodes or elsewhere; it can be asked for to write."""
    labels = {"dataset.0.id": "features", "dataset.0.useas": "memory", "dataset.0.access": "readWrite"}
    (use,) = read_usage(labels, "team", "Pod team/p").writing
    assert use.use_as == {UseAs.MEMORY}
    for beside in ("memory.mount", "cache.memory"):
        with pytest.raises(LabelError, match="memory stands alone"):
            read_usage(labels | {"dataset.0.useas": beside}, "team", "Pod team/p")
    assert read_usage(labels | {"dataset.0.useas": "memory.memory"}, "team", "Pod team/p").uses == (use,)
