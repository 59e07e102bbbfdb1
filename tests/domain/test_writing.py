"""Who may write where, given what a pod reads: tables, and the property that the rules are for."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moorage.access import Access
from moorage.errors import InputError
from moorage.model import (
    CSI_DRIVER,
    Classification,
    Component,
    Dataset,
    DatasetRef,
    DatasetUse,
    Governance,
    Reader,
    Release,
    Site,
    Usage,
)
from moorage.model.sidecar import repository_of
from moorage.policy import carried_rules, decide_joined, decide_write, join, weaknesses
from moorage.policy.decision import Rule
from moorage.sites import Place
from moorage.wire import read_dataset, read_only_component, read_usage
from moorage.wire.governance import component_digest
from tests.builders import make_dataset
from webhook.sidecar import SidecarShape, make_sidecar, own_volumes

WRITER = Reader("lab", "trainer", "research")
CLAIMS = make_dataset("claims").for_purposes("research").for_consumers("lab").staying_in("EU").obj()
RESULTS = replace(
    make_dataset("results", "lab").for_purposes("research").staying_in("DE").obj(), access=Access.READ_WRITE
)
PUBLIC = replace(make_dataset("public", "lab").obj(), access=Access.READ_WRITE)


def decide(
    target: Dataset, *read: Dataset, writer: Reader = WRITER, usage: Usage | None = None, digest: str = ""
) -> str:
    """The rule that refuses, and its sentence; "" where none does."""
    datasets = {dataset.ref: dataset for dataset in (target, *read)}
    carried = carried_rules(usage or Usage(), datasets, digest)
    decision = decide_write(target, writer, datasets, carried)
    return "" if decision.allowed else f"{decision.rule}: {decision.message}"


def test_what_is_ruled_as_strictly_may_be_written() -> None:
    """Stricter is as good, and a dataset that reads nothing else carries nothing else."""
    assert decide(RESULTS, CLAIMS) == ""
    assert decide(PUBLIC) == ""
    assert decide(RESULTS, PUBLIC) == ""


def test_a_dataset_for_reading_says_whom_to_ask() -> None:
    """And what to do without asking."""
    told = decide(replace(RESULTS, access=Access.READ_ONLY), CLAIMS)
    assert told.startswith("AccessNotOffered: dataset lab/results is for reading only")
    assert "remove the label dataset.N.access, or ask the steward of dataset lab/results" in told


@pytest.mark.parametrize(
    ("writers", "writer", "allowed"),
    [
        (None, Reader("lab"), True),
        (None, Reader("fraud"), False),
        ({"fraud"}, Reader("fraud", "any"), True),
        ({"fraud"}, Reader("lab"), False),
        ({"fraud/loader"}, Reader("fraud", "loader"), True),
        ({"fraud/loader"}, Reader("fraud", "default"), False),
    ],
)
def test_writers_are_named_as_consumers_are(writers: set[str] | None, writer: Reader, *, allowed: bool) -> None:
    """By namespace or account; by default, whoever is in the dataset's own namespace."""
    rules = replace(PUBLIC.governance, writers=None if writers is None else frozenset(writers))
    told = decide(replace(PUBLIC, governance=rules), writer=writer)
    assert told == "" if allowed else told.startswith("WriterNotAllowed: dataset lab/public may be written by its")
    assert "loader is none" not in told


WEAKER: dict[str, tuple[Governance, Governance, str]] = {
    "classification": (
        Governance(),
        Governance(classification=Classification.CONFIDENTIAL),
        "classification: at least confidential",
    ),
    "residency": (Governance(residency=frozenset({"EEA"})), Governance(residency=frozenset({"EU"})), "within EU"),
    "a country of which a part is permitted": (
        Governance(residency=frozenset({"US"})),
        Governance(residency=frozenset({"US-CA"})),
        "residency: within US-CA",
    ),
    "sites that are allowed": (
        Governance(sites_allow=frozenset({"a", "b"})),
        Governance(sites_allow=frozenset({"a"})),
        "sites.allow: no other than a",
    ),
    "sites that are denied": (
        Governance(sites_deny=frozenset({"a"})),
        Governance(sites_deny=frozenset({"a", "b"})),
        "sites.deny: also b",
    ),
    "purposes": (
        Governance(purposes=frozenset({"research", "sales"})),
        Governance(purposes=frozenset({"research"})),
        "purposes: no other than research",
    ),
    "any purpose": (Governance(), Governance(purposes=frozenset({"research"})), "purposes: no other than research"),
    "consumers": (
        Governance(consumers=frozenset({"lab", "sales"})),
        Governance(consumers=frozenset({"lab"})),
        "consumers: only accounts that may read dataset steward/claims",
    ),
    "a namespace of which an account is permitted": (
        Governance(consumers=frozenset({"lab"})),
        Governance(consumers=frozenset({"lab/trainer"})),
        "consumers: only",
    ),
    "consumers by default": (Governance(), Governance(consumers=frozenset({"sales"})), "consumers: only accounts"),
    "confidential compute": (
        Governance(),
        Governance(confidential_compute=True),
        "confidentialCompute: true",
    ),
}


