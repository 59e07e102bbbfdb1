"""The webhook behind a real API server, with the chart's configuration, beside the guard, in a restricted namespace."""

from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from moorage.errors import KubeError
from moorage.evidence.documents import entries_of
from moorage.evidence.findings import Problem
from moorage.evidence.line import What, read_line
from moorage.evidence.verifying import verify
from moorage.kube import DATASETS, NAMESPACES, PODS, SITES, Client, Resource
from moorage.model import SITE_LABEL
from tests.polling import until
from tests.webhook.conftest import RunningWebhook
from tests.webhook.pods import MOUNT, NAMESPACE, make_container, make_pod, reading

Raw = dict[str, Any]
SECRET = "wJalrXUtnFEMIsecret"


def custom(resource: Resource, name: str, spec: Raw, namespace: str = NAMESPACE) -> Raw:
    """A Dataset or a Site as people write it."""
    metadata = {"name": name, **({"namespace": namespace} if resource.namespaced else {})}
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, "spec": spec}


def s3(site: str = "eu-1") -> Raw:
    """A copy there."""
    return {"site": site, "s3": {"endpoint": "https://s3", "bucket": "claims", "secretRef": {"name": "claims-keys"}}}


def site(name: str, jurisdiction: str) -> Raw:
    """A Site whose nodes carry its name."""
    return custom(SITES, name, {"jurisdiction": jurisdiction, "nodeSelector": {SITE_LABEL: name}})


OBJECTS: list[tuple[Resource, Raw]] = [
    (SITES, site("eu-1", "DE")),
    (SITES, site("us-1", "US-CA")),
    (DATASETS, custom(DATASETS, "claims", {"sources": [s3()]})),
    (DATASETS, custom(DATASETS, "scans", {"sources": [s3("us-1")]})),
    (
        DATASETS,
        custom(
            DATASETS,
            "governed",
            {
                "sources": [s3()],
                "governance": {"residency": ["EU"], "purposes": ["research"], "consumers": [NAMESPACE]},
            },
            "steward",
        ),
    ),
    (DATASETS, custom(DATASETS, "nowhere", {"sources": [s3()], "governance": {"residency": ["JP"]}})),
    (
        DATASETS,
        custom(
            DATASETS,
            "inline",
            {
                "local": {
                    "type": "COS",
                    "site": "eu-1",
                    "endpoint": "https://s3",
                    "bucket": "b",
                    "accessKeyID": "AKIA",
                    "secretAccessKey": SECRET,
                }
            },
        ),
    ),
]
GOVERNED = reading("governed", **{"dataset.0.namespace": "steward"})
PURPOSE = {"moorage.dev/purpose": "research"}


@pytest.fixture(autouse=True)
async def objects(client: Client) -> None:
    """They are there; the webhook may not have seen them yet, which must not matter."""
    for resource, body in OBJECTS:
        await client.apply(resource, body)


async def create(client: Client, pod: Raw) -> Raw:
    """The pod as the API server would store it."""
    return await client.create(PODS, pod, dry_run=True)


async def refused(client: Client, pod: Raw) -> KubeError:
    """The refusal."""
    with pytest.raises(KubeError) as caught:
        await create(client, pod)
    return caught.value


async def test_a_labelled_pod_is_served(client: Client) -> None:
    """In a namespace that enforces `restricted`; what is stored has the mount, the sidecar and the scheduler."""
    spec = (await create(client, make_pod(labels={**GOVERNED, **PURPOSE})))["spec"]
    assert spec["schedulerName"] == "moorage"
    assert [container["name"] for container in spec["initContainers"]] == ["moorage-mount"]
    mount = {**MOUNT, "name": "governed", "mountPath": "/mnt/datasets/governed"}
    assert mount in spec["containers"][0]["volumeMounts"]
    assert {volume["name"] for volume in spec["volumes"]} >= {"governed", "moorage-mount", "moorage-cache"}
    app = {mount["name"] for mount in spec["containers"][0]["volumeMounts"]}
    sidecar = {mount["name"] for mount in spec["initContainers"][0]["volumeMounts"]}
    assert any(name.startswith("kube-api-access") for name in app)
    assert sidecar == {"moorage-mount", "moorage-cache"}, "the pod's token is none of the sidecar's business"


