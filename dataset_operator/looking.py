"""Gathers what a Dataset's sources hold: one look. It decides nothing."""

import asyncio
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from dataset_operator.findings import Findings, SourceFinding, can_be_listed, unlisted
from dataset_operator.objectstore import Access, Listing, list_folder
from dataset_operator.settings import OperatorSettings
from dataset_operator.tables import TableLook, look_into
from moorage.errors import SourceError
from moorage.kube import Client
from moorage.kube.credentials import read_credentials
from moorage.model import Dataset, Source
from moorage.sources.s3 import S3Source

T = TypeVar("T")


class Looker:
    """Looks at sources in worker threads, a bounded number at once and at each endpoint.

    Args:
        client: the API server, for Secrets.
        settings: limits and time-outs.
    """

    def __init__(self, client: Client, settings: OperatorSettings) -> None:
        self._client = client
        self._settings = settings
        self._threads = ThreadPoolExecutor(settings.look_threads, thread_name_prefix="look")
        self._endpoints: weakref.WeakValueDictionary[str, asyncio.Semaphore] = weakref.WeakValueDictionary()
        # Stores that list in an order of their own do so every time.
        self._unsorted: set[str] = set()

    def close(self) -> None:
        """Take no more looks; those under way end by their time-outs."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def look(self, dataset: Dataset, stop: threading.Event, before: Findings | None = None) -> Findings:
        """Look at all sources of a Dataset at once, then into the first one's objects where they changed.

        Args:
            dataset: whose.
            stop: set by whoever wants it given up.
            before: the last look at these sources.

        Raises:
            KubeError: the API server did not answer when a Secret was needed.
        """
        accesses: dict[Source, Access] = {}
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._look_at(dataset, source, accesses, stop)) for source in dataset.sources]
        findings = Findings(tuple(task.result() for task in tasks))
        primary = findings.primary
        if primary is None or primary.listing is None or primary.listing.objects == 0:
            return findings
        if before is not None and before.table is not None and before.version == primary.listing.version:
            return Findings(findings.sources, before.table)
        access, listing = accesses[primary.source], primary.listing
        try:
            table: TableLook = await self._in_thread(access, lambda: look_into(access, listing))
        except SourceError as error:
            return Findings(findings.sources, table_reason=error.reason, table_message=str(error))
        return Findings(findings.sources, table)

    async def _look_at(
        self, dataset: Dataset, source: Source, accesses: dict[Source, Access], stop: threading.Event
    ) -> SourceFinding:
        location = source.location
        if not can_be_listed(location) or not isinstance(location, S3Source):
            return unlisted(source)
        try:
            access = accesses[source] = await self._access(dataset.ref.namespace, location)
            listing = await self._in_thread(access, lambda: self._list(access, stop))
        except SourceError as error:
            return SourceFinding(source, None, error.reason, str(error))
        return SourceFinding(source, listing)

    async def _access(self, namespace: str, location: S3Source) -> Access:
        credentials = await read_credentials(self._client, namespace, location)
        return Access(location, credentials, self._settings.connect_seconds, self._settings.read_seconds)

    def _list(self, access: Access, stop: threading.Event) -> Listing:
        listing = list_folder(
            access, stop, seconds=self._settings.list_seconds, known_unsorted=access.name in self._unsorted
        )
        if not listing.in_order:
            self._unsorted.add(access.name)
        return listing

    async def _in_thread(self, access: Access, work: Callable[[], T]) -> T:
        endpoint = access.location.endpoint
        limit = self._endpoints.get(endpoint)
        if limit is None:
            limit = self._endpoints[endpoint] = asyncio.Semaphore(self._settings.looks_per_endpoint)
        async with limit:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