@pytest.mark.parametrize(("rules", "needed", "sentence"), WEAKER.values(), ids=WEAKER.keys())
def test_weaker_rules_are_named(rules: Governance, needed: Governance, sentence: str) -> None:
    """Each field that permits more, with what it must say; the same rules are never weaker."""
    needed = replace(needed, consumers=needed.consumers or frozenset({"lab"}))
    source = replace(CLAIMS, governance=needed)
    target = replace(RESULTS, governance=rules)
    writer = Reader("lab", "trainer", "research")
    told = decide(target, source, writer=writer)
    assert told.startswith(
        "RulesTooWeak: this pod reads dataset steward/claims, and may not write to dataset lab/results"
    )
    assert told.count("; ") == 0
    assert sentence.partition(": ")[0] in told
    if needed.consumers != frozenset({"sales"}):
        assert sentence in told
    assert decide(replace(target, governance=needed), source, writer=writer) == ""


def test_what_is_permitted_by_name_and_denied_as_well_is_not_permitted() -> None:
    """Sites that `allow` names and `deny` takes away, and denied ones that `allow` does not name."""
    rules = Governance(sites_allow=frozenset({"a", "b"}), sites_deny=frozenset({"b"}), consumers=frozenset({"lab"}))
    ref = RESULTS.ref
    own = frozenset({"lab"})
    assert weaknesses(ref, rules, CLAIMS.ref, Governance(sites_allow=frozenset({"a"}), consumers=own)) == ()
    assert weaknesses(ref, rules, CLAIMS.ref, Governance(sites_deny=frozenset({"c"}), consumers=own)) == ()


def test_who_may_not_know_the_rules_is_not_told_them() -> None:
    """A pod with a volume of a dataset that it may not read learns none of its purposes and places."""
    told = decide(PUBLIC, CLAIMS, writer=Reader("elsewhere"), usage=None)
    assert told.startswith("WriterNotAllowed")
    hidden = replace(CLAIMS, governance=replace(CLAIMS.governance, consumers=frozenset({"sales"})))
    told = decide(PUBLIC, hidden)
    assert "RulesTooWeak" in told
    assert "EU" not in told
    assert "research" not in told


def test_a_dataset_that_is_gone_keeps_its_readers_from_writing() -> None:
    """What was read of it is not known to be free."""
    decision = decide_write(PUBLIC, WRITER, {PUBLIC.ref: PUBLIC, CLAIMS.ref: None}, {})
    assert (decision.rule, decision.dataset) == (Rule.DATASET_UNKNOWN, CLAIMS.ref)


# --- releases ---

COMPONENT = Component("docker.io/lab/totals:1", ("python", "totals.py"), ("--all",))
DIGEST = component_digest(COMPONENT)
TOTALS = Release("totals", replace(COMPONENT, digest=DIGEST), Governance(consumers=frozenset({"lab", "steward"})))
RELEASING = replace(CLAIMS, governance=replace(CLAIMS.governance, releases=(TOTALS,)))
WRITING = DatasetUse(1, PUBLIC.ref, access=Access.READ_WRITE)
AS_RELEASE = Usage((DatasetUse(0, CLAIMS.ref, release="totals"), WRITING))


def pod(**spec: object) -> dict[str, object]:
    """The pod of the release."""
    container = {"name": "x", "image": COMPONENT.image, "command": list(COMPONENT.command), "args": ["--all"]}
    return {"spec": {"containers": [container], "enableServiceLinks": False, **spec}}


def test_a_refusal_names_the_release_that_would_help() -> None:
    """Only one whose rules fit."""
    assert "or write what a release makes, whose rules fit (totals): run its container alone" in decide(
        PUBLIC, RELEASING
    )
    elsewhere = replace(PUBLIC, governance=Governance(consumers=frozenset({"world"})))
    assert "release" not in decide(elsewhere, RELEASING)


