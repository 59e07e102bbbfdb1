"""The pure phases: who reads what, which nodes pass, and how they score."""

import re
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.locality import bring_seconds
from moorage.locality.scoring import bring, prioritize
from moorage.locality.snapshot import Snapshot, request_of
from moorage.locality.verdicts import by_site, filter_nodes
from moorage.model import (
    CONFIDENTIAL_NODE_LABEL,
    SITE_LABEL,
    CachedDataset,
    Classification,
    Dataset,
    DatasetRef,
    DatasetStatus,
    DatasetUse,
    Governance,
    Link,
    Node,
    NodeCache,
    Pod,
    Site,
    Source,
    Usage,
    UseAs,
)
from moorage.sources.s3 import S3Source
from scheduler_plugin.extender import write_priorities

CLAIMS = DatasetRef("steward", "claims")
GB = 10**9


def make_site(name: str, jurisdiction: str | None = "DE", **fields: Any) -> Site:  # noqa: ANN401
    """A site whose nodes carry its name."""
    return Site(name, jurisdiction=jurisdiction, node_selector={SITE_LABEL: name}, **fields)


def make_node(name: str, site: str | None, **labels: str) -> Node:
    """A node of that site."""
    return Node(name, labels if site is None else {SITE_LABEL: site, **labels})


def make_dataset(
    ref: DatasetRef = CLAIMS,
    *,
    at: tuple[str, ...] = ("eu-1",),
    size_bytes: int = 10 * GB,
    **rules: Any,  # noqa: ANN401
) -> Dataset:
    """A dataset that anybody in namespace fraud may read, but for the rules given."""
    governance = Governance(**{"consumers": frozenset({"fraud"}), **rules})
    sources = tuple(Source(site, S3Source("https://s3.example.com", "b")) for site in at)
    return Dataset(ref, sources, governance, status=DatasetStatus(size_bytes=size_bytes, version="v1"))


def make_pod(*refs: DatasetRef, purpose: str | None = "research", mounts: tuple[DatasetRef, ...] = ()) -> Pod:
    """A pod of fraud/trainer that mounts these datasets."""
    uses = tuple(DatasetUse(index, ref, frozenset({UseAs.MOUNT})) for index, ref in enumerate(refs))
    return Pod("fraud", "train", "uid", "trainer", Usage(uses, purpose), mounts=mounts)


SITES = (make_site("eu-1"), make_site("eu-2", "FR"), make_site("us-1", "US"))
NODES = (
    make_node("a", "eu-1"),
    make_node("b", "eu-1"),
    make_node("c", "eu-2"),
    make_node("d", "us-1"),
    make_node("stray", None),
)
NAMES = [node.name for node in NODES]


def make_snapshot(*datasets: Dataset, **parts: Any) -> Snapshot:  # noqa: ANN401
    """Three sites, five nodes, and a namespace that limits no purposes."""
    return Snapshot.of(**{"datasets": datasets, "sites": SITES, "nodes": NODES, "purposes": {"fraud": None}, **parts})


def test_a_pod_without_datasets_runs_anywhere() -> None:
    """All nodes pass, known or not, and none is preferred."""
    snapshot = make_snapshot(make_dataset(residency=frozenset({"EU"})))
    request = request_of(make_pod(), snapshot)
    assert filter_nodes(request, [*NAMES, "new"], snapshot).passed == [*NAMES, "new"]
    assert set(prioritize(request, NAMES, snapshot).values()) == {10}


@pytest.mark.parametrize(
    ("rules", "refused"),
    [
        ({}, {"stray"}),
        ({"residency": frozenset({"EU"})}, {"d", "stray"}),
        ({"residency": frozenset({"DE"})}, {"c", "d", "stray"}),
        ({"sites_allow": frozenset({"us-1"})}, {"a", "b", "c", "stray"}),
        ({"sites_deny": frozenset({"eu-2"})}, {"c", "stray"}),
        ({"classification": Classification.CONFIDENTIAL}, set(NAMES)),
        ({"purposes": frozenset({"research"})}, {"stray"}),
        ({"purposes": frozenset({"billing"})}, set(NAMES)),
        ({"consumers": frozenset({"fraud/other"})}, set(NAMES)),
        ({"confidential_compute": True}, set(NAMES)),
    ],
)
def test_nodes_are_refused_where_the_policy_refuses(rules: dict[str, Any], refused: set[str]) -> None:
    """Exactly the nodes of sites where a rule refuses, and those of no site."""
    snapshot = make_snapshot(make_dataset(**rules))
    filtered = filter_nodes(request_of(make_pod(CLAIMS), snapshot), NAMES, snapshot)
    assert set(filtered.refused) == refused
    assert filtered.passed == [name for name in NAMES if name not in refused]


