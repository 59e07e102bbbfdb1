"""Follows the Secrets of type `moorage.dev/cluster` in the hub's system namespace, and the clusters that they lead to.

A Secret that goes is waited for a while, as whoever renews one may delete it first.
"""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from moorage.errors import SettingError
from moorage.kube import SECRETS, Change, Client, Reflector, Selection
from moorage.runs.pipelines import CLUSTER_SECRET_TYPE
from moorage.watching import Bundle
from pipeline_executor.distribution.clusters import Surroundings, Way
from pipeline_executor.distribution.connected import ConnectedCluster
from pipeline_executor.distribution.kubeconfig.secrets import ClusterSecret, read_cluster_secret

_GONE_SECONDS = 60.0
"""The time a Secret may be away before its sites are taken to be in the hub's own cluster."""

_log = logging.getLogger(__name__)


@dataclass
class _Open:
    """A cluster that is followed, and what holds it."""

    secret: ClusterSecret
    cluster: ConnectedCluster
    running: AsyncExitStack


class KubeconfigEngine:
    """The engine of clusters that Secrets with kubeconfigs lead to."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._open: dict[str, _Open] = {}
        self._ways: tuple[Way, ...] = ()
        self._gone_at: dict[str, float] = {}
        self._changed_since = True
        self._secrets: Reflector[ClusterSecret] = Reflector(
            around.client,
            SECRETS,
            project=read_cluster_secret,
            selection=Selection(namespace=around.namespace, fields=f"type={CLUSTER_SECRET_TYPE}"),
            on_change=self._changed,
        )
        self._bundle = Bundle({"secrets": self._secrets})

    async def __aenter__(self) -> Self:
        await self._bundle.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._bundle.__aexit__(kind, error, trace)
        for each in self._open.values():
            await each.running.aclose()

    async def wait_synced(self, seconds: float) -> None:
        """Wait for the Secrets."""
        await self._secrets.wait_synced(seconds)

    def unready(self) -> str | None:
        """Return the reason why the Secrets are not known yet, or None."""
        return None if self._secrets.synced.is_set() else "the Secrets of clusters are not in the cache yet"

    def ways(self) -> Iterable[Way]:
        """Return one way for each Secret."""
        return self._ways

    async def arrange(self) -> None:
        """Open what is new, close what is gone."""
        if not self._changed_since and not self._gone_at:
            return
        self._changed_since = False
        self._ways = tuple([await self._way(secret) for secret in (await self._present()).values()])

    def _changed(self, _change: Change[ClusterSecret]) -> None:
        self._changed_since = True
        self._around.stir()

    async def _present(self) -> dict[str, ClusterSecret]:
        """Return the Secrets that are there, by name, and those that are away only for a moment."""
        now = asyncio.get_running_loop().time()
        present = {secret.name: secret for secret in self._secrets.snapshot().values()}
        for name, opened in list(self._open.items()):
            if name in present:
                self._gone_at.pop(name, None)
            elif now - self._gone_at.setdefault(name, now) > _GONE_SECONDS:
                self._gone_at.pop(name, None)
                await self._close(name)
                _log.info("%s is gone: its sites are in the hub's own cluster", opened.secret.subject)
            else:
                present[name] = opened.secret
        return present

    async def _way(self, secret: ClusterSecret) -> Way:
        """Have the Secret's cluster followed."""
        if secret.problem:
            return Way(secret.subject, secret.sites, problem=secret.problem)
        before = self._open.get(secret.name)
        if before is not None and before.secret.kubeconfig == secret.kubeconfig:
            before.secret = secret
            return Way(secret.subject, secret.sites, before.cluster)
        try:
            opened = await self._opened(secret)
        except SettingError as error:
            return Way(secret.subject, secret.sites, problem=str(error))
        if before is not None:
            await self._close(secret.name)
        self._open[secret.name] = opened
        return Way(secret.subject, secret.sites, opened.cluster)

    async def _opened(self, secret: ClusterSecret) -> _Open:
        around, running = self._around, AsyncExitStack()
        client = await running.enter_async_context(
            Client.from_kubeconfig(secret.kubeconfig, secret.subject, field_manager="moorage-hub")
        )
        cluster = ConnectedCluster(secret.subject, client, around.hub, around.namespace, around.on_group)
        await running.enter_async_context(cluster)
        return _Open(secret, cluster, running)

    async def _close(self, name: str) -> None:
        opened = self._open.pop(name)
        await opened.running.aclose()
