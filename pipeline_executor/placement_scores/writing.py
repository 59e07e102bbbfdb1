"""Writes the scores of each ManagedCluster that names sites, and deletes those of clusters that name none any more."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Final, Self

from moorage.errors import ConflictError, KubeError, NotFoundError, SettingError
from moorage.kube import Change, Client, Reflector, Selection
from moorage.model import Dataset, DatasetRef
from moorage.queueing.ending import ended
from moorage.runs.pipelines import HUB_LABEL
from moorage.sites import Inventory
from moorage.watching import Bundle, Catalogue
from pipeline_executor.distribution.ocm.works import MANAGED_CLUSTERS, ManagedCluster, read_managed_cluster
from pipeline_executor.placement_scores.scores import (
    ADD_ON_PLACEMENT_SCORES,
    MOST_SCORES,
    NAME,
    Written,
    chosen,
    of_cluster,
    of_sites,
    read_written,
    score_object,
    status_patch,
)

_LOOK_SECONDS: Final = 5.0
"""How often it is looked, in memory, whether Datasets or Sites changed."""
_VALID_SECONDS: Final = 1800.0
"""How long scores count after the hub wrote them last: those of a hub that is gone must not count for ever."""
_RENEW_SECONDS: Final = 900.0
"""What must be left of that."""
_TRY_AGAIN_SECONDS: Final = 30.0

_log = logging.getLogger(__name__)


class PlacementScores:
    """Keeps the scores right while its `async with` block runs.

    Args:
        client: the hub's own cluster, which is OCM's hub.
        catalogue: Datasets and Sites; it is followed by somebody else.
        hub: the hub's id: what another one wrote is left alone.
    """

    def __init__(self, client: Client, catalogue: Catalogue, hub: str) -> None:
        self._client = client
        self._catalogue = catalogue
        self._hub = hub
        self._stirred = asyncio.Event()
        self._running = AsyncExitStack()
        self._known: dict[DatasetRef, tuple[Dataset, Mapping[str, int]]] = {}
        self._known_for: Inventory | None = None
        self._again_at: dict[str, float] = {}
        self._left_out = 0
        self._managed: Reflector[ManagedCluster] = Reflector(
            client, MANAGED_CLUSTERS, project=read_managed_cluster, on_change=self._changed
        )
        self._written: Reflector[Written] = Reflector(
            client,
            ADD_ON_PLACEMENT_SCORES,
            project=read_written,
            selection=Selection(labels=f"{HUB_LABEL}={hub}"),
            on_change=self._changed,
        )

    async def __aenter__(self) -> Self:
        await self._running.enter_async_context(
            Bundle({"managedclusters": self._managed, "addonplacementscores": self._written})
        )
        task = asyncio.create_task(self._follow(), name="placement scores")
        self._running.push_async_callback(ended, task)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._running.aclose()

    async def wait_synced(self, seconds: float) -> None:
        """Wait until it is known what there is.

        Raises:
            KubeError: the API server did not answer.
            SettingError: it knows no AddOnPlacementScores.
        """
        try:
            await self._managed.wait_synced(seconds)
            await self._written.wait_synced(seconds)
        except NotFoundError:
            problem = (
                "is true, but the hub's cluster is none of Open Cluster Management: install its hub, or leave it out"
            )
            raise SettingError("environment", "MOORAGE_PLACEMENT_SCORES", problem) from None

    def _changed(self, _change: Change[ManagedCluster] | Change[Written]) -> None:
        self._stirred.set()

    async def _follow(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._stirred.wait()
            self._stirred.clear()
            is_known = self._managed.synced.is_set() and self._written.synced.is_set()
            if is_known and self._catalogue.missing() is None:
                await self._make_right()

    async def _make_right(self) -> None:
        by_dataset = await self._by_dataset()
        written = {each.cluster: each for each in self._written.snapshot().values()}
        managed = {each.name: each for each in self._managed.snapshot().values()}
        for name, cluster in managed.items():
            if self._again_at.get(name, 0.0) <= time.monotonic():
                await self._tried(name, self._write(name, of_cluster(cluster.sites, by_dataset), written.get(name)))
        for name, gone in written.items():
            if name not in managed and self._again_at.get(name, 0.0) <= time.monotonic():
                await self._tried(name, self._delete(gone))

    async def _by_dataset(self) -> Mapping[DatasetRef, Mapping[str, int]]:
        """The score of each Site for each Dataset; only for what changed is it computed anew."""
        inventory = self._catalogue.inventory()
        datasets = {dataset.ref: dataset for dataset in self._catalogue.datasets.snapshot().values()}
        if inventory is not self._known_for:
            self._known, self._known_for = {}, inventory
        refs = chosen(datasets)
        left_out = len(datasets) - len(refs)
        if left_out != self._left_out:
            self._left_out = left_out
            _log.warning("placement scores: %s Datasets are left out, as clusters get %s", left_out, MOST_SCORES)
        before = self._known
        changed = [ref for ref in refs if ref not in before or before[ref][0] is not datasets[ref]]
        # In a thread: a thousand Datasets at many Sites take most of a second.
        made = await asyncio.to_thread(lambda: {ref: of_sites(datasets[ref], inventory) for ref in changed})
        self._known = {ref: (datasets[ref], made[ref] if ref in made else before[ref][1]) for ref in refs}
        return {ref: of_site for ref, (_, of_site) in self._known.items()}

    async def _write(self, cluster: str, scored: Mapping[str, int], before: Written | None) -> None:
        now = time.time()
        if before is None:
            await self._create(cluster)
        elif before.scores == scored and before.valid_until_seconds - now > _RENEW_SECONDS:
            return
        patch = status_patch(cluster, scored, now + _VALID_SECONDS)
        await self._client.merge_patch(ADD_ON_PLACEMENT_SCORES, patch, subresource="status")

    async def _create(self, cluster: str) -> None:
        try:
            await self._client.create(ADD_ON_PLACEMENT_SCORES, score_object(cluster, self._hub))
        except ConflictError:
            raw = await self._client.get(ADD_ON_PLACEMENT_SCORES, NAME, cluster)
            if (raw["metadata"].get("labels") or {}).get(HUB_LABEL) != self._hub:
                subject = ADD_ON_PLACEMENT_SCORES.describe(cluster, NAME)
                raise KubeError(f"{subject} is not this hub's: delete it, or let one hub alone write scores") from None

    async def _delete(self, gone: Written) -> None:
        with contextlib.suppress(NotFoundError, ConflictError):
            await self._client.delete(ADD_ON_PLACEMENT_SCORES, gone.name, gone.cluster, uid=gone.uid)

    async def _tried(self, cluster: str, doing: Coroutine[None, None, None]) -> None:
        try:
            await doing
        except KubeError as error:
            self._again_at[cluster] = time.monotonic() + _TRY_AGAIN_SECONDS
            _log.warning("the placement scores of ManagedCluster %s are not as they should be: %s", cluster, error)
        else:
            self._again_at.pop(cluster, None)
