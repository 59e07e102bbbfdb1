"""Gathers what a Dataset's sources hold: one look. It decides nothing."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TypeVar

from dataset_operator.findings import Findings, SourceFinding, table_look, unlisted
from dataset_operator.listing import Budget, Cancellation, Folder, WaysToKeys, list_folder, lister_of
from dataset_operator.listing.catalogues import FoundTable, found_table
from dataset_operator.listing.marks import mark_of
from dataset_operator.listing.protocol import Lister, Provisioned
from dataset_operator.listing.table import catalogue_of
from dataset_operator.settings import OperatorSettings
from dataset_operator.tables import Parse, ParserPool, TableLook, look_into
from moorage.errors import SourceError
from moorage.kube import Client
from moorage.kube.credentials import read_catalogue_token
from moorage.model import Dataset, Source
from moorage.proving import Prover
from moorage.serving import metrics
from moorage.sources import Location
from moorage.sources.catalogued import CataloguedSource
from moorage.sources.claimed import ClaimedSource
from moorage.sources.reasons import Reason

T = TypeVar("T")

SOURCES_AT_ONCE = 2
"""The number of a Dataset's sources looked at at once, so that a dead store delays only the next source."""
_MOST_STORES_KNOWN = 1000


class Looker:
    """The gatherer, which looks at sources in worker threads; the work queues bound how many at once.

    Args:
        client: the API server, for Secrets and claims.
        settings: limits and time-outs.
    """

    def __init__(self, client: Client, settings: OperatorSettings) -> None:
        self._ways = WaysToKeys(client, settings.web_identity_token_file, settings.web_identity_roles)
        self._settings = settings
        self._prover = Prover(client)
        self._threads = ThreadPoolExecutor(settings.look_threads, thread_name_prefix="look")
        self._parsers = ParserPool()
        # Stores that list in an order of their own do so every time.
        self._unsorted: OrderedDict[str, None] = OrderedDict()

    def close(self) -> None:
        """Take no more looks; those under way end by their time-outs."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._parsers.close()

    def budget(self, *, quick: bool) -> Budget:
        """Return the budget of a look at one source."""
        settings = self._settings
        whole = Budget(
            connect_seconds=settings.connect_seconds,
            silence_seconds=settings.read_seconds,
            request_seconds=settings.request_seconds,
            seconds=settings.list_seconds,
            objects=settings.list_objects,
        )
        return replace(whole, seconds=min(settings.quick_seconds, whole.seconds)) if quick else whole

    async def look(
        self, dataset: Dataset, budget: Budget, stop: Cancellation, before: Findings | None = None
    ) -> Findings:
        """Look at all sources of a Dataset, then into the first one's objects where they changed.

        Args:
            dataset: whose.
            budget: the most that each source may take; all of them together have its seconds.
            stop: cancelled by the caller that gives it up; expires when the time is up.
            before: the last look at these sources.

        Raises:
            KubeError: the API server did not answer when a Secret was needed.
        """
        timer = asyncio.get_running_loop().call_later(budget.seconds, stop.expire)
        try:
            return await self._look(dataset, budget, stop, before)
        finally:
            timer.cancel()

    async def _look(self, dataset: Dataset, budget: Budget, stop: Cancellation, before: Findings | None) -> Findings:
        folders: dict[Source, Folder] = {}
        few = asyncio.Semaphore(SOURCES_AT_ONCE)

        async def look_at(source: Source) -> SourceFinding:
            async with few:
                return await self._look_at(dataset, source, folders, budget, stop)

        with metrics.LISTING_SECONDS.time():
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(look_at(source)) for source in dataset.sources]
        findings = Findings(tuple(task.result() for task in tasks))
        primary = findings.primary
        if findings.catalogued is not None:
            return Findings(findings.sources, table_look(findings.catalogued))
        if primary is None or primary.listing is None or primary.listing.objects == 0:
            return findings
        if before is not None and before.table is not None and before.version == primary.listing.version:
            return Findings(findings.sources, before.table)
        folder, listing, tenant = folders[primary.source], primary.listing, dataset.ref.namespace
        parse: Parse = lambda size_bytes, ask: self._parsers.parse(tenant, size_bytes, ask, stop)  # noqa: E731 - typed
        try:
            table: TableLook = await self._in_thread(lambda: look_into(folder, listing, parse))
        except SourceError as error:
            return Findings(findings.sources, table_reason=error.reason, table_message=str(error))
        return Findings(findings.sources, table)

    async def _look_at(
        self, dataset: Dataset, source: Source, folders: dict[Source, Folder], budget: Budget, stop: Cancellation
    ) -> SourceFinding:
        table: FoundTable | None = None
        claimed: Location | None = None
        place = source.location
        try:
            if isinstance(place, ClaimedSource):
                place = claimed = (await self._prover.place(dataset.ref.namespace, place, dataset.uid)).location
            if isinstance(place, CataloguedSource) and not place.lacks:
                table = await self._look_up(dataset, place, budget, stop)
                place = table.location
            lister = lister_of(place)
            if lister is None:
                return unlisted(source, table, claimed)
            store = lister.endpoint(place)
            keys = await lister.credentials(self._ways, dataset.ref.namespace, place, stop)
            folder = folders[source] = lister.folder(place, keys, budget, stop)
            sort = store in self._unsorted
            list_it = partial(list_folder, folder, budget, stop, known_unsorted=sort)
            try:
                listing = await self._in_thread(list_it)
            except SourceError as error:
                if error.reason != Reason.BUCKET_NOT_FOUND or source.location.provision is None:
                    raise
                await self._provision(dataset, source.location, lister, budget, stop)
                listing = await self._in_thread(list_it)
        except SourceError as error:
            metrics.LISTINGS.labels(error.reason).inc()
            return SourceFinding(source, None, error.reason, str(error), table, claimed)
        metrics.LISTINGS.labels(Reason.LISTED).inc()
        if not listing.in_order:
            self._remember_unsorted(store)
        return SourceFinding(source, listing, found=table, place=claimed)

    async def _look_up(
        self, dataset: Dataset, source: CataloguedSource, budget: Budget, stop: Cancellation
    ) -> FoundTable:
        catalogue = catalogue_of(source)
        token = await read_catalogue_token(self._ways.client, dataset.ref.namespace, source)
        return found_table(source, await self._in_thread(lambda: catalogue.look_up(source, token, budget, stop)))

    async def _provision(
        self, dataset: Dataset, location: Location, lister: Lister, budget: Budget, stop: Cancellation
    ) -> None:
        """Make the bucket, with the keys of those who write."""
        location = location.for_writers()
        keys = await lister.credentials(self._ways, dataset.ref.namespace, location, stop)
        folder, mark = lister.folder(location, keys, budget, stop), mark_of(dataset.ref, dataset.uid)
        if keys is not None and isinstance(folder, Provisioned):
            await self._in_thread(lambda: folder.make(mark))

    def _remember_unsorted(self, store: str) -> None:
        self._unsorted[store] = None
        self._unsorted.move_to_end(store)
        if len(self._unsorted) > _MOST_STORES_KNOWN:
            self._unsorted.popitem(last=False)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
