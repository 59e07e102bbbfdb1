"""Indexes of what Datasets depend on: Sites, the pods that read each Dataset, the purposes of Namespaces."""

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from dataset_operator.orphans import OrphanNotifier
from dataset_operator.pod_index import PodIndex
from dataset_operator.requeueing import Cause, Requeuer
from dataset_operator.site_index import SiteIndex
from dataset_operator.users import read_concerned_pod
from moorage.kube import NAMESPACES, PODS, Change, Client, Recorder, Reflector
from moorage.model import DatasetRef, Pod
from moorage.queueing.paced_worker import PacedWorker
from moorage.queueing.rate import Rate
from moorage.sites import Inventory
from moorage.watching import Bundle, NamespaceTerms

# A namespace with ten thousand pods is through in 200 s, before the kube-scheduler looks again by itself (300 s).
PER_NAMESPACE = Rate(per_second=50, burst=100)
IN_TOTAL = Rate(per_second=100, burst=200)
_BLIND_AFTER_SECONDS = 60.0
# However many pods of a Dataset come and go, its status is written anew so often at most.
_USERS_TOLD_EVERY_SECONDS = 1.0


class ClusterIndex:
    """Informers over pods and Namespaces, and the index of Sites; a change requeues what it concerns.

    Args:
        client: the API server.
        recorder: the recorder of Events.

    Attributes:
        sites: is told of Sites by kopf.
    """

    def __init__(self, client: Client, recorder: Recorder) -> None:
        self.sites = SiteIndex(client)
        self._pods = Reflector(client, PODS, project=read_concerned_pod, on_change=self._pod_changed)
        self._namespaces = Reflector(client, NAMESPACES, project=NamespaceTerms.read, on_change=self._namespace_changed)
        self._bundle = Bundle({"pods": self._pods, "namespaces": self._namespaces})
        self._pod_index = PodIndex()
        self._worker = PacedWorker(PER_NAMESPACE, IN_TOTAL)
        self._requeuer = Requeuer(client, self._pod_index, self._worker)
        self._orphans = OrphanNotifier(client, recorder, self._pod_index, self._worker)
        self._tell: Callable[[DatasetRef | None], None] = lambda _: None
        self._told: dict[DatasetRef, asyncio.TimerHandle] = {}
        self._untold: set[DatasetRef] = set()

    async def __aenter__(self) -> Self:
        await self._worker.__aenter__()
        await self._bundle.__aenter__()
        self._resyncing = asyncio.create_task(self.sites.run(), name="resync sites")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resyncing.cancel()
        await self._worker.__aexit__(None, None, None)
        await self._bundle.__aexit__(kind, error, trace)
        for timer in self._told.values():
            timer.cancel()

    async def wait_synced(self, seconds: float) -> None:
        """Wait for the first lists, each so long.

        Raises:
            KubeError: one did not come.
        """
        await self.sites.resync()
        self.sites.tell(self._site_changed)
        await self._bundle.wait_synced(seconds)

    def tell(self, tell: Callable[[DatasetRef | None], None]) -> None:
        """Call `tell` when the users of a Dataset, or (None) the sites, changed."""
        self._tell = tell

    def problem(self) -> str | None:
        """Return why what is known here may be old; None where it is not."""
        return self._bundle.problem(_BLIND_AFTER_SECONDS) or self.sites.problem()

    # --- what is asked ---

    def inventory(self) -> Inventory:
        """Return the sites as they are."""
        return self.sites.inventory()

    def users(self, ref: DatasetRef) -> Sequence[str]:
        """Return the pods that hold a Dataset now, `namespace/name`, sorted."""
        return self._pod_index.users(ref)

    def writers(self, ref: DatasetRef) -> Sequence[str]:
        """Return the pods that may write to a Dataset now, `namespace/name`, sorted."""
        return self._pod_index.writers(ref)

    def changed(self, cause: Cause) -> None:
        """Have the scheduler look again at the pods that this concerns; tell those that hold a Dataset that is gone."""
        self._requeuer.changed(cause)
        if cause.gone and cause.dataset is not None:
            self._orphans.deleted(cause.dataset)
        elif cause.dataset is not None:
            self._orphans.present(cause.dataset)

    # --- what happens ---

    def _site_changed(self, name: str) -> None:
        self._tell(None)
        self._requeuer.changed(Cause(f"Site {name}"))

    def _pod_changed(self, change: Change[Pod]) -> None:
        for ref in self._pod_index.update(change.key, change.after):
            self._users_changed(ref)
            if self._pod_index.holder(change.key, ref) is not None:
                self._orphans.held(ref)

    def _users_changed(self, ref: DatasetRef) -> None:
        """Tell at once, and what comes soon after that together."""
        if ref in self._told:
            self._untold.add(ref)
            return
        self._tell(ref)
        loop = asyncio.get_running_loop()
        self._told[ref] = loop.call_later(_USERS_TOLD_EVERY_SECONDS, self._users_settled, ref)

    def _users_settled(self, ref: DatasetRef) -> None:
        del self._told[ref]
        if ref in self._untold:
            self._untold.discard(ref)
            self._users_changed(ref)

    def _namespace_changed(self, change: Change[NamespaceTerms]) -> None:
        if self._namespaces.synced.is_set() and change.before is not None:
            self._requeuer.changed(Cause(f"Namespace {change.key[1]}", namespace=change.key[1]))
