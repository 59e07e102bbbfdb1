"""Lists a folder, streamed: a page of a thousand objects is in memory at once, however many there are."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from dataset_operator.objectstore.access import Access
from dataset_operator.objectstore.failures import explained
from dataset_operator.objectstore.sorting import sorted_by_key
from dataset_operator.objectstore.tally import Entry, Listing, Tally
from dataset_operator.tables.names import kind_of_name
from moorage.errors import SourceError

__all__ = ["Listing", "list_folder"]


class _OutOfOrderError(Exception):
    """The store lists in an order of its own, as SeaweedFS does: `a/b` before `a-1`."""


def list_folder(
    access: Access,
    stop: threading.Event | None = None,
    *,
    seconds: float = 1800.0,
    known_unsorted: bool = False,
) -> Listing:
    """List all objects under the source's folder.

    Most stores list in bytewise order, and then nothing is kept. Where one does not, the listing starts again through
    a sort on disk.

    Args:
        access: the source.
        stop: when set, the listing ends at the next page.
        seconds: the most that it may take.
        known_unsorted: sort from the start, because the last listing had to.

    Raises:
        SourceError: with a stable reason; `Interrupted` where `stop` was set, `ListTooSlow` where time is up.
    """
    limit = _Limit(stop or threading.Event(), time.monotonic() + seconds)
    with access.client() as client, explained(access.name):
        if not known_unsorted:
            try:
                return _tally(_entries(client, access, limit), in_order=True)
            except _OutOfOrderError:
                pass
        return _tally(sorted_by_key(_entries(client, access, limit)), in_order=False)


@dataclass(frozen=True, slots=True)
class _Limit:
    """When a listing ends before its end."""

    stop: threading.Event
    end: float

    def check(self, name: str) -> None:
        if self.stop.is_set():
            raise SourceError("Interrupted", f"{name}: the listing was given up")
        if time.monotonic() > self.end:
            problem = "the store lists too slowly: split the folder into several Datasets, or see the store's load"
            raise SourceError("ListTooSlow", f"{name}: {problem}")


def _tally(entries: Iterator[Entry], *, in_order: bool) -> Listing:
    tally = Tally()
    for entry in entries:
        if not tally.fits(entry[0]):
            raise _OutOfOrderError
        tally.add(entry, kind_of_name(entry[0], entry[1]))
    return tally.listing(in_order=in_order)


def _entries(client: Any, access: Access, limit: _Limit) -> Iterator[Entry]:  # noqa: ANN401 - boto3
    prefix = access.prefix
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=access.location.bucket, Prefix=prefix)
    for page in pages:
        limit.check(access.name)
        for found in page.get("Contents") or ():
            key: str = found["Key"]
            yield (
                key[len(prefix) :].encode(errors="surrogateescape"),
                int(found["Size"]),
                str(found.get("ETag") or "").strip('"'),
            )
