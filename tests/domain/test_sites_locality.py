"""Which site a node belongs to, and the node score of the semantics."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.locality import CacheIndex, best_way, bring_seconds, scores
from moorage.model import CachedDataset, Link, Node, NodeCache, Source
from moorage.sites import Inventory
from moorage.sources.s3 import S3Source
from tests.builders import make_dataset, make_site

EU_1 = make_site("eu-1", "DE", links={"us-1": Link(bytes_per_second=50e6, latency_seconds=0.09)})
US_1 = make_site("us-1", "US", default_link=Link(price_per_gb=0.5))
INVENTORY = Inventory.of([EU_1, US_1])
LABEL = "node-restriction.kubernetes.io/moorage-site"


@pytest.mark.parametrize(
    ("labels", "site", "problem"),
    [
        ({LABEL: "eu-1"}, "eu-1", ""),
        ({LABEL: "nowhere"}, None, "belongs to no site"),
        ({}, None, "belongs to no site"),
        ({LABEL: "eu-1", "extra": "yes"}, None, "2 sites (also-eu, eu-1)"),
    ],
)
def test_a_node_belongs_to_the_one_site_that_selects_it(labels: dict[str, str], site: str | None, problem: str) -> None:
    """No match and two matches permit nothing, and say why."""
    also = make_site("also-eu")
    inventory = Inventory.of([EU_1, US_1, type(also)("also-eu", node_selector={"extra": "yes"})])
    place = inventory.place_of_node(Node("n", labels))
    assert place.site_name == site
    assert problem in place.problem


def test_a_site_without_selector_selects_no_node() -> None:
    """An empty selector must not draw every node to one site."""
    bare = type(EU_1)("bare")
    assert Inventory.of([bare]).place_of_node(Node("n", {})).site is None


def test_a_link_comes_field_by_field() -> None:
    """links, then defaultLink, then the constants."""
    link = INVENTORY.link("eu-1", "us-1")
    assert (link.bytes_per_second, link.latency_seconds, link.price_per_gb) == (50e6, 0.09, 0.02)
    back = INVENTORY.link("us-1", "eu-1")
    assert (back.bytes_per_second, back.latency_seconds, back.price_per_gb) == (125e6, 0.05, 0.5)


def test_the_source_of_spec_local_lies_at_the_only_site() -> None:
    """Where there are two sites, a source that names none is none."""
    dataset = make_dataset("d").obj()
    local = type(dataset)(dataset.ref, (Source("", S3Source("http://s3", "b")),))
    assert [source.site for source in Inventory.of([EU_1]).sources(local)] == ["eu-1"]
    assert INVENTORY.sources(local) == ()


def test_the_own_site_is_the_best_way() -> None:
    """A copy in the own site needs no latency and 1e9 bytes a second; else the quickest link is taken."""
    both = make_dataset("d").at("eu-1", "us-1").obj()
    way = best_way(both, "us-1", 5e8, INVENTORY)
    assert way is not None
    assert (way.site_name, way.seconds, way.local) == ("us-1", 0.5, True)
    one = make_dataset("d").at("eu-1").obj()
    far = best_way(one, "us-1", 5e8, INVENTORY)
    assert far is not None
    assert (far.site_name, far.seconds, far.local) == ("eu-1", 0.09 + 10.0, False)
    assert best_way(make_dataset("d").obj(), "us-1", 1, INVENTORY) is None


def test_cached_bytes_of_the_current_version_count() -> None:
    """Half the bytes cached, half the seconds; another version's bytes are worth nothing."""
    dataset = make_dataset("d").at("eu-1").sized(int(1e9), "v2").obj()
    datasets = {dataset.ref: dataset}
    place = INVENTORY.place("us-1")

    def seconds(version: str, held: float) -> float:
        caches = CacheIndex.of(
            [NodeCache("n", (CachedDataset(dataset.ref, version, int(held)),))], datasets, {"n": "us-1"}
        )
        return bring_seconds("n", place, [dataset], INVENTORY, caches)

    assert seconds("v2", 0) == pytest.approx(0.09 + 20)
    assert seconds("v2", 5e8) == pytest.approx(0.09 + 10)
    assert seconds("v1", 1e9) == pytest.approx(0.09 + 20)
    assert seconds("v2", 1e9) == 0


def test_a_full_cache_on_a_neighbour_is_a_near_source() -> None:
    """A node of the same site reads from the neighbour's cache, not over the ocean."""
    dataset = make_dataset("d").at("eu-1").sized(int(1e9)).obj()
    caches = CacheIndex.of(
        [NodeCache("n1", (CachedDataset(dataset.ref, "v1", int(1e9)),))], {dataset.ref: dataset}, {"n1": "us-1"}
    )
    assert bring_seconds("n2", INVENTORY.place("us-1"), [dataset], INVENTORY, caches) == pytest.approx(1.0)


def test_the_cache_of_a_node_that_is_gone_counts_for_nobody() -> None:
    """Its object may be left behind; nobody can read from it."""
    dataset = make_dataset("d").at("eu-1").sized(int(1e9)).obj()
    cache = NodeCache("gone", (CachedDataset(dataset.ref, "v1", int(1e9)),))
    caches = CacheIndex.of([cache], {dataset.ref: dataset}, {"n2": "us-1"})
    assert caches.full_at_sites == frozenset()
    assert bring_seconds("n2", INVENTORY.place("us-1"), [dataset], INVENTORY, caches) == pytest.approx(0.09 + 20)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ({"a": 0.0, "b": 0.0}, {"a": 10, "b": 10}),
        ({"a": 0.0, "b": 10.0}, {"a": 10, "b": 0}),
        ({"a": 1.0, "b": 10.0, "c": 5.0}, {"a": 9, "b": 0, "c": 5}),
        ({"a": 3.0}, {"a": 0}),
        ({}, {}),
        ({"a": 1.0, "b": math.inf, "c": 4.0}, {"a": 7, "b": 0, "c": 0}),
    ],
)
def test_scores(seconds: dict[str, float], expected: dict[str, int]) -> None:
    """floor(10 * (T - t) / T + 1e-9)."""
    assert scores(seconds) == expected


@given(st.dictionaries(st.text("abc", min_size=1), st.floats(0, 1e6), min_size=1))
def test_less_to_bring_never_scores_lower(seconds: dict[str, float]) -> None:
    """Scores are within 0..10 and follow the seconds."""
    result = scores(seconds)
    assert all(0 <= score <= 10 for score in result.values())
    for one, quick in seconds.items():
        for other, slow in seconds.items():
            assert quick > slow or result[one] >= result[other]


def test_what_lies_in_a_nodes_memory_draws_pods_to_that_node_alone() -> None:
    """Whatever its size; not to other nodes of the site, and not what a Dataset before this one left."""
    dataset = replace(make_dataset("features").in_memory_at("eu-1").obj(), uid="this")
    inventory = Inventory.of([make_site("eu-1")])
    told = {"has": "this", "had": "before", "empty": "this"}
    caches = [
        NodeCache(node, (CachedDataset(dataset.ref, uid, 0 if node == "empty" else 10),)) for node, uid in told.items()
    ]
    index = CacheIndex.of(caches, {dataset.ref: dataset}, dict.fromkeys(told, "eu-1"))
    seconds = {
        node: bring_seconds(node, inventory.place("eu-1"), [dataset], inventory, index) for node in (*told, "other")
    }
    assert scores(seconds) == {"has": 10, "had": 0, "empty": 0, "other": 0}
