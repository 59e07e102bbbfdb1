"""Which copies a Dataset asks to leave."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.caching import MOST_EVICTIONS, CachePolicy, Eviction
from moorage.errors import InputError
from moorage.model import CachedDataset, DatasetRef, NodeCache
from moorage_cli.caches.wishes import holders, merged, wishes

NOW = datetime(2026, 12, 1, 12, 0, 0, 1, tzinfo=UTC)
SECOND = int(NOW.timestamp()) + 1
CLAIMS, OTHER = DatasetRef("steward", "claims"), DatasetRef("steward", "other")


def test_what_options_mean() -> None:
    """Copies that are there now: this second is over before they leave."""
    assert wishes(NOW, [], []) == [Eviction(SECOND)]
    assert wishes(NOW, ["eu-1"], ["n1", "n1"]) == [Eviction(SECOND, site="eu-1"), Eviction(SECOND, node="n1")]


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        ([Eviction(5)], [Eviction(9)], [Eviction(9)]),
        ([Eviction(5, site="a"), Eviction(5, node="n")], [Eviction(9)], [Eviction(9)]),
        ([Eviction(5)], [Eviction(9, site="a")], [Eviction(5), Eviction(9, site="a")]),
        ([Eviction(5, site="a")], [Eviction(9, site="a")], [Eviction(9, site="a")]),
        ([Eviction(5, site="b")], [Eviction(9, site="a")], [Eviction(5, site="b"), Eviction(9, site="a")]),
        ([Eviction(11)], [Eviction(9)], [Eviction(11), Eviction(9)]),
    ],
)
def test_what_is_kept_of_older_wishes(old: list[Eviction], new: list[Eviction], kept: list[Eviction]) -> None:
    """What a new one means as well goes."""
    assert merged(old, new, "Dataset steward/claims") == tuple(kept)


def test_there_is_an_end_to_wishes() -> None:
    """The message says what to write instead."""
    many = [Eviction(5, node=f"n{number}") for number in range(MOST_EVICTIONS)]
    with pytest.raises(InputError, match="--all"):
        merged(many, [Eviction(9, node="another")], "Dataset steward/claims")
    assert merged(many, [Eviction(9)], "Dataset steward/claims") == (Eviction(9),)


PLACES = st.sampled_from(["", "a", "b"])
EVICTIONS = st.builds(Eviction, st.integers(1, 9), PLACES, PLACES)


@given(st.lists(EVICTIONS, max_size=8), st.lists(EVICTIONS, min_size=1, max_size=4), PLACES, PLACES)
def test_merging_loses_no_wish(old: list[Eviction], new: list[Eviction], site: str, node: str) -> None:
    """Each node is told the same moment as by all of them together."""
    together = CachePolicy(evictions=(*old, *new))
    kept = CachePolicy(evictions=merged(old, new, "x"))
    assert kept.evict_before(site, node) == together.evict_before(site, node)


def test_who_holds_what_is_meant() -> None:
    """All versions of this dataset, on the nodes that the wishes name."""
    caches = [
        NodeCache("n1", (CachedDataset(CLAIMS, "v1", 1), CachedDataset(CLAIMS, "v2", 2), CachedDataset(OTHER, "v", 9))),
        NodeCache("n2", (CachedDataset(CLAIMS, "v2", 4),)),
        NodeCache("n3", (CachedDataset(OTHER, "v", 8),)),
    ]
    site_of = {"n1": "eu-1", "n2": "us-1"}
    assert holders(caches, CLAIMS, [Eviction(1)], site_of) == {"n1": 3, "n2": 4}
    assert holders(caches, CLAIMS, [Eviction(1, site="us-1")], site_of) == {"n2": 4}
    assert holders(caches, CLAIMS, [Eviction(1, node="n1")], {}) == {"n1": 3}
