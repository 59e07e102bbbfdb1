"""A bare API server for measurements."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from devcluster import cluster
from devcluster.cluster import Cluster
from devcluster.progress import Terminal
from devcluster.spec import ClusterSpec


@contextmanager
def plane() -> Iterator[Cluster]:
    """Provide a control plane without nodes; removed afterwards, unless `MOORAGE_BENCH_PLANE` names one that is up."""
    if named := os.environ.get("MOORAGE_BENCH_PLANE"):
        yield cluster.find(named)
        return
    spec = ClusterSpec("bench-plane", {"eu-1": 0})
    try:
        yield cluster.up(spec, Terminal(Console(stderr=True)))
    finally:
        cluster.down(spec.name)