def test_the_release_itself_may_write_what_it_yields() -> None:
    """By its label and the container that the steward declared, and by nothing less."""
    assert decide(PUBLIC, RELEASING, usage=AS_RELEASE, digest=DIGEST) == ""
    assert "RulesTooWeak" in decide(PUBLIC, RELEASING, usage=AS_RELEASE, digest="0" * 64)
    assert "RulesTooWeak" in decide(PUBLIC, RELEASING, digest=DIGEST)
    other = Usage((DatasetUse(0, CLAIMS.ref, release="samples"), WRITING))
    assert "RulesTooWeak" in decide(PUBLIC, RELEASING, usage=other, digest=DIGEST)


OURS = "docker.io/moorage/mount"
SERVER: dict[str, Any] = {
    **make_sidecar(SidecarShape(image=f"{OURS}:9"), ["claims"]),
    "terminationMessagePath": "/dev/termination-log",  # as the API server fills it in
}
VOLUMES: list[dict[str, Any]] = [
    *own_volumes(SidecarShape()),
    {"name": "claims", "csi": {"driver": CSI_DRIVER, "volumeAttributes": {"dataset": "claims"}}},
    {"name": "kept", "csi": {"driver": CSI_DRIVER, "volumeAttributes": {"dataset": "kept"}}},
    {"name": "scratch", "emptyDir": {}},
    {
        "name": "token",
        "projected": {
            "sources": [
                {"serviceAccountToken": {"path": "token"}},
                {"configMap": {"name": "kube-root-ca.crt"}},
                {"downwardAPI": {}},
            ]
        },
    },
    {"name": "forged", "projected": {"sources": [{"configMap": {"name": "evil"}}]}},
    {"name": "scripts", "configMap": {"name": "evil"}},
]


def digest(raw: dict[str, object]) -> str | None:
    """As a release declares it, where our image serves mounts."""
    found = read_only_component(raw)
    return None if found is None else found.digest_beside(OURS)


def doing(**fields: object) -> dict[str, object]:
    """The pod of the release, with more in its container."""
    made: Any = pod(volumes=VOLUMES, initContainers=[SERVER])
    made["spec"]["containers"][0] |= fields
    return made  # type: ignore[no-any-return]


def served_by(**fields: object) -> dict[str, object]:
    """The pod of the release, with another server."""
    return pod(volumes=VOLUMES, initContainers=[{**SERVER, **fields}])


def at(name: str, path: str, **more: object) -> dict[str, object]:
    """A volumeMount, as only one."""
    return {"volumeMounts": [{"name": name, "mountPath": path, **more}]}


def test_a_component_is_a_pods_only_container() -> None:
    """Our own sidecar is none of its author's; whatever else runs beside it could read the data too."""
    assert digest(pod()) == digest(doing()) == DIGEST
    assert digest(pod(initContainers=[{"name": "first", "image": "x"}])) is None
    assert digest(pod(ephemeralContainers=[{"name": "debug", "image": "x"}])) is None
    assert digest({"spec": {"containers": [{"name": "a"}, {"name": "b"}]}}) is None


@pytest.mark.parametrize(
    ("fields", "counts"),
    [
        (at("claims", "/mnt/datasets/claims", mountPropagation="HostToContainer", readOnly=True), True),
        (at("scratch", "/tmp"), True),
        (at("token", "/var/run/secrets/kubernetes.io/serviceaccount"), True),
        ({"resources": {"limits": {"memory": "1Gi"}}, "securityContext": {"runAsUser": 7}}, True),
        ({**at("kept", "/mnt/memory/kept"), "env": [{"name": "MOORAGE_MEMORY", "value": "/mnt/memory/kept"}]}, True),
        ({"env": [{"name": "MOORAGE_MEMORY", "value": "/mnt/datasets/claims"}]}, False),
        (at("claims", "/mnt/datasets/kept"), False),
        (at("claims", "/mnt/datasets/claims/deeper"), False),
        (at("claims", "/mnt/datasets/claims", subPath="x"), False),
        (at("scratch", "/app/suppress.d"), False),
        (at("moorage-mount", "/tmp"), False),
        (at("forged", "/var/run/secrets/kubernetes.io/serviceaccount"), False),
        (at("scripts", "/var/run/secrets/kubernetes.io/serviceaccount"), False),
        ({"terminationMessagePath": "/app/deny.csv"}, False),
        ({"securityContext": {"privileged": True}}, False),
        # The data could be code, in the place of the component's own.
        (at("claims", "/app"), False),
        (at("claims", "/mnt/datasets/../../app"), False),
        (at("scripts", "/app"), False),
        (at("scratch", "/app", subPath="x"), False),
        ({"workingDir": "/mnt/datasets/claims"}, False),
        ({"env": [{"name": "PYTHONPATH", "value": "/mnt/datasets/claims"}]}, False),
        ({"envFrom": [{"configMapRef": {"name": "evil"}}]}, False),
        ({"lifecycle": {"postStart": {"exec": {"command": ["sh", "-c", "cp"]}}}}, False),
        ({"livenessProbe": {"exec": {"command": ["sh", "-c", "cp"]}}}, False),
        ({"stdin": True}, False),
        ({"volumeDevices": [{"name": "x", "devicePath": "/dev/x"}]}, False),
        ({"args": ["--none"]}, False),
    ],
)
def test_nothing_but_what_was_declared_decides_what_a_release_does(fields: dict[str, object], counts: bool) -> None:  # noqa: FBT001
    """What no steward has seen makes another program of the same image and command."""
    assert (digest(doing(**fields)) == DIGEST) is counts