async def test_a_pod_that_is_served_again_stays(client: Client) -> None:
    """As somebody does who copies a pod's manifest; all that the API server filled in changes nothing."""
    labels = reading("claims", "scans", useas="mount.configmap")
    first = await create(client, make_pod(labels=labels))
    again = await create(client, {**make_pod(labels=labels), "spec": first["spec"]})
    assert again["spec"] == first["spec"]


@pytest.mark.parametrize(
    ("labels", "status", "reason", "sentence"),
    [
        (GOVERNED, 403, "PurposeMissing", "dataset steward/governed may be read for research only"),
        ({**GOVERNED, "moorage.dev/purpose": "sale"}, 403, "PurposeNotAllowed", "not for sale"),
        (reading("nothing"), 403, "DatasetUnknown", "dataset fraud/nothing is not known"),
        (reading("inline", **{"dataset.0.namespace": "steward"}), 403, "DatasetUnknown", "steward/inline is not known"),
        ({"dataset.0.useas": "mount"}, 400, "BadRequest", "is required beside dataset.0.useas"),
        ({"dataset.00.id": "claims"}, 400, "BadRequest", "metadata.labels[dataset.00.id]: the index must be a number"),
        (reading("claims", "claims"), 400, "BadRequest", "is named at index 0 already"),
        (reading("claims", useas="mount.tape"), 400, "BadRequest", "'tape' is not one of mount, configmap"),
        (reading("inline", useas="configmap"), 403, "Forbidden", "has its keys in spec.local"),
    ],
)
async def test_refusals_reach_the_user(
    client: Client, labels: dict[str, str], status: int, reason: str, sentence: str
) -> None:
    """With status, reason and the sentence."""
    error = await refused(client, make_pod(labels=labels))
    assert (error.status, error.reason) == (status, reason)
    assert "Pod fraud/reader: " in str(error)
    assert sentence in str(error)


async def test_a_refusal_is_a_line_of_evidence(client: Client, webhook: RunningWebhook) -> None:
    """In a chain that verifies. What was only tried (`--dry-run=server`) is none."""
    await refused(client, make_pod("tried", labels=GOVERNED))
    with pytest.raises(KubeError, match="PurposeMissing"):
        await client.create(PODS, make_pod("meant", labels=GOVERNED))
    lines = list(entries_of("log", webhook.log.read_bytes().splitlines(keepends=True)))
    events = [read_line(entry.raw).event for entry in lines]
    (line,) = [event for event in events if event.what is What.REFUSED]
    assert (line.dataset, line.pod, line.rule) == ("steward/governed", "fraud/meant", "PurposeMissing")
    assert line.account == "fraud/default"
    assert [each for each in verify(lines).findings if each.problem is not Problem.UNSEALED] == []


async def test_a_pod_whose_name_is_to_be_made(client: Client) -> None:
    """The sentence has the prefix."""
    pod = make_pod(labels=GOVERNED)
    pod["metadata"] = {"generateName": "reader-", "labels": GOVERNED, "namespace": NAMESPACE}
    assert "Pod fraud/reader-*: metadata.labels[dataset.0.id]: PurposeMissing" in str(await refused(client, pod))


async def test_a_dataset_made_a_moment_ago(client: Client) -> None:
    """It is found, though the watch may not have told yet; and that it was unknown is soon forgotten."""
    for number in range(5):
        name = f"new-{number}"
        await client.create(DATASETS, custom(DATASETS, name, {"sources": [s3()]}))
        await create(client, make_pod(labels=reading(name)))
        await client.delete(DATASETS, name, NAMESPACE)


async def test_a_namespace_that_limits_purposes(client: Client) -> None:
    """A stated purpose counts only where the namespace lists it."""
    pod = make_pod(labels={**GOVERNED, **PURPOSE})

    async def limit(purposes: str | None) -> None:
        annotations = {"moorage.dev/purposes": purposes}
        await client.merge_patch(NAMESPACES, {"metadata": {"name": NAMESPACE, "annotations": annotations}})

    await limit("sale,support")
    try:

        async def counts_no_more() -> bool:
            try:
                await create(client, pod)
            except KubeError as error:
                return error.reason == "PurposeMissing"
            return False

        await until(counts_no_more)
        await limit("sale, research")

        async def counts() -> bool:
            try:
                await create(client, pod)
            except KubeError:
                return False
            return True

        await until(counts)
    finally:
        await limit(None)


