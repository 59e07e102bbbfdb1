"""The hub's `Distribution`: its own cluster, and all those that its engines lead to.

A site that no engine names is in the hub's own cluster. What is broken is told to the runs that need it; it disturbs no
other cluster.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from moorage.kube import Client
from moorage.queueing.ending import ended
from moorage.runs import RunRef
from moorage.runs.pipelines import CLUSTER_SITES_ANNOTATION
from moorage.serving import metrics
from pipeline_executor.distribution.clusters import Cluster, Engine, Surroundings, Way
from pipeline_executor.distribution.connected import ConnectedCluster
from pipeline_executor.distribution.engines import ENGINES

_LOOK_SECONDS = 2.0
"""The interval of the check, in memory, which clusters went out of sight."""

_log = logging.getLogger(__name__)


class SiteClusters:
    """The index of clusters by site, kept while its `async with` block runs.

    Args:
        client: the hub's own cluster.
        hub: the hub's id, see `HUB_LABEL`.
        namespace: the system namespace, here and in every cluster.
        engines: names in `ENGINES`.
        on_group: told of a run of which a PipelineGroup changed.
        on_sight: told of a cluster that went out of sight or came back, or of one that is new.
    """

    def __init__(  # noqa: PLR0913 - the one place where all of it comes together
        self,
        client: Client,
        *,
        hub: str,
        namespace: str,
        engines: Iterable[str],
        on_group: Callable[[RunRef], None],
        on_sight: Callable[[], None],
    ) -> None:
        self._on_group = on_group
        self._on_sight = on_sight
        self._own = ConnectedCluster("the hub's own cluster", client, hub, namespace, on_group)
        self._stirred = asyncio.Event()
        around = Surroundings(client, hub, namespace, on_group, self._stirred.set)
        self._engines: tuple[Engine, ...] = tuple(ENGINES[name](around) for name in engines)
        self._by_site: dict[str, Cluster] = {}
        self._problems: dict[str, str] = {}
        self._losses: dict[str, object] = {}
        self._arranging = asyncio.Lock()
        self._running = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._running.enter_async_context(self._own)
        # Of other clusters it is measured how many are out of sight: one that is away is no fault of the hub's.
        metrics.follow_caches(self._own.caches)
        self._running.callback(metrics.forget_caches, self._own.caches)
        for engine in self._engines:
            await self._running.enter_async_context(engine)
        task = asyncio.create_task(self._follow(), name="clusters")
        self._running.push_async_callback(ended, task)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._running.aclose()

    async def wait_synced(self, seconds: float) -> None:
        """Wait until it is known which clusters there are, and what is in the hub's own.

        Raises:
            KubeError: the hub's own API server did not answer.
        """
        for engine in self._engines:
            await engine.wait_synced(seconds)
        await self._own.groups.wait_synced(seconds)
        await self._arrange()

    # --- the interface ---

    def cluster(self, site: str) -> Cluster | None:
        """Return the site's cluster; None where the way there is broken."""
        return None if site in self._problems else self._by_site.get(site, self._own)

    def problem(self, site: str) -> str:
        """Return the reason why the site has no cluster, or ""."""
        return self._problems.get(site, "")

    def clusters(self) -> Iterable[Cluster]:
        """Return all clusters that are followed."""
        ways = [way.cluster for engine in self._engines for way in engine.ways()]
        return (self._own, *(cluster for cluster in ways if cluster is not None))

    def look_at_all(self) -> None:
        """Tell of the run of every PipelineGroup that is seen."""
        for cluster in self.clusters():
            for run in cluster.runs():
                self._on_group(run)

    def unready(self) -> str | None:
        """Return the reason why nothing can be decided yet, or None."""
        for engine in self._engines:
            if (why := engine.unready()) is not None:
                return why
        return None if self._own.groups.synced.is_set() else "PipelineGroups are not in the cache yet"

    # --- following ---

    async def _follow(self) -> None:
        while True:
            # Not `wait_for`: where the event is set at the moment of a cancellation, Python 3.11's forgets the latter.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._stirred.wait()
            self._stirred.clear()
            if all(engine.unready() is None for engine in self._engines):
                await self._arrange()
            # Whether a cluster is lost would not do: it may have been back, and have had groups, between two looks.
            losses = {cluster.name: cluster.loss() for cluster in self.clusters()}
            if losses != self._losses:
                self._losses = losses
                self._on_sight()
                # A group of a run that is over may still be in a cluster that comes back.
                self.look_at_all()

    async def _arrange(self) -> None:
        async with self._arranging:
            self._stirred.clear()
            before = self._by_site, self._problems
            for engine in self._engines:
                await engine.arrange()
            self._by_site, problems = assign(way for engine in self._engines for way in engine.ways())
            for problem in sorted(set(problems.values()) - set(self._problems.values())):
                _log.warning("%s", problem)
            self._problems = problems
            if before != (self._by_site, self._problems):
                self._losses = {}  # whoever waits for a cluster looks again


def assign(ways: Iterable[Way]) -> tuple[dict[str, Cluster], dict[str, str]]:
    """Return the cluster of each site, and what is wrong with the others: a site that two ways name has none. Pure.

    Returns:
        by site, the cluster; by site, the problem, with what to do about it.
    """
    named: dict[str, list[Way]] = {}
    for way in sorted(ways, key=lambda each: each.subject):
        for site in way.sites:
            named.setdefault(site, []).append(way)
    chosen: dict[str, Cluster] = {}
    problems: dict[str, str] = {}
    for site, several in named.items():
        first = several[0]
        if len(several) > 1:
            listed = " and ".join(way.subject for way in several)
            problems[site] = f"{listed} both name site {site} in {CLUSTER_SITES_ANNOTATION}: let one of them do so"
        elif first.cluster is None:
            problems[site] = first.problem
        else:
            chosen[site] = first.cluster
    return chosen, problems