@pytest.mark.parametrize(
    ("rules", "node", "reason"),
    [
        (
            {"residency": frozenset({"EU"})},
            "d",
            "dataset steward/claims: site us-1 (US) is outside its residency EU (ResidencyViolated)",
        ),
        (
            {"sites_allow": frozenset({"eu-1"})},
            "c",
            "dataset steward/claims: site eu-2 is not one of its sites eu-1 (SiteNotAllowed)",
        ),
        (
            {"sites_deny": frozenset({"eu-2"})},
            "c",
            "dataset steward/claims: it may not be read at site eu-2 (SiteDenied)",
        ),
        (
            {"classification": Classification.RESTRICTED},
            "a",
            "dataset steward/claims: site eu-1 is cleared for internal, not for restricted (ClearanceTooLow)",
        ),
        (
            {"purposes": frozenset({"billing"})},
            "a",
            "dataset steward/claims: its purposes are billing, not research (PurposeNotAllowed)",
        ),
        (
            {"consumers": frozenset({"a", "b", "c", "d"})},
            "a",
            "dataset steward/claims: fraud/trainer is not one of its consumers (ConsumerNotAllowed)",
        ),
        (
            {"consumers": None},
            "a",
            "dataset steward/claims: fraud/trainer is not one of its consumers (ConsumerNotAllowed)",
        ),
        (
            {"confidential_compute": True},
            "a",
            "dataset steward/claims: site eu-1 offers no confidential compute (ConfidentialComputeRequired)",
        ),
        ({}, "stray", "dataset steward/claims: the node belongs to no site (SiteUnknown)"),
        ({}, "new", "dataset steward/claims: the node is not known to the extender yet (SiteUnknown)"),
    ],
)
def test_a_reason_names_dataset_site_and_rule(rules: dict[str, Any], node: str, reason: str) -> None:
    """Few words, with the stable code at the end."""
    snapshot = make_snapshot(make_dataset(**rules))
    refused = filter_nodes(request_of(make_pod(CLAIMS), snapshot), [node], snapshot).refused
    assert refused == {node: reason}


def test_the_reason_is_the_same_for_all_nodes_of_a_site() -> None:
    """So that a scheduling event adds them up."""
    nodes = [make_node(f"n{number}", ("eu-1", "us-1")[number % 2]) for number in range(40)]
    snapshot = make_snapshot(make_dataset(residency=frozenset({"FR"})), nodes=nodes)
    refused = filter_nodes(request_of(make_pod(CLAIMS), snapshot), [node.name for node in nodes], snapshot).refused
    assert len(refused) == 40
    assert len(set(refused.values())) == 2


def test_a_node_of_two_sites_is_refused() -> None:
    """Neither site's rules can be trusted for it."""
    twin = Site("twin", jurisdiction="DE", node_selector={"rack": "1"})
    node = make_node("both", "eu-1", rack="1")
    snapshot = make_snapshot(make_dataset(), sites=(*SITES, twin), nodes=(node,))
    refused = filter_nodes(request_of(make_pod(CLAIMS), snapshot), ["both"], snapshot).refused
    assert refused == {
        "both": "dataset steward/claims: the node belongs to 2 sites (eu-1, twin) (SiteUnknown)",
    }