def test_warnings_are_shown(webhook: RunningWebhook) -> None:
    """By kubectl, beside the success."""
    pod = make_pod(labels=reading("nowhere"))
    shown = webhook.kubectl("create", "--dry-run=server", "-f", "-", stdin=yaml.safe_dump(pod))
    assert "Warning: no site permits this pod now, so it will wait: ResidencyViolated" in shown.stderr
    assert "pod/reader created (server dry run)" in shown.stdout


def test_what_is_written_of_datasets_and_sites(webhook: RunningWebhook) -> None:
    """Refused with a sentence, or written with a warning."""

    def apply(body: Raw) -> str:
        done = webhook.kubectl("apply", "--dry-run=server", "-f", "-", stdin=yaml.safe_dump(body), check=False)
        return done.stdout + done.stderr

    atlantis = apply(custom(DATASETS, "x", {"sources": [s3()], "governance": {"residency": ["QQ"]}}))
    assert "Dataset fraud/x: spec.governance.residency: 'QQ' is not a place" in atlantis
    assert "overlapping" not in apply(site("eu-2", "FR"))
    twin = site("eu-2", "FR")
    twin["spec"]["nodeSelector"][SITE_LABEL] = "eu-1"
    assert "Site eu-2: spec.nodeSelector: selects nodes that Site eu-1 selects too" in apply(twin)
    inline = apply(OBJECTS[-1][1])
    assert "keys in a Dataset" not in inline, "an unchanged spec is not judged again"
    elsewhere = apply(custom(DATASETS, "x", {"sources": [s3("mars-1")]}))
    assert "Warning: spec.sources[0].site: there is no Site mars-1" in elsewhere
    assert "created (server dry run)" in elsewhere


NAMES = st.sampled_from(["claims", "scans", "work", "moorage-mount", "other"])
PATHS = st.sampled_from(["/data", "/mnt/datasets/claims", "/mnt/datasets/claims/sub", "/mnt", "/work"])
VOLUMES = st.lists(
    st.builds(lambda name, kind: {"name": name, kind: {}}, NAMES, st.sampled_from(["emptyDir"])),
    unique_by=lambda volume: volume["name"],
    max_size=3,
)
MOUNTS = st.lists(
    st.builds(
        lambda name, path, more: {"name": name, "mountPath": path, **more},
        NAMES,
        PATHS,
        st.sampled_from([{}, {"readOnly": True}, {"subPath": "a"}, {"mountPropagation": "None"}]),
    ),
    max_size=3,
)
CONTAINERS = st.lists(st.tuples(st.sampled_from("abc"), MOUNTS), min_size=1, max_size=2, unique_by=lambda c: c[0])
INITS = st.lists(
    st.tuples(st.sampled_from(["d", "e", "moorage-mount"]), MOUNTS, st.booleans()), max_size=2, unique_by=lambda c: c[0]
)
USES = st.sampled_from(["mount", "configmap", "mount.configmap"])


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(volumes=VOLUMES, containers=CONTAINERS, inits=INITS, uses=st.lists(USES, min_size=1, max_size=2))
async def test_no_pod_is_made_invalid(
    client: Client,
    volumes: list[Raw],
    containers: list[tuple[str, list[Raw]]],
    inits: list[tuple[str, list[Raw], bool]],
    uses: list[str],
) -> None:
    """A pod that would be valid, had its author the volumes, is served or refused by a sentence; never spoilt."""
    spec: Raw = {
        "volumes": volumes,
        "containers": [make_container(name, volumeMounts=mounts) for name, mounts in containers],
        "initContainers": [
            make_container(name, volumeMounts=mounts, **({"restartPolicy": "Always"} if always else {}))
            for name, mounts, always in inits
        ],
    }
    given_volumes = {volume["name"] for volume in volumes}
    datasets = [name for name, use in zip(["claims", "scans"], uses, strict=False) if "mount" in use]
    stand_ins = [{"name": name, "emptyDir": {}} for name in datasets if name not in given_volumes]
    try:
        await create(client, make_pod(**{**spec, "volumes": [*volumes, *stand_ins]}))
    except KubeError as error:
        if error.status != 422:
            raise
        assume(False)  # noqa: FBT003 - the author's own mistake
    labels: dict[str, str] = {}
    for index, (name, use) in enumerate(zip(["claims", "scans"], uses, strict=False)):
        labels |= {f"dataset.{index}.id": name, f"dataset.{index}.useas": use}
    try:
        stored = await create(client, make_pod(labels=labels, **spec))
    except KubeError as error:
        event("refused")
        assert (error.status, error.reason) == (403, "Forbidden"), error  # noqa: PT017
        assert 'admission webhook "pods.moorage.dev" denied the request: Pod fraud/reader: ' in str(error)  # noqa: PT017
    else:
        event("served")
        again = await create(client, {**make_pod(labels=labels), "spec": stored["spec"]})
        assert again["spec"] == stored["spec"]


