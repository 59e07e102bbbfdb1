"""The label grammar: Datashim's, and ours besides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.errors import LabelError
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
        ({"dataset.12345.id": "a"}, "dataset.12345.id", "four digits"),
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
