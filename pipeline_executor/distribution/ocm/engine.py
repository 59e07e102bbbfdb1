"""Follows ManagedClusters that name sites, and this hub's ManifestWorks in all of them: two watches, however many."""

import logging
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import replace
from types import TracebackType
from typing import Self

from moorage.errors import KubeError, NotFoundError, SettingError
from moorage.kube import Change, Reflector, Selection
from moorage.runs.pipelines import HUB_LABEL
from moorage.watching import Bundle
from pipeline_executor.distribution.clusters import Surroundings, Way
from pipeline_executor.distribution.ocm.cluster import WorkCluster
from pipeline_executor.distribution.ocm.works import (
    MANAGED_CLUSTERS,
    MANIFEST_WORKS,
    ManagedCluster,
    Work,
    heartbeat_work,
    read_managed_cluster,
    read_work,
)

_TRY_AGAIN_SECONDS = 30.0
_GONE_SECONDS = 60.0
"""The time a ManagedCluster may be away before its sites are taken to be in the hub's own cluster."""

_log = logging.getLogger(__name__)


class OcmEngine:
    """The engine of clusters that Open Cluster Management manages."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._clusters: dict[str, WorkCluster] = {}
        self._due: dict[str, float] = {}
        self._left_at: dict[str, float] = {}
        self._unread: set[str] = set()
        self._running = AsyncExitStack()
        self._managed: Reflector[ManagedCluster] = Reflector(
            around.client, MANAGED_CLUSTERS, project=read_managed_cluster, on_change=self._managed_changed
        )
        self._works: Reflector[Work] = Reflector(
            around.client,
            MANIFEST_WORKS,
            project=read_work,
            selection=Selection(labels=f"{HUB_LABEL}={around.hub}"),
            on_change=self._work_changed,
        )
        self._blind_at = time.monotonic()

    async def __aenter__(self) -> Self:
        await self._running.enter_async_context(
            Bundle({"managedclusters": self._managed, "manifestworks": self._works})
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._running.aclose()

    async def wait_synced(self, seconds: float) -> None:
        """Wait for ManagedClusters and works.

        Raises:
            KubeError: the hub's own API server did not answer.
            SettingError: it knows no ManagedClusters.
        """
        try:
            await self._managed.wait_synced(seconds)
            await self._works.wait_synced(seconds)
        except NotFoundError:
            problem = (
                "names ocm, but the hub's cluster is none of Open Cluster Management: install its hub, or leave it out"
            )
            raise SettingError("environment", "MOORAGE_DISTRIBUTION", problem) from None

    def unready(self) -> str | None:
        """Return the reason why clusters or works are not known yet, or None."""
        synced = self._managed.synced.is_set() and self._works.synced.is_set()
        return None if synced else "ManagedClusters and ManifestWorks are not in the cache yet"

    def ways(self) -> Iterable[Way]:
        """Return one way for each ManagedCluster that names sites."""
        return [Way(each.name, each.managed.sites, each) for each in self._clusters.values()]

    async def arrange(self) -> None:
        """Have the renewals of each cluster's Lease come."""
        self._seeing_since()
        now = time.monotonic()
        for name, left_at in list(self._left_at.items()):
            if now - left_at > _GONE_SECONDS:
                self._clusters.pop(name, None)
                self._due.pop(name, None)
                del self._left_at[name]
                _log.info("ManagedCluster %s is gone: its sites are in the hub's own cluster", name)
        unread = {str(problem.error) for problem in self._managed.problems.values()}
        for problem in sorted(unread - self._unread):
            _log.warning("%s", problem)
        self._unread = unread
        for name in self._clusters.keys() - self._left_at.keys():
            if self._due.get(name, 0.0) <= now:
                self._due[name] = await self._ask_for_renewals(name)
        for work in self._works.snapshot().values():
            if work.group is None and work.cluster not in self._clusters:
                await self._leave(work)

    async def _ask_for_renewals(self, cluster: str) -> float:
        """Apply the heartbeat's work; when to do so again."""
        body = heartbeat_work(cluster, self._around.hub, self._around.namespace)
        try:
            await self._around.client.apply(MANIFEST_WORKS, body)
        except KubeError as error:
            _log.warning("the Lease of the spoke of ManagedCluster %s can't be followed: %s", cluster, error)
            return time.monotonic() + _TRY_AGAIN_SECONDS
        return float("inf")

    async def _leave(self, work: Work) -> None:
        try:
            await self._around.client.delete(MANIFEST_WORKS, work.name, work.cluster)
        except KubeError as error:
            _log.warning("ManifestWork %s/%s was not deleted: %s", work.cluster, work.name, error)

    def _seeing_since(self) -> float | None:
        """Return the time since which both watches have been open, or None where one is not."""
        if self._managed.lost_at is not None or self._works.lost_at is not None:
            self._blind_at = time.monotonic()
            return None
        return self._blind_at

    # --- what is seen ---

    def _managed_changed(self, change: Change[ManagedCluster]) -> None:
        name, after = change.key[1], change.after
        known = self._clusters.get(name)
        if after is None:
            if known is not None:
                known.tell(replace(known.managed, available=False, why="it is gone, or names no sites any more"))
                self._left_at[name] = time.monotonic()
        elif known is not None:
            known.tell(after)
            self._left_at.pop(name, None)
        else:
            made = WorkCluster(after, self._around.client, time.monotonic, self._seeing_since)
            self._clusters[name] = made
            for work in self._works.snapshot().values():
                if work.cluster == name:
                    self._take(made, work)
        self._around.stir()

    def _work_changed(self, change: Change[Work]) -> None:
        before, after = change.before, change.after
        cluster = self._clusters.get(change.key[0])
        if before is not None and before.group is not None and cluster is not None:
            cluster.drop(before.group)
        if after is not None and cluster is not None:
            self._take(cluster, after)
        if after is None and before is not None and before.group is None:
            self._due.pop(before.cluster, None)  # somebody deleted the heartbeat's work
        for work in (before, after):
            if work is not None and work.group is not None:
                self._around.on_group(work.group.run)

    @staticmethod
    def _take(cluster: WorkCluster, work: Work) -> None:
        if work.group is not None:
            cluster.put(work.group)
        elif work.renewed:
            cluster.hear(work.renewed)
