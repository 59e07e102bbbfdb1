"""A labelled pod that was not served is refused, with a sentence; no other pod is."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moorage import wire
from moorage.errors import KubeError, LabelError, NotFoundError
from moorage.kube import PODS, Client
from tests.guard.conftest import OPTED_OUT
from tests.webhook.pods import (
    NAMESPACE,
    a_memory_dataset,
    an_s3_dataset,
    make_container,
    make_pod,
    reading,
    serve,
    writable,
)

Raw = dict[str, Any]


async def refusal(client: Client, pod: Raw) -> str | None:
    """The sentence with which the API server refuses a pod; None where it would create it."""
    try:
        await client.create(PODS, pod, dry_run=True)
    except KubeError as error:
        if (error.status, error.reason) != (403, "Forbidden"):
            raise
        return str(error)
    return None


NOT_SERVED = "the admission webhook of Moorage did not serve it"
REFUSED: dict[str, tuple[Raw, str]] = {
    "the webhook is down": (
        make_pod(labels=reading("claims", "scans")),
        f" but {NOT_SERVED}",
    ),
    "the dataset's namespace is named": (
        make_pod(labels=reading("claims", **{"dataset.0.namespace": "steward"})),
        f"dataset steward/claims, but {NOT_SERVED}",
    ),
    "cache, not served": (make_pod(labels=reading("claims", useas="cache")), NOT_SERVED),
    "configmap, not served": (make_pod(labels=reading("claims", useas="configmap")), NOT_SERVED),
    "both, not served": (make_pod(labels=reading("claims", useas="configmap.mount")), NOT_SERVED),
    "memory, not served": (make_pod(labels=reading("claims", useas="memory")), NOT_SERVED),
    "memory beside another use": (make_pod(labels=reading("claims", useas="mount.memory")), "memory stands alone"),
    "an unknown use": (make_pod(labels=reading("claims", useas="Mount")), 'not "Mount"'),
    "an empty use": (make_pod(labels=reading("claims", useas="")), "dataset.N.useas must be mount"),
    "dots between uses": (make_pod(labels=reading("claims", useas="mount..mount")), 'not "mount..mount"'),
    "an index with a zero in front": (
        make_pod(labels={"dataset.00.id": "claims", "dataset.00.useas": "mount"}),
        "label dataset.00.",
    ),
    "an index above the last": (make_pod(labels=reading(*"abc", **{"dataset.64.id": "claims"})), "label dataset.64.id"),
    "a long index": (make_pod(labels={"dataset.12345.id": "claims"}), "label dataset.12345.id can not be read"),
    "no index": (make_pod(labels={"dataset..useas": "mount"}), "label dataset..useas can not be read"),
    "a word for an index": (make_pod(labels={"dataset.a.useas": "mount"}), "label dataset.a.useas can not be read"),
    "an unknown key": (make_pod(labels={"dataset.0.use-as": "mount"}), "label dataset.0.use-as can not be read"),
    "a use without a dataset": (
        make_pod(labels={"dataset.7.useas": "mount"}),
        "label dataset.7.useas stands without the id of its dataset: add dataset.7.id",
    ),
    "an unknown access": (
        make_pod(labels=reading("claims", **{"dataset.0.access": "write"})),
        'dataset.N.access must be readOnly or readWrite, not "write"',
    ),
    "writing without a mount": (
        make_pod(labels={"dataset.0.id": "claims", "dataset.0.access": "readWrite"}),
        "dataset.0.access: readWrite needs a mount",
    ),
    "writing to a cache": (
        make_pod(labels=reading("claims", useas="mount.cache", **{"dataset.0.access": "readWrite"})),
        "dataset.0.access: readWrite needs a mount, and no cache",
    ),
    "writing, not served": (make_pod(labels=reading("claims", **{"dataset.0.access": "readWrite"})), NOT_SERVED),
    "a node of its own": (
        make_pod(labels={"dataset.0.id": "claims"}, nodeName="eu-1-n1"),
        "spec.nodeName must not be set",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("pod", "sentence"), REFUSED.values(), ids=REFUSED.keys())
async def test_a_labelled_pod_that_was_not_served_is_refused(client: Client, pod: Raw, sentence: str) -> None:
    """Each with the sentence that says what to do."""
    told = await refusal(client, pod)
    assert told is not None
    assert sentence in told


ADMITTED: dict[str, Raw] = {
    "no labels at all": make_pod(),
    "other labels": make_pod(labels={"app": "web", "dataset": "a", "dataset.version": "3", "datasets.0.id": "b"}),
    "labels of another domain": make_pod(labels={"dataset.example.com/id": "a", "dataset.0.id.example.com/x": "b"}),
    "a purpose and no dataset": make_pod(labels={"moorage.dev/purpose": "research"}),
    "a dataset that nothing is injected for": make_pod(labels={"dataset.0.id": "claims"}),
    "a dataset that comes through inputs": make_pod(
        labels={"dataset.3.id": "claims", "dataset.3.release": "public", "dataset.3.accepts": "a.b"}
    ),
    "a node of its own, no dataset": make_pod(nodeName="eu-1-n1"),
    "a volume by hand, which is the node plugin's to judge": make_pod(
        volumes=[{"name": "v", "csi": {"driver": "data.moorage.dev", "volumeAttributes": {"dataset": "claims"}}}]
    ),
    "served": serve(make_pod(labels=reading("claims")), an_s3_dataset()),
    "served to write": serve(
        make_pod(labels=reading("claims", **{"dataset.0.access": "readWrite"})), writable(an_s3_dataset())
    ),
    "served with keys": serve(make_pod(labels=reading("claims", useas="configmap")), an_s3_dataset()),
    "served with memory, without a sidecar": serve(
        make_pod(labels=reading("features", useas="memory", **{"dataset.0.access": "readWrite"})),
        writable(a_memory_dataset()),
    ),
    "served both ways": serve(make_pod(labels=reading("claims", useas="mount.configmap")), an_s3_dataset()),
    "served for a scheduler of somebody else's": serve(
        make_pod(labels=reading("claims"), schedulerName="theirs"), an_s3_dataset()
    ),
    "served with several datasets and containers": serve(
        make_pod(
            labels=reading("claims", "scans"),
            containers=[make_container("a"), make_container("b")],
            initContainers=[make_container("first")],
        ),
        an_s3_dataset("claims"),
        an_s3_dataset("scans"),
    ),
}


@pytest.mark.parametrize("pod", ADMITTED.values(), ids=ADMITTED.keys())
async def test_what_is_not_ours_or_was_served_passes(client: Client, pod: Raw) -> None:
    """Nothing is blocked that was not asked for; and what the webhook makes satisfies API server and guard."""
    assert await refusal(client, pod) is None


CSI = {"driver": "data.moorage.dev", "readOnly": True}
OURS = {"dataset": "claims", "namespace": "fraud"}


def with_volume(volume: Raw) -> Callable[[Raw], Raw]:
    """Another volume under the dataset's name."""

    def undo(spec: Raw) -> Raw:
        others = [each for each in spec["volumes"] if each["name"] != "claims"]
        return {**spec, "volumes": [{"name": "claims", **volume}, *others]}

    return undo


