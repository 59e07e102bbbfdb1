"""Indexes of what Datasets depend on: Sites, the pods that read each Dataset, the purposes of Namespaces."""

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

from dataset_operator.requeueing import Cause, Requeuer
from dataset_operator.users import held_by, read_concerned_pod, users_by_dataset
from moorage.kube import NAMESPACES, PODS, SITES, Change, Client, Key, Reflector
from moorage.model import DatasetRef, Pod, Site
from moorage.sites import Inventory
from moorage.watching import Bundle, NamespacePurposes
from moorage.wire import read_site

_BLIND_AFTER_SECONDS = 60.0


class ClusterIndex:
    """Informers over Sites, pods and Namespaces; a change requeues what it concerns.

    Args:
        client: the API server.
    """

    def __init__(self, client: Client) -> None:
        self._sites = Reflector(client, SITES, project=read_site, on_change=self._site_changed)
        self._pods = Reflector(client, PODS, project=read_concerned_pod, on_change=self._pod_changed)
        self._namespaces = Reflector(
            client, NAMESPACES, project=NamespacePurposes.read, on_change=self._namespace_changed
        )
        self._bundle = Bundle({"sites": self._sites, "pods": self._pods, "namespaces": self._namespaces})
        self._requeuer = Requeuer(client, self._pods.snapshot)
        self._tell: Callable[[DatasetRef | None], None] = lambda _: None
        self._inventory: tuple[Mapping[Key, Site], Inventory] | None = None
        self._users: tuple[Mapping[Key, Pod], Mapping[DatasetRef, tuple[str, ...]]] | None = None

    async def __aenter__(self) -> Self:
        await self._bundle.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._requeuer.close()
        await self._bundle.__aexit__(kind, error, trace)

    async def wait_synced(self, seconds: float) -> None:
        """Wait for the first lists, each so long.

        Raises:
            KubeError: one did not come.
        """
        await self._bundle.wait_synced(seconds)

    def tell(self, tell: Callable[[DatasetRef | None], None]) -> None:
        """Call `tell` when the users of a Dataset, or (None) the sites, changed."""
        self._tell = tell

    def problem(self) -> str | None:
        """Why what is known here may be old; None where it is not."""
        return self._bundle.problem(_BLIND_AFTER_SECONDS)

    # --- what is asked ---

    def inventory(self) -> Inventory:
        """The sites as they are."""
        view = self._sites.snapshot()
        if self._inventory is None or self._inventory[0] is not view:
            self._inventory = view, Inventory.of(view.values())
        return self._inventory[1]

    def users(self, ref: DatasetRef) -> Sequence[str]:
        """The pods that use a Dataset now, `namespace/name`, sorted."""
        view = self._pods.snapshot()
        if self._users is None or self._users[0] is not view:
            self._users = view, users_by_dataset(view.values())
        return self._users[1].get(ref, ())

    def changed(self, cause: Cause) -> None:
        """Have the scheduler look again at the pods that this concerns."""
        self._requeuer.changed(cause)

    # --- what happens ---

    def _site_changed(self, change: Change[Site]) -> None:
        self._tell(None)
        if self._sites.synced.is_set():
            self._requeuer.changed(Cause(f"Site {change.key[1]}"))

    def _pod_changed(self, change: Change[Pod]) -> None:
        before = _used_by(change.before)
        after = _used_by(change.after)
        for ref in before ^ after:
            self._tell(ref)

    def _namespace_changed(self, change: Change[NamespacePurposes]) -> None:
        if self._namespaces.synced.is_set() and change.before is not None:
            self._requeuer.changed(Cause(f"Namespace {change.key[1]}", namespace=change.key[1]))


def _used_by(pod: Pod | None) -> frozenset[DatasetRef]:
    return held_by(pod) if pod is not None else frozenset()
