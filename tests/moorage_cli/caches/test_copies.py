"""How far copies are, in tables: what pods and NodeCaches say of them, and what people read."""

from dataclasses import replace
from typing import Any

import pytest

from moorage.caching import CacheMode, CachePolicy
from moorage.model import CachedDataset, Dataset, DatasetStatus, NodeCache, UnfilledDataset
from moorage_cli.caches.copies import Copy, Phase, copies, obstacle, whole_nodes
from moorage_cli.caches.drawing import line
from tests.builders import make_dataset

GB = 10**9
CLAIMS = make_dataset("claims").at("eu-1").sized(4 * GB, "v2").obj()


def pod(node: str = "", phase: str = "Pending", index: int = 0, made: int = 0, **status: object) -> dict[str, Any]:
    """A pod of the Job."""
    labels = {"batch.kubernetes.io/job-name": "warm", "batch.kubernetes.io/job-completion-index": str(index)}
    metadata = {"labels": labels, "creationTimestamp": f"2026-12-01T00:00:{made:02}Z"}
    return {"metadata": metadata, "spec": {"nodeName": node} if node else {}, "status": {"phase": phase, **status}}


def cache(node: str, size: int, version: str = "v2", *, why: str = "") -> NodeCache:
    """What a node tells."""
    held = (CachedDataset(CLAIMS.ref, version, size),) if size else ()
    return NodeCache(node, held, (UnfilledDataset(CLAIMS.ref, why),) if why else ())


UNSCHEDULABLE = [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}]


@pytest.mark.parametrize(
    ("pods", "caches", "told"),
    [
        ([], [], ["(no node yet): waiting: its pod was not made yet"]),
        ([pod(conditions=UNSCHEDULABLE)], [], ["(no node yet): waiting: 0/3 nodes are available"]),
        ([pod("n1")], [cache("n1", 0)], ["n1: 0 B of 4 GB"]),
        ([pod("n1")], [cache("n1", GB)], ["n1: 1 GB of 4 GB"]),
        ([pod("n1")], [cache("n1", 4 * GB, "v1")], ["n1: 0 B of 4 GB"]),
        ([pod("n1", "Running")], [cache("n1", 4 * GB)], ["n1: all of it, 4 GB"]),
        ([pod("n1", "Succeeded")], [cache("n1", GB)], ["n1: all of it, 4 GB"]),
        ([pod("n1", "Succeeded")], None, ["n1: all of it, 4 GB"]),
        ([pod("n1", "Running")], None, ["n1: copying"]),
        (
            [pod("n1", "Running")],
            [cache("n1", 0, why="NoRoom")],
            ["n1: 0 B of 4 GB: there is no room: pods use what is there, or the disk is nearly full; tried again"],
        ),
        (
            [pod("n1", "Running")],
            [],
            ["n1: copying: the node has told of no cache: is nodePlugin.cache.enabled set?"],
        ),
        ([pod("n1", "Failed", message="evicted")], None, ["n1: failed: evicted"]),
        ([pod("n1", "Failed", made=1), pod("n2", "Succeeded", made=2)], None, ["n2: all of it, 4 GB"]),
        (
            [pod(index=1), pod("n2", "Succeeded", index=0)],
            None,
            ["n2: all of it, 4 GB", "(no node yet): waiting"],
        ),
    ],
)
def test_how_far_copies_are(pods: list[dict[str, Any]], caches: list[NodeCache] | None, told: list[str]) -> None:
    """By node; the last pod of each index counts, and of an old version nothing does."""
    found = copies(pods, caches, CLAIMS.ref, CLAIMS, wanted=len(told))
    assert [line(copy) for copy in found] == told


def test_a_node_that_two_pods_had_counts_once() -> None:
    """Else two would be promised where one is warm."""
    pods = [pod("n1", "Succeeded", index=index) for index in range(2)]
    assert whole_nodes(copies(pods, None, CLAIMS.ref, None, 2)) == {"n1"}


def test_a_dataset_that_can_not_be_seen_has_no_size() -> None:
    """Its phase is told all the same."""
    assert copies([pod("n1", "Succeeded")], None, CLAIMS.ref, None, 1) == [Copy("n1", Phase.WHOLE)]
    assert line(Copy("n1", Phase.WHOLE)) == "n1: all of it"


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        (CLAIMS, ""),
        (replace(CLAIMS, cache=CachePolicy(CacheMode.NONE)), "forbids caches"),
        (replace(CLAIMS, cache=CachePolicy(size_limit_bytes=GB)), "has 4,000,000,000 bytes"),
        (replace(CLAIMS, cache=CachePolicy(size_limit_bytes=4 * GB)), ""),
        (replace(CLAIMS, status=DatasetStatus()), "was not listed yet"),
    ],
)
def test_what_no_node_could_keep(dataset: Dataset, said: str) -> None:
    """It is told at once, and no pod waits for it."""
    found = obstacle(dataset)
    assert found.startswith(said)
    assert bool(found) is bool(said)