async def test_whoever_applies_a_workload_is_told_what_its_pods_will_be_told(webhook: RunningWebhook) -> None:
    """As warnings of kubectl, at apply time; the Deployment is created, and its ReplicaSet warns nobody."""
    template = {
        "metadata": {"labels": {"app": "x", **reading("secret-of-nobody")}},
        "spec": {"containers": [make_container()]},
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "told", "namespace": NAMESPACE},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "x"}}, "template": template},
    }
    done = webhook.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(deployment))
    assert f"Warning: spec.template: its pods will be refused: a pod of Deployment {NAMESPACE}/told: " in done.stderr
    assert "DatasetUnknown" in done.stderr
    assert "deployment.apps/told created" in done.stdout
    scaled = webhook.kubectl("scale", "deployment", "told", "-n", NAMESPACE, "--replicas=0")
    assert scaled.stderr == ""
    near = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "near", "namespace": NAMESPACE}}
    pod = {"restartPolicy": "Never", "containers": [make_container()]}
    near["spec"] = {"suspend": True, "template": {"metadata": {"labels": {"datasets.0.id": "claims"}}, "spec": pod}}
    done = webhook.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(near))
    assert "Warning: spec.template: label datasets.0.id is not read: write dataset.0.id: claims" in done.stderr


async def test_a_pod_that_only_names_a_dataset_is_told(webhook: RunningWebhook) -> None:
    """It is created as it is, and gets nothing."""
    pod = make_pod(labels={"dataset.0.id": "claims"})
    done = webhook.kubectl("create", "--dry-run=server", "-f", "-", stdin=yaml.safe_dump(pod))
    assert "Warning: label dataset.0.id names dataset claims, but the pod gets no data from it: add" in done.stderr


def a_claim(name: str) -> Raw:
    """A volume as Datashim's users write it."""
    return {"name": "data", "persistentVolumeClaim": {"claimName": name}}


async def test_a_pod_that_mounts_a_claim_is_served(webhook: RunningWebhook, client: Client) -> None:
    """Without a label, past the guard; other claims, and those of a Dataset that has none yet, stay what they are."""
    mounting = make_container(volumeMounts=[{"name": "data", "mountPath": "/data"}])
    pod = make_pod(containers=[mounting], volumes=[a_claim("shared")])
    await client.apply(DATASETS, custom(DATASETS, "shared", {"sources": [s3()], "claim": True}))
    other = make_pod(containers=[mounting], volumes=[a_claim("other")])
    for each in (pod, other):
        assert (await create(client, each))["spec"]["volumes"][0] == each["spec"]["volumes"][0]
    kept = {"type": "Claimed", "status": "True", "reason": "ClaimKept", "message": "it is there"}
    kept["lastTransitionTime"] = "2026-01-01T00:00:00Z"
    shared = {"metadata": {"name": "shared", "namespace": NAMESPACE}, "status": {"conditions": [kept]}}
    await client.merge_patch(DATASETS, shared, subresource="status")

    async def is_labelled() -> bool:
        return bool((await create(client, pod))["metadata"].get("labels") == reading("shared"))

    await until(is_labelled)
    stored = await create(client, pod)
    assert stored["spec"]["schedulerName"] == "moorage"
    assert {**MOUNT, "name": "shared", "mountPath": "/data"} in stored["spec"]["containers"][0]["volumeMounts"]
    assert "persistentVolumeClaim" not in str(stored["spec"]["volumes"])
    template = {"metadata": {"labels": {"app": "x"}}, "spec": {**pod["spec"], "hostUsers": False}}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "claiming", "namespace": NAMESPACE}}
    job["spec"] = {"suspend": True, "template": template | {"spec": {**template["spec"], "restartPolicy": "Never"}}}
    told = webhook.kubectl("create", "--dry-run=server", "-f", "-", stdin=yaml.safe_dump(job)).stderr
    assert "its pods will be refused" in told
    assert "spec.hostUsers" in told


