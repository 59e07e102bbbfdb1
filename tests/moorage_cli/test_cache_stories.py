"""What `why` says of caches."""

from dataclasses import replace

import pytest

from moorage.caching import CacheMode, CachePolicy
from moorage.locality.snapshot import Request, Snapshot
from moorage.model import CachedDataset, Dataset, Link, Node, NodeCache, Reader
from moorage_cli.cache_stories import Held, amount, as_document, held, sentences
from tests.builders import make_dataset, make_site

SITES = [make_site("eu-1", "DE", links={"us-1": Link(bytes_per_second=100e6, latency_seconds=0.5)}), make_site("us-1")]
CLAIMS = make_dataset("claims").at("eu-1").sized(10**10, "v2").obj()
NODES = [
    Node(name, {"node-restriction.kubernetes.io/moorage-site": name[:4]}) for name in ("eu-1-a", "us-1-a", "us-1-b")
]


def snapshot(dataset: Dataset = CLAIMS, *caches: NodeCache) -> Snapshot:
    """Two sites, three nodes."""
    return Snapshot.of(datasets=[dataset], sites=SITES, nodes=NODES, caches=caches)


def request(dataset: Dataset = CLAIMS) -> Request:
    """Somebody reads it."""
    return Request(Reader("steward"), (dataset.ref,))


def test_what_nodes_hold_of_the_current_version() -> None:
    """An old version brings nobody anything."""
    whole = NodeCache("us-1-a", (CachedDataset(CLAIMS.ref, "v2", 10**10), CachedDataset(CLAIMS.ref, "v1", 5)))
    part = NodeCache("us-1-b", (CachedDataset(CLAIMS.ref, "v2", 2**30, near_bytes=2**29),))
    begun = NodeCache("eu-1-a", (CachedDataset(CLAIMS.ref, "v2", 0),))
    old = NodeCache("eu-1-a", (CachedDataset(CLAIMS.ref, "v1", 10**10),))
    assert held(request(), snapshot(CLAIMS, begun)) == []
    found = held(request(), snapshot(CLAIMS, whole, part, old))
    assert found == [
        Held("us-1-a", "us-1", CLAIMS.ref, 10**10, 10**10),
        Held("us-1-b", "us-1", CLAIMS.ref, 2**30, 10**10, near_bytes=2**29),
    ]
    assert [amount(each) for each in found] == ["all, 10 GB", "1.07 GB of 10 GB; 537 MB of it from other nodes"]
    assert as_document(request(), snapshot(CLAIMS, part)) == [
        {
            "node": "us-1-b",
            "site": "us-1",
            "dataset": "steward/claims",
            "bytes": 2**30,
            "whole": False,
            "neighbourBytes": 2**29,
        }
    ]


NEAR = "eu-1: a node makes no copy of steward/claims, because a source is near; useas: cache asks for one."
FAR = (
    "us-1: a node copies steward/claims with pod 3 of the site and day, which takes 100 s, or with the first "
    "that says useas: cache."
)
ALWAYS = "eu-1, us-1: a node copies steward/claims. The Dataset asks for caches (spec.cache.mode: always)."
NEVER = "eu-1, us-1: a node makes no copy of steward/claims. The Dataset forbids caches (spec.cache.mode: none)."


@pytest.mark.parametrize(
    ("mode", "told"), [(CacheMode.AUTO, [NEAR, FAR]), (CacheMode.ALWAYS, [ALWAYS]), (CacheMode.NONE, [NEVER])]
)
def test_when_a_node_makes_a_copy(mode: CacheMode, told: list[str]) -> None:
    """Site by site, with the pod that it begins with; equal sentences once."""
    dataset = replace(CLAIMS, cache=CachePolicy(mode))
    assert sentences(request(dataset), snapshot(dataset), ["eu-1", "us-1"]) == told