@pytest.mark.parametrize(
    "fields",
    [
        {"hostAliases": [{"ip": "10.0.0.1", "hostnames": ["api"]}]},
        {"hostNetwork": True},
        {"hostPID": True},
        {"shareProcessNamespace": True},
        {"dnsConfig": {"nameservers": ["10.0.0.1"]}},
        {"dnsPolicy": "None"},
        {"enableServiceLinks": True},
        {"enableServiceLinks": None},
    ],
)
def test_nobody_but_the_cluster_says_what_names_mean_to_a_release(fields: dict[str, object]) -> None:
    """Nor do others look into it."""
    assert digest(pod(dnsPolicy="ClusterFirst")) == DIGEST
    assert digest(pod(**fields)) is None


def test_a_release_reads_what_it_releases_and_nothing_else() -> None:
    """A link in data of the author's own could lead it to what it passes through."""
    datasets = {RELEASING.ref: RELEASING, PUBLIC.ref: PUBLIC}
    assert carried_rules(AS_RELEASE, datasets, DIGEST)[RELEASING.ref] == TOTALS.yields
    reads = Usage((AS_RELEASE.uses[0], DatasetUse(1, PUBLIC.ref)))
    assert carried_rules(reads, datasets, DIGEST)[RELEASING.ref] == RELEASING.governance


@pytest.mark.parametrize(
    "fields",
    [
        {"image": "evil.io/moorage/mount:9"},
        {"image": "docker.io/moorage/mount/evil"},
        {"command": ["sh", "-c", "cp"]},
        {"args": ["x"]},
        {"restartPolicy": None},
        {"env": [{"name": "MOORAGE_RCLONE", "value": "/evil"}]},
        {"envFrom": [{"secretRef": {"name": "evil"}}]},
        {"lifecycle": {"postStart": {"exec": {"command": ["sh", "-c", "cp"]}}}},
        {"livenessProbe": {"exec": {"command": ["sh", "-c", "cp"]}}},
        {"workingDir": "/evil"},
        {"terminationMessagePath": "/app/x"},
        at("scripts", "/run/moorage"),
        at("moorage-mount", "/app"),
    ],
)
def test_a_server_that_is_not_as_admission_makes_it_makes_a_release_none(fields: dict[str, object]) -> None:
    """It has the keys of all that the pod reads and writes."""
    assert digest(served_by()) == DIGEST
    assert digest(served_by(**fields)) is None


def test_a_server_of_another_version_is_ours() -> None:
    """Pods outlive an upgrade."""
    for image in (f"{OURS}:8", f"{OURS}@sha256:{'0' * 64}", f"{OURS}:8@sha256:{'0' * 64}"):
        assert digest(served_by(image=image)) == DIGEST
    assert repository_of("registry:5000/a/mount:1") == "registry:5000/a/mount"


# --- the property ---