def test_confidential_compute_is_a_matter_of_the_node() -> None:
    """At a site that offers it, only the nodes that offer it pass."""
    sites = (make_site("eu-1", confidential_compute=True),)
    nodes = (make_node("plain", "eu-1"), make_node("safe", "eu-1", **{CONFIDENTIAL_NODE_LABEL: "true"}))
    snapshot = make_snapshot(make_dataset(confidential_compute=True), sites=sites, nodes=nodes)
    filtered = filter_nodes(request_of(make_pod(CLAIMS), snapshot), ["plain", "safe"], snapshot)
    assert filtered.passed == ["safe"]
    assert "the node at site eu-1 offers no confidential compute" in filtered.refused["plain"]


@pytest.mark.parametrize(
    ("listed", "passes"), [(None, True), (frozenset({"research"}), True), (frozenset({"billing"}), False)]
)
def test_a_purpose_counts_only_where_the_namespace_lists_it(listed: frozenset[str] | None, *, passes: bool) -> None:
    """A namespace that limits purposes limits its pods' labels."""
    snapshot = make_snapshot(make_dataset(purposes=frozenset({"research"})), purposes={"fraud": listed})
    request = request_of(make_pod(CLAIMS), snapshot)
    assert bool(filter_nodes(request, ["a"], snapshot).passed) is passes


def test_volumes_count_whatever_the_labels_say() -> None:
    """A hand-written volume is placed by the same rules as a label."""
    snapshot = make_snapshot(make_dataset(residency=frozenset({"EU"})))
    filtered = filter_nodes(request_of(make_pod(mounts=(CLAIMS,)), snapshot), ["a", "d"], snapshot)
    assert filtered.passed == ["a"]


def test_a_release_that_only_names_data_brings_nothing() -> None:
    """`dataset.0.accepts` without `useas` names what comes through inputs."""
    usage = Usage((DatasetUse(0, CLAIMS, accepts=frozenset({"pseudonymise"})),))
    snapshot = make_snapshot(make_dataset(residency=frozenset({"EU"})))
    assert request_of(Pod("fraud", "p", "u", "default", usage), snapshot).refs == ()


def test_a_dataset_that_cannot_be_understood_says_why_in_its_own_namespace() -> None:
    """Not merely that it is unknown; elsewhere no word of a spec whose consumers nobody can know."""
    snapshot = make_snapshot(unreadable={CLAIMS: "Dataset steward/claims: spec.colour: is not a field here"})
    refused = filter_nodes(request_of(make_pod(CLAIMS), snapshot), ["a"], snapshot).refused
    why = "its steward sees why in its conditions"
    assert refused == {"a": f"dataset steward/claims can't be understood: {why} (DatasetUnknown)"}
    own = filter_nodes(request_of(replace(make_pod(CLAIMS), namespace="steward"), snapshot), ["a"], snapshot).refused
    why = "Dataset steward/claims: spec.colour: is not a field here"
    assert own == {"a": f"dataset steward/claims can't be understood: {why} (DatasetUnknown)"}


@pytest.mark.parametrize(
    ("rules", "node", "told"),
    [
        ({"residency": frozenset({"DE"})}, "d", "site us-1 is outside its residency (ResidencyViolated)"),
        ({"sites_allow": frozenset({"eu-2"})}, "a", "site eu-1 is not one of its sites (SiteNotAllowed)"),
        ({"purposes": frozenset({"billing"})}, "a", "research is not one of its purposes (PurposeNotAllowed)"),
        ({"consumers": frozenset({"secret"})}, "a", "fraud/trainer is not one of its consumers (ConsumerNotAllowed)"),
    ],
)
def test_a_reason_lists_nothing_to_those_who_are_no_consumers(rules: dict[str, Any], node: str, told: str) -> None:
    """Which rule it was, and nothing that the steward wrote."""
    snapshot = make_snapshot(make_dataset(**{"consumers": frozenset({"secret"}), **rules}))
    refused = filter_nodes(request_of(make_pod(CLAIMS), snapshot), [node], snapshot).refused
    assert refused == {node: f"dataset steward/claims: {told}"}


