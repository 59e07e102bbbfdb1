"""One cluster behind a client: informers over its PipelineGroups and its spoke's Lease."""

import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

from moorage.errors import ConflictError, NotFoundError
from moorage.kube import LEASES, PIPELINE_GROUPS, Change, Client, RawObject, Reflector, Selection
from moorage.runs import RunRef
from moorage.runs.pipelines import HUB_LABEL, SPOKE_LEASE
from pipeline_executor.distribution.clusters import Sight
from pipeline_executor.distribution.heartbeats import Heartbeat
from pipeline_executor.distribution.seen import SeenGroup, read_seen


class ConnectedCluster:
    """A cluster with informers, which run while its `async with` block runs.

    Args:
        name: for people.
        client: its API server; not closed here.
        hub: the hub's id: only PipelineGroups with its label are seen.
        system_namespace: where the spoke's Lease is.
        on_group: told of the run of each PipelineGroup that changed.
    """

    def __init__(
        self, name: str, client: Client, hub: str, system_namespace: str, on_group: Callable[[RunRef], None]
    ) -> None:
        self._name = name
        self._client = client
        self._on_group = on_group
        self._by_run: dict[str, dict[str, SeenGroup]] = {}
        self._heartbeat = Heartbeat()
        self._running = AsyncExitStack()
        self.groups: Reflector[SeenGroup] = Reflector(
            client,
            PIPELINE_GROUPS,
            project=read_seen,
            selection=Selection(labels=f"{HUB_LABEL}={hub}"),
            on_change=self._changed,
        )
        self._leases: Reflector[str] = Reflector(
            client,
            LEASES,
            project=_renewed,
            selection=Selection(namespace=system_namespace, fields=f"metadata.name={SPOKE_LEASE}"),
            on_change=self._heard,
        )

    @property
    def caches(self) -> Mapping[str, Reflector[Any]]:
        """Its informers, by the plural of what they follow."""
        return {"pipelinegroups": self.groups, "leases": self._leases}

    async def __aenter__(self) -> Self:
        await self._running.enter_async_context(self.groups)
        await self._running.enter_async_context(self._leases)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._running.aclose()

    @property
    def name(self) -> str:
        """The name of the cluster's source for people."""
        return self._name

    def sight(self) -> Sight:
        """Return the cluster's current visibility; if never listed, it is out of sight since the hub began to look."""
        error = self.groups.last_error
        silent = self._heartbeat.silent_seconds(time.monotonic())
        if self.groups.age_seconds:
            problem = f"its API server does not answer: {error}" if error else "its first list has not come yet"
        else:
            problem = f"its spoke has not renewed its Lease for {silent:.0f} s" if silent else ""
        return Sight(
            api_seconds=self.groups.age_seconds,
            spoke_seconds=silent,
            spoke_seen=bool(self._heartbeat.renewed),
            takes_writes=not self.groups.age_seconds,
            problem=problem,
        )

    def loss(self) -> object:
        """Return when its API server was lost, and the last renewal before its spoke fell silent."""
        is_silent = self._heartbeat.silent_seconds(time.monotonic()) > 0
        return self.groups.lost_at, self._heartbeat.seen_at if is_silent else None

    def runs(self) -> frozenset[RunRef]:
        """Return the runs of the PipelineGroups that are seen."""
        return frozenset(group.run for group in self.groups.snapshot().values())

    def groups_of(self, run_uid: str) -> Mapping[str, SeenGroup]:
        """Return the run's PipelineGroups, by name."""
        return self._by_run.get(run_uid) or {}

    async def submit(self, group: Mapping[str, Any]) -> None:
        """Create a PipelineGroup; nothing happens where it is there already."""
        try:
            kind = {"apiVersion": PIPELINE_GROUPS.api_version, "kind": PIPELINE_GROUPS.kind}
            await self._client.create(PIPELINE_GROUPS, {**kind, **group})
        except ConflictError:
            return

    async def exists(self, namespace: str, name: str) -> bool:
        """Return whether a PipelineGroup exists, asked of the API server itself."""
        try:
            await self._client.get(PIPELINE_GROUPS, name, namespace)
        except NotFoundError:
            return False
        return True

    async def cancel(self, group: SeenGroup) -> None:
        """Tell the spoke to end it."""
        body: RawObject = {"metadata": {"namespace": group.namespace, "name": group.name}, "spec": {"cancel": True}}
        try:
            await self._client.merge_patch(PIPELINE_GROUPS, body)
        except NotFoundError:
            return

    async def delete(self, group: SeenGroup) -> None:
        """Delete it, and no later one of its name."""
        try:
            await self._client.delete(PIPELINE_GROUPS, group.name, group.namespace, uid=group.uid)
        except (NotFoundError, ConflictError):
            return

    def _changed(self, change: Change[SeenGroup]) -> None:
        before, after = change.before, change.after
        if before is not None and (after is None or after.run != before.run):
            mine = self._by_run.get(before.run.uid, {})
            mine.pop(before.name, None)
            if not mine:
                self._by_run.pop(before.run.uid, None)
            self._on_group(before.run)
        if after is not None:
            self._by_run.setdefault(after.run.uid, {})[after.name] = after
            self._on_group(after.run)

    def _heard(self, change: Change[str]) -> None:
        if change.after is not None:
            self._heartbeat = self._heartbeat.heard(change.after, time.monotonic())


def _renewed(raw: RawObject) -> str | None:
    renewed = (raw.get("spec") or {}).get("renewTime")
    return renewed if isinstance(renewed, str) else None
