"""Two control planes and an S3 server; taken apart afterwards, unless the planes were named."""

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from devcluster import cluster
from devcluster.cluster import Cluster
from devcluster.progress import Terminal
from devcluster.spec import ClusterSpec
from tests.dataset_operator.stores import Store, run_store
from tests.pipeline_executor.hub.stage import Stage, install_crds, rendered_rights, staged

_NAMED = "MOORAGE_BENCH_PLANES"
_SPECS = (ClusterSpec("bench-hub", {"eu-1": 0}), ClusterSpec("bench-spoke", {"us-1": 0}))


@dataclass(frozen=True)
class Bench:
    """The control planes and the store that measurements run on.

    Attributes:
        hub: the hub's cluster, and that of site `eu`.
        spoke: the cluster of all other sites.
        folder: for what they write.
    """

    hub: Cluster
    spoke: Cluster
    store: Store
    folder: Path

    @asynccontextmanager
    async def stage(self) -> AsyncIterator[Stage]:
        """Provide names of a measurement's own."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        async with staged(self.hub, self.spoke, self.store, rendered_rights(), folder) as made:
            yield made


@contextmanager
def benches() -> Iterator[Bench]:
    """Bring them up."""
    named = [name for name in os.environ.get(_NAMED, "").split(",") if name]
    console = Console(stderr=True)
    try:
        planes = (
            [cluster.find(name) for name in named]
            if named
            else [cluster.up(spec, Terminal(console)) for spec in _SPECS]
        )
        for plane in planes:
            install_crds(plane)
        with tempfile.TemporaryDirectory(prefix="bench-run-") as folder, run_store(Path(folder)) as store:
            yield Bench(planes[0], planes[1], store, Path(folder))
    finally:
        if not named:
            for spec in _SPECS:
                cluster.down(spec.name)
