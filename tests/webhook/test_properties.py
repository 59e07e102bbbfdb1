"""What holds for every pod: the same result however often and in whichever order it is asked for."""

import copy
import random
from typing import Any

import jsonpatch
from hypothesis import given
from hypothesis import strategies as st

from moorage.model import Dataset
from moorage.refusal import Refusal
from tests.webhook.pods import NAMESPACE, SUBJECT, a_memory_dataset, an_s3_dataset, make_container
from webhook.json_patch import diff
from webhook.mutate import Facts, Served, Serving, mutate, read_request
from webhook.sidecar import NAME

Raw = dict[str, Any]
DATASETS = ("claims", "scans", "labs")
KNOWN: dict[Any, Dataset | None] = {
    dataset.ref: dataset for dataset in (*map(an_s3_dataset, DATASETS), a_memory_dataset("features"))
}

NAMES = st.sampled_from([*DATASETS, "work", "moorage-mount", "moorage-cache"])
PATHS = st.sampled_from(["/data", "/data/x", "/mnt/datasets/claims", "/mnt/datasets/claims/x", "/work", "/w/"])
MOUNTS = st.lists(st.fixed_dictionaries({"name": NAMES, "mountPath": PATHS}), max_size=3)
ENTRIES = st.fixed_dictionaries(
    {"name": st.sampled_from(["HOME", "claims_bucket", "labs_region"]), "value": st.just("x")}
)
FIELDS = st.fixed_dictionaries(
    {}, optional={"volumeMounts": st.none() | MOUNTS, "env": st.none() | st.lists(ENTRIES, max_size=2)}
)
CONTAINERS = st.lists(st.tuples(st.sampled_from(["a", "b", "c", NAME]), FIELDS), max_size=3, unique_by=lambda c: c[0])
VOLUMES: st.SearchStrategy[list[Raw]] = st.lists(
    st.fixed_dictionaries({"name": NAMES}, optional={"emptyDir": st.just({})}),
    max_size=3,
    unique_by=lambda v: str(v["name"]),
)
SPECS = st.fixed_dictionaries(
    {"containers": CONTAINERS.map(lambda pairs: [make_container(name, **fields) for name, fields in pairs])},
    optional={
        "initContainers": st.none()
        | CONTAINERS.map(lambda pairs: [make_container(name, **fields) for name, fields in pairs]),
        "volumes": st.none() | VOLUMES,
        "schedulerName": st.sampled_from(["default-scheduler", "moorage", "theirs"]),
    },
)
USES = st.builds(
    lambda uses, memory: uses | memory,
    st.dictionaries(
        st.sampled_from(DATASETS),
        st.lists(st.sampled_from(["mount", "configmap"]), max_size=3).map(".".join),
        min_size=1,
    ),
    st.sampled_from([{}, {"features": "memory"}]),
)


def label(uses: dict[str, str], order: list[int]) -> dict[str, str]:
    """The labels, each dataset at the index that `order` gives it."""
    labels = {}
    for index, (name, useas) in zip(order, uses.items(), strict=False):
        labels[f"dataset.{index}.id"] = name
        if useas:
            labels[f"dataset.{index}.useas"] = useas
    return labels


def ask(labels: dict[str, str], spec: Raw) -> Served | Refusal:
    """What becomes of the pod."""
    pod = {"metadata": {"name": "reader", "labels": labels}, "spec": spec}
    return mutate(read_request(pod, NAMESPACE, SUBJECT), Facts(KNOWN), Serving())


@given(uses=USES, spec=SPECS)
def test_asking_again_changes_nothing(uses: dict[str, str], spec: Raw) -> None:
    """What is served is served."""
    labels = label(uses, [0, 1, 2, 3])
    first = ask(labels, spec)
    if isinstance(first, Served):
        second = ask(labels, first.pod["spec"])
        assert isinstance(second, Served), second
        assert diff(first.pod, second.pod) == []
        assert second.pod == first.pod


@given(uses=USES, spec=SPECS, order=st.permutations([0, 1, 2, 7, 10]), seed=st.integers(0, 99))
def test_the_order_of_the_labels_does_not_matter(uses: dict[str, str], spec: Raw, order: list[int], seed: int) -> None:
    """Neither their indices nor the order in which they are written."""
    one = ask(label(uses, [0, 1, 2, 3]), spec)
    pairs = list(label(uses, order).items())
    random.Random(seed).shuffle(pairs)  # noqa: S311 - no secret
    other = ask(dict(pairs), spec)
    assert type(one) is type(other)
    if isinstance(one, Served) and isinstance(other, Served):
        assert other.pod["spec"] == one.pod["spec"]
        assert other.warnings == one.warnings


@given(uses=USES, spec=SPECS)
def test_the_patch_makes_the_pod_and_leaves_the_question_alone(uses: dict[str, str], spec: Raw) -> None:
    """Also where arrays are absent or null."""
    before = copy.deepcopy(spec)
    outcome = ask(label(uses, [0, 1, 2, 3]), spec)
    assert spec == before
    if isinstance(outcome, Served):
        operations = diff({"spec": spec}, {"spec": outcome.pod["spec"]})
        assert jsonpatch.apply_patch({"spec": before}, operations) == {"spec": outcome.pod["spec"]}


@given(uses=USES, spec=SPECS)
def test_every_container_is_served_once(uses: dict[str, str], spec: Raw) -> None:
    """Each dataset that is mounted has one volume, and at least one mount, read-only, in every container."""
    outcome = ask(label(uses, [0, 1, 2, 3]), spec)
    if not isinstance(outcome, Served):
        return
    made = outcome.pod["spec"]
    for name, useas in uses.items():
        words = useas.split(".")
        containers = [*(made.get("initContainers") or ()), *made["containers"]]
        served = [container for container in containers if container["name"] != NAME]
        if "mount" in words:
            assert [volume["name"] for volume in made["volumes"]].count(name) == 1
            assert [container["name"] for container in made["initContainers"]].count(NAME) == 1
            for container in served:
                mounts = [mount for mount in container["volumeMounts"] if mount["name"] == name]
                assert mounts
                assert all(mount["readOnly"] for mount in mounts)
        if "configmap" in words:
            for container in served:
                assert [entry["name"] for entry in container["env"]].count(f"{name}_endpoint") == 1
