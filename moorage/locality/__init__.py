"""Data locality: where a pod may run, and how near its data is there. One verdict for the scheduler and for people.

Pure. Assumes nothing of a cluster: everything is computed from one frozen snapshot, in numbered phases.

    snapshot      1. who reads what, and all that the verdict depends on
    verdicts      2. may it be read at that place? which nodes pass? what holds at each Site?
    emptiness     is a source known to hold nothing for a reader?
    bringing      3. the seconds that missing bytes take
    scoring       4. 0 to 10 for each node
    filling       should a node fill its cache? what a fill saves and costs
    evicting      which cached versions leave a node's disk first
    reasons       a refusal in the few words that a scheduling event has room for
    verdict_json  a verdict as JSON
"""

from moorage.locality.bringing import (
    EMPTY_CACHES,
    CacheIndex,
    best_way,
    bring_seconds,
    dataset_bytes,
    scores,
)

__all__ = ["EMPTY_CACHES", "CacheIndex", "best_way", "bring_seconds", "dataset_bytes", "scores"]
