"""The fold of pages into a tally, streamed: one page is in memory at once, however many objects there are."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dataset_operator.listing.budget import Budget
from dataset_operator.listing.cancelling import Cancellation
from dataset_operator.listing.names import kind_of_name
from dataset_operator.listing.protocol import Folder
from dataset_operator.listing.sorting import sorted_by_key
from dataset_operator.listing.tally import Entry, Listing, Tally
from moorage.errors import SourceError
from moorage.sources.reasons import Reason

_MOST_BYTES = 2**63 - 1


class _OutOfOrderError(Exception):
    """The store lists in an order of its own, as SeaweedFS does: `a/b` before `a-1`."""


def list_folder(folder: Folder, budget: Budget, stop: Cancellation, *, known_unsorted: bool = False) -> Listing:
    """List all objects of a folder.

    Most stores list in bytewise order, and then nothing is kept. Where one does not, the listing starts again through
    a sort on disk.

    Args:
        folder: the source.
        budget: the most that it may take.
        stop: ends it.
        known_unsorted: sort from the start, because the last listing had to.

    Raises:
        SourceError: with a stable reason; `Interrupted` where it was cancelled, `ListTooSlow` and `ListTooLarge` where
            the budget is spent.
    """
    limit = _Limit(folder.name, budget, stop, time.monotonic() + budget.seconds)
    if not known_unsorted:
        try:
            with folder.pages() as pages:
                return _tally(limit.entries(pages), in_order=True)
        except _OutOfOrderError:
            pass
    with folder.pages() as pages:
        return _tally(sorted_by_key(limit.spilling(limit.entries(pages))), in_order=False)


@dataclass(frozen=True, slots=True)
class _Limit:
    """The limits at which a listing is cut short."""

    name: str
    budget: Budget
    stop: Cancellation
    end: float

    def entries(self, pages: Iterator[Sequence[Entry]]) -> Iterator[Entry]:
        """Yield the entries of all pages, as long as the budget lasts."""
        objects = size_bytes = 0
        for page in pages:
            self.stop.check(self.name)
            if time.monotonic() > self.end:
                problem = "the store lists too slowly: split the folder into several Datasets, or check its load"
                raise SourceError(Reason.LIST_TOO_SLOW, f"{self.name}: {problem}")
            objects += len(page)
            if objects > self.budget.objects:
                raise self._too_large(f"more than {self.budget.objects:,} objects are listed")
            for entry in page:
                size_bytes += entry[1]
                if entry[1] < 0 or size_bytes > _MOST_BYTES:
                    problem = "sizes are negative, or more than 2^63 bytes together: correct the store"
                    raise SourceError(Reason.LIST_FAILED, f"{self.name}: {problem}")
                yield entry

    def spilling(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Yield the same, as long as the disk's share lasts."""
        spilled_bytes = 0
        for entry in entries:
            spilled_bytes += len(entry[0]) + len(entry[2]) + 16
            if spilled_bytes > self.budget.sort_bytes:
                raise self._too_large(
                    f"the store lists in an order of its own, with more than {self.budget.sort_bytes:,} bytes of keys"
                )
            yield entry

    def _too_large(self, problem: str) -> SourceError:
        return SourceError(Reason.LIST_TOO_LARGE, f"{self.name}: {problem}: split the folder into several Datasets")


def _tally(entries: Iterable[Entry], *, in_order: bool) -> Listing:
    tally = Tally()
    for entry in entries:
        if not tally.fits(entry[0]):
            raise _OutOfOrderError
        tally.add(entry, kind_of_name(entry[0], entry[1]))
    return tally.listing(in_order=in_order)