def test_two_datasets_that_allow_no_common_place() -> None:
    """Each alone would pass somewhere; together nowhere."""
    here, there = DatasetRef("steward", "here"), DatasetRef("steward", "there")
    snapshot = make_snapshot(
        make_dataset(here, sites_allow=frozenset({"eu-1"})), make_dataset(there, sites_allow=frozenset({"us-1"}))
    )
    filtered = filter_nodes(request_of(make_pod(here, there), snapshot), ["a", "c", "d"], snapshot)
    assert filtered.passed == []
    assert filtered.refused["a"].startswith("dataset steward/there: site eu-1 is not one of its sites us-1")
    assert filtered.refused["d"].startswith("dataset steward/here: site us-1 is not one of its sites eu-1")


def test_the_nearest_bytes_score_most() -> None:
    """10 GB: 10 s at the source's site, 80.05 s and 800.05 s over the links: 9, 9 and 0 of 10."""
    eu = make_site("eu-1", links={"us-1": Link(bytes_per_second=12.5e6)})
    snapshot = make_snapshot(make_dataset(), sites=(eu, *SITES[1:]))
    request = request_of(make_pod(CLAIMS), snapshot)
    assert bring(request, ["a", "c", "d"], snapshot) == pytest.approx({"a": 10.0, "c": 80.05, "d": 800.05})
    assert prioritize(request, ["a", "c", "d"], snapshot) == {"a": 9, "c": 8, "d": 0}


def test_a_cached_copy_beats_the_own_site() -> None:
    """A node that holds all bytes of the version has nothing to bring; an old version counts for nothing."""
    caches = (
        NodeCache("b", (CachedDataset(CLAIMS, "v1", 10 * GB),)),
        NodeCache("a", (CachedDataset(CLAIMS, "v0", 10 * GB),)),
    )
    snapshot = make_snapshot(make_dataset(), caches=caches)
    request = request_of(make_pod(CLAIMS), snapshot)
    assert prioritize(request, ["a", "b", "c"], snapshot) == {"a": 8, "b": 10, "c": 0}


def test_memoised_by_place_and_asked_node_by_node_agree() -> None:
    """What is computed once per place is what each node alone would get."""
    nodes = [make_node(f"n{number:02}", ("eu-1", "eu-2", "us-1")[number % 3]) for number in range(30)]
    caches = tuple(
        NodeCache(f"n{number:02}", (CachedDataset(CLAIMS, "v1", number * GB),)) for number in range(0, 30, 4)
    )
    dataset = make_dataset()
    snapshot = make_snapshot(dataset, nodes=nodes, caches=caches)
    seconds = bring(request_of(make_pod(CLAIMS), snapshot), [node.name for node in nodes], snapshot)
    alone = {
        node.name: bring_seconds(node.name, snapshot.places[node.name], (dataset,), snapshot.inventory, snapshot.caches)
        for node in nodes
    }
    assert seconds == alone


def test_each_site_gets_its_verdict() -> None:
    """Allowed sites have seconds and a score, refused ones the policy's sentence."""
    snapshot = make_snapshot(make_dataset(residency=frozenset({"EU"})))
    verdicts = {verdict.site_name: verdict for verdict in by_site(request_of(make_pod(CLAIMS), snapshot), snapshot)}
    assert list(verdicts) == ["eu-1", "eu-2", "us-1"]
    assert (verdicts["eu-1"].seconds, verdicts["eu-1"].score) == (10.0, 8)
    assert verdicts["eu-2"].seconds == pytest.approx(80.05)
    assert verdicts["eu-2"].score == 0
    assert (verdicts["us-1"].seconds, verdicts["us-1"].score) == (None, None)
    assert re.search("run at a site that lies there", verdicts["us-1"].decision.message)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 10), max_size=12))
def test_priorities_are_json_whatever_nodes_are_called(of_node: dict[str, int]) -> None:
    """Names of the same score are joined as text where nothing in them has to be escaped."""
    written = orjson.loads(write_priorities(of_node))
    assert {entry["Host"]: entry["Score"] for entry in written} == of_node
    assert len(written) == len(of_node)


def test_names_that_json_escapes_are_escaped() -> None:
    """One of them among many that are plain."""
    names = {'quote"': 1, "back\\slash": 1, "line\n": 1, "plain": 1, "ä": 2}
    assert {entry["Host"]: entry["Score"] for entry in orjson.loads(write_priorities(names))} == names