DEFAULTED = "defaulted"


def defaulting(**annotations: str) -> str:
    """A Namespace whose pods read claims, in YAML."""
    metadata = {"name": DEFAULTED, "labels": {"moorage.dev/defaults": "enabled"}}
    metadata["annotations"] = {**reading("claims"), **annotations}
    return yaml.safe_dump({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})


def of_defaulted(pod: Raw) -> Raw:
    """The same pod there."""
    return {**pod, "metadata": {**pod["metadata"], "namespace": DEFAULTED}}


async def test_a_namespace_says_what_its_pods_read(webhook: RunningWebhook, client: Client) -> None:
    """Its pods are served without a label of their own. What it says is checked when it is written."""
    done = webhook.kubectl("apply", "-f", "-", stdin=defaulting(**{"datasets.1.id": "scans"}))
    assert "Warning: annotation datasets.1.id is not read: write dataset.1.id: scans" in done.stderr
    done = webhook.kubectl("apply", "-f", "-", stdin=defaulting(**{"dataset.0.useas": "folder"}), check=False)
    assert "metadata.annotations[dataset.0.useas]: 'folder' is not one of" in done.stderr
    await client.apply(DATASETS, custom(DATASETS, "claims", {"sources": [s3()]}, DEFAULTED))

    async def is_served() -> bool:
        try:
            stored = await create(client, of_defaulted(make_pod()))
        except KubeError:  # its account, or what the webhook knows of it, is still to come
            return False
        return bool(stored["metadata"]["labels"] == reading("claims") and stored["spec"]["schedulerName"] == "moorage")

    await until(is_served)
    declined = await create(client, of_defaulted(make_pod(labels={"moorage.dev/defaults": "none"})))
    assert [volume["name"].startswith("kube-api-access") for volume in declined["spec"]["volumes"]] == [True]


async def test_no_secret_is_told(webhook: RunningWebhook, client: Client) -> None:
    """Keys that somebody wrote into a Dataset stand in no pod, no answer and no log."""
    stored = await create(client, make_pod(labels=reading("inline")))
    error = await refused(client, make_pod(labels=reading("inline", useas="configmap")))
    assert SECRET not in f"{stored}{error}{webhook.log.read_text()}"


async def test_a_dead_webhook_blocks_nobody_else(webhook: RunningWebhook, client: Client) -> None:
    """A labelled pod is refused by the guard, any other is created; and soon after it is back all is well."""
    webhook.stop()
    try:
        error = await refused(client, make_pod(labels=reading("claims")))
        assert "the admission webhook of Moorage did not serve it" in str(error)
        await create(client, make_pod())
        await create(client, make_pod(labels={"dataset.version": "3"}))
        await create(client, make_pod(volumes=[a_claim("claims")]))
        webhook.kubectl("apply", "-f", "-", stdin=defaulting())

        async def is_refused() -> bool:
            with pytest.raises(KubeError) as caught:
                await create(client, of_defaulted(make_pod()))
            return "the namespace has its pods read datasets" in str(caught.value)

        await until(is_refused)
        await create(client, of_defaulted(make_pod(labels={"moorage.dev/defaults": "none"})))
    finally:
        webhook.start()
    assert (await create(client, make_pod(labels=reading("claims"))))["spec"]["schedulerName"] == "moorage"