def with_second_container(**fields: object) -> Callable[[Raw], Raw]:
    """Another thing in the second container alone."""

    def undo(spec: Raw) -> Raw:
        first, second = spec["containers"]
        return {**spec, "containers": [first, {**second, **fields}]}

    return undo


def with_sidecar(**fields: object) -> Callable[[Raw], Raw]:
    """Another thing in the sidecar; None takes it away."""

    def undo(spec: Raw) -> Raw:
        sidecar = {**spec["initContainers"][0], **fields}
        return {**spec, "initContainers": [{key: value for key, value in sidecar.items() if value is not None}]}

    return undo


UNDONE: dict[str, Callable[[Raw], Raw]] = {
    "an empty volume": with_volume({"emptyDir": {}}),
    "another driver": with_volume({"csi": {**CSI, "driver": "other.example.com", "volumeAttributes": OURS}}),
    "another dataset": with_volume({"csi": {**CSI, "volumeAttributes": {**OURS, "dataset": "other"}}}),
    "another namespace": with_volume({"csi": {**CSI, "volumeAttributes": {**OURS, "namespace": "other"}}}),
    "no namespace": with_volume({"csi": {**CSI, "volumeAttributes": {"dataset": "claims"}}}),
    "no attributes": with_volume({"csi": CSI}),
    "one container's mount": with_second_container(volumeMounts=[]),
    "one container's keys": with_second_container(env=[]),
    "the sidecar": lambda spec: {**spec, "initContainers": []},
    "a sidecar that ends": with_sidecar(restartPolicy=None, lifecycle=None),
    "a sidecar without its socket": with_sidecar(volumeMounts=[]),
    "no scheduler": lambda spec: {**spec, "schedulerName": ""},
    "the default scheduler": lambda spec: {**spec, "schedulerName": "default-scheduler"},
}


