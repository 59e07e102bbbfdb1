"""One ManagedCluster: its works, and how well it is seen."""

from collections.abc import Callable, Mapping
from typing import Any

from moorage.errors import ConflictError, KubeError, NotFoundError
from moorage.kube import Client
from moorage.runs import RunRef
from pipeline_executor.distribution.clusters import Sight
from pipeline_executor.distribution.heartbeats import Heartbeat
from pipeline_executor.distribution.ocm.works import MANIFEST_WORKS, ManagedCluster, cancel_patch, group_work
from pipeline_executor.distribution.seen import SeenGroup

_LEAST_SECONDS = 0.001
"""The least time out of sight, as 0 means in sight."""


class WorkCluster:
    """A `Cluster`. The engine tells it what it has seen.

    Args:
        managed: what leads there.
        client: the hub's own cluster.
        clock: monotonic seconds.
        seeing_since: since when the hub has been able to see anything, by the same clock; None: it can't now.
    """

    def __init__(
        self,
        managed: ManagedCluster,
        client: Client,
        clock: Callable[[], float],
        seeing_since: Callable[[], float | None],
    ) -> None:
        self.managed = managed
        self._client = client
        self._clock = clock
        self._seeing_since = seeing_since
        self._heartbeat = Heartbeat()
        self._gone_at: float | None = None
        self._groups: dict[str, dict[str, SeenGroup]] = {}
        self.tell(managed)

    # --- told by the engine ---

    def tell(self, managed: ManagedCluster) -> None:
        """Take the ManagedCluster as it is now."""
        self.managed = managed
        if managed.available:
            self._gone_at = None
        elif self._gone_at is None:
            self._gone_at = self._clock()

    def hear(self, renewed: str) -> None:
        """Note a renewal of the spoke's Lease."""
        self._heartbeat = self._heartbeat.heard(renewed, self._clock())

    def put(self, group: SeenGroup) -> None:
        """Note a group that is there, or has changed."""
        self._groups.setdefault(group.run.uid, {})[group.name] = group

    def drop(self, group: SeenGroup) -> None:
        """Note that a group is there no more."""
        mine = self._groups.get(group.run.uid, {})
        mine.pop(group.name, None)
        if not mine:
            self._groups.pop(group.run.uid, None)

    # --- the interface ---

    @property
    def name(self) -> str:
        """The name of the cluster for people."""
        return self.managed.subject

    def sight(self) -> Sight:
        """Return the cluster's current visibility, by OCM and by the renewals of the spoke's Lease that it forwards."""
        since = self._seeing_since()
        if since is None:
            return Sight(takes_writes=False, problem="the hub's own API server does not answer")
        now = self._clock()
        # While the hub itself saw nothing, nobody was silent.
        silent = self._heartbeat.since(since).silent_seconds(now)
        gone, problem = 0.0, f"no renewal of its spoke's Lease has come for {silent:.0f} s" if silent else ""
        if self._gone_at is not None:
            gone = max(now - max(self._gone_at, since), _LEAST_SECONDS)
            problem = f"Open Cluster Management says that it is not available: {self.managed.why}"
        return Sight(api_seconds=gone, spoke_seconds=silent, spoke_seen=bool(self._heartbeat.renewed), problem=problem)

    def loss(self) -> object:
        """Return when OCM lost the cluster, and the last renewal before its spoke fell silent."""
        silent = self.sight().spoke_seconds > 0
        return self._gone_at, self._heartbeat.seen_at if silent else None, self._seeing_since() is None

    def runs(self) -> frozenset[RunRef]:
        """Return the runs of the groups that are seen."""
        return frozenset(group.run for groups in self._groups.values() for group in groups.values())

    def groups_of(self, run_uid: str) -> Mapping[str, SeenGroup]:
        """Return the run's groups, by name."""
        return self._groups.get(run_uid) or {}

    async def submit(self, group: Mapping[str, Any]) -> None:
        """Create the work of a PipelineGroup; nothing happens where it is there already."""
        try:
            await self._client.create(MANIFEST_WORKS, group_work(self.managed.name, group))
        except ConflictError:
            return
        except NotFoundError as error:
            problem = f"the hub's cluster has no namespace {self.managed.name}: is {self.name} accepted by OCM?"
            raise KubeError(problem, status=error.status, reason=error.reason) from error

    async def exists(self, namespace: str, name: str) -> bool:  # noqa: ARG002 - of the group, and so in its name
        """Return whether there is a work for the PipelineGroup."""
        try:
            await self._client.get(MANIFEST_WORKS, name, self.managed.name)
        except NotFoundError:
            return False
        return True

    async def cancel(self, group: SeenGroup) -> None:
        """Have the agent tell the spoke to end it, be it when the cluster is back."""
        try:
            await self._client.json_patch(MANIFEST_WORKS, group.name, cancel_patch(), namespace=self.managed.name)
        except NotFoundError:
            return

    async def delete(self, group: SeenGroup) -> None:
        """Delete the work; the agent deletes the PipelineGroup, be it when the cluster is back."""
        try:
            await self._client.delete(MANIFEST_WORKS, group.name, self.managed.name, uid=group.uid)
        except (NotFoundError, ConflictError):
            return