NAMES = ("a", "b", "c")
SOME = st.none() | st.frozensets(st.sampled_from(NAMES), min_size=1)
RULES = st.builds(
    Governance,
    classification=st.sampled_from(Classification),
    residency=st.none() | st.frozensets(st.sampled_from(["DE", "US", "US-CA", "US-TX", "EU"]), min_size=1),
    sites_allow=SOME,
    sites_deny=st.frozensets(st.sampled_from(NAMES)),
    purposes=SOME,
    consumers=st.none() | st.frozensets(st.sampled_from(["lab", "lab/x", "steward", "steward/x"]), min_size=1),
    confidential_compute=st.booleans(),
)
READERS = [
    Reader(namespace, account, purpose)
    for namespace in ("lab", "steward", "other")
    for account in ("x", "y")
    for purpose in (None, *NAMES)
]
PLACES = [
    Place(name, Site(name, jurisdiction, clearance, confidential))
    for name in (*NAMES, "d")
    for jurisdiction in (None, "DE", "FR", "US-CA", "US-NY")
    for clearance, confidential in ((Classification.RESTRICTED, True), (Classification.INTERNAL, False))
]


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(RULES, RULES)
def test_whoever_may_read_what_was_written_may_read_what_it_was_made_of(rules: Governance, needed: Governance) -> None:
    """Where nothing is weaker, at any site and for any reader; and joining the data's rules makes none stricter."""
    ref, of = DatasetRef("lab", "results"), DatasetRef("steward", "claims")
    if weaknesses(ref, rules, of, needed):
        joined = replace(join((rules, needed)), consumers=frozenset())
        assert weaknesses(ref, joined, of, needed) == ()
        rules = joined
    for reader in READERS:
        if decide_joined({ref: rules}, reader, None).allowed:
            assert decide_joined({of: needed}, reader, None).allowed
    for place in PLACES:
        if decide_joined({ref: rules}, None, place).allowed:
            assert decide_joined({of: needed}, None, place).allowed


# --- on the wire ---


def raw_dataset(access: str, **spec: object) -> dict[str, object]:
    """A Dataset that says so."""
    return {"kind": "Dataset", "metadata": {"name": "d", "namespace": "n"}, "spec": {"access": access, **spec}}


S3 = {"endpoint": "https://s3.example.com", "bucket": "b"}


def test_access_is_read() -> None:
    """Of both forms of a Dataset."""
    assert read_dataset(raw_dataset("readWrite", sources=[{"site": "a", "s3": S3}])).access is Access.READ_WRITE
    assert read_dataset(raw_dataset("readWrite", local={"type": "COS", **S3})).access is Access.READ_WRITE
    assert read_dataset(raw_dataset("readOnly", sources=[{"site": "a", "s3": S3}])).access is Access.READ_ONLY


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"sources": [{"site": "a", "s3": S3}, {"site": "b", "s3": S3}]}, "copies would differ: keep one source"),
        (
            {"sources": [{"site": "a", "nfs": {"server": "s", "path": "/x"}}]},
            "pods write to s3, bucketClaim and memory only",
        ),
        ({"local": {"type": "NFS", "server": "s", "share": "/x"}}, "pods write to s3, bucketClaim and memory only"),
    ],
)
def test_what_can_not_be_written_says_so(spec: dict[str, object], problem: str) -> None:
    """More than one copy, and kinds that are not served so."""
    with pytest.raises(InputError, match=problem):
        read_dataset(raw_dataset("readWrite", **spec))


def test_writers_have_keys_of_their_own() -> None:
    """Where the source names them; readers get what they got before."""
    spec = {"sources": [{"site": "a", "s3": {**S3, "secretRef": {"name": "r"}, "writerSecretRef": {"name": "w"}}}]}
    location = read_dataset(raw_dataset("readWrite", **spec)).sources[0].location
    assert location.keys is not None
    assert location.keys.secret_name == "r"
    writers = location.for_writers()
    assert writers.keys is not None
    assert writers.keys.secret_name == "w"
    assert writers.granted() == location.granted()


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        ({"dataset.0.access": "write"}, "not one of readOnly, readWrite"),
        ({"dataset.0.access": "readWrite"}, "needs a mount"),
        ({"dataset.0.access": "readWrite", "dataset.0.useas": "mount.cache"}, "and no cache"),
        ({"dataset.0.access": "readWrite", "dataset.0.useas": "configmap"}, "needs a mount"),
    ],
)
def test_a_label_that_can_not_be_met_is_refused(labels: dict[str, str], problem: str) -> None:
    """With what to write."""
    with pytest.raises(InputError, match=problem):
        read_usage({"dataset.0.id": "d", **labels}, "n", "Pod n/p")


def test_a_label_asks_to_write() -> None:
    """And a pod without it reads."""
    labels = {"dataset.0.id": "d", "dataset.0.useas": "mount.configmap", "dataset.0.access": "readWrite"}
    usage = read_usage({**labels, "dataset.1.id": "e", "dataset.1.useas": "mount"}, "n", "Pod n/p")
    assert [use.ref.name for use in usage.writing] == ["d"]
    assert usage.access_to(DatasetRef("n", "e")) is Access.READ_ONLY
    assert usage.access_to(DatasetRef("n", "absent")) is Access.READ_ONLY