@pytest.mark.parametrize("undo", UNDONE.values(), ids=UNDONE.keys())
async def test_a_pod_that_was_served_by_halves_is_refused(client: Client, undo: Callable[[Raw], Raw]) -> None:
    """Fakes under the right names, and what another webhook took away."""
    pod = make_pod(
        labels=reading("claims", useas="mount.configmap"), containers=[make_container("a"), make_container("b")]
    )
    served = serve(pod, an_s3_dataset())
    assert await refusal(client, served) is None
    told = await refusal(client, {**served, "spec": undo(served["spec"])})
    assert told is not None
    assert NOT_SERVED in told


async def test_all_datasets_are_named(client: Client) -> None:
    """In no order that could be promised: the API server's maps have none."""
    told = await refusal(client, make_pod(labels=reading("claims", "scans")))
    assert told is not None
    assert "datasets fraud/claims, fraud/scans," in told or "datasets fraud/scans, fraud/claims," in told


async def test_generated_names_are_refused_too(client: Client) -> None:
    """The name is not known when the pod is sent."""
    pod = make_pod(labels=reading("claims"))
    pod["metadata"] = {"generateName": "reader-", "namespace": NAMESPACE, "labels": pod["metadata"]["labels"]}
    told = await refusal(client, pod)
    assert told is not None
    assert 'pods "reader-' in told


async def test_applying_creates_too(client: Client) -> None:
    """Server-side apply is a PATCH, and still makes a pod where there is none."""
    with pytest.raises(KubeError, match=NOT_SERVED):
        await client.apply(PODS, make_pod("applied", labels=reading("claims")))


async def test_a_rehearsal_is_refused_as_the_real_thing(client: Client) -> None:
    """All of the above are dry runs; this is none, and nothing is left of it."""
    with pytest.raises(KubeError, match=NOT_SERVED):
        await client.create(PODS, make_pod("real", labels=reading("claims")))
    with pytest.raises(NotFoundError):
        await client.get(PODS, "real", NAMESPACE)


@pytest.mark.parametrize("namespace", ["kube-system", OPTED_OUT])
async def test_namespaces_that_are_left_alone(client: Client, namespace: str) -> None:
    """The system's, and those whose owner opted out: a pod there is not served, and not refused."""
    pod = make_pod(labels=reading("claims"))
    pod["metadata"]["namespace"] = namespace
    assert await refusal(client, pod) is None


KEYS = st.one_of(
    st.sampled_from(
        [
            "dataset.0.id",
            "dataset.1.id",
            "dataset.10.namespace",
            "dataset.0.accepts",
            "dataset.0.access",
            "dataset.00.id",
            "dataset.x.id",
        ]
    ),
    st.from_regex(r"dataset\.[0-9a-z.]{0,6}[.](id|namespace|release|accepts|access|x|id[.]x|useas)", fullmatch=True),
    st.from_regex(r"dataset\.[0-9]{1,5}\.[a-z]{1,4}(/[a-z]{1,3})?", fullmatch=True),
    st.integers(55, 70).map(lambda number: f"dataset.{number}.id"),
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keys=st.sets(KEYS, min_size=1, max_size=3))
async def test_guard_and_reader_mean_the_same_labels(client: Client, keys: set[str]) -> None:
    """The patterns of the guard are those of moorage.wire: the one refuses exactly what the other can't read."""
    labels = {key: f"d{number}" for number, key in enumerate(sorted(keys))}
    try:
        uses = wire.read_usage(labels, NAMESPACE, "Pod").uses
        readable = not any(use.use_as for use in uses)
    except LabelError:
        readable = False
    assert (await refusal(client, make_pod(labels=labels)) is None) is readable
