"""The protocol that a kind of source implements so that the controller can list it and read its objects."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol, runtime_checkable

from dataset_operator.listing.budget import Budget
from dataset_operator.listing.cancelling import Cancellation
from dataset_operator.listing.tally import Entry
from dataset_operator.listing.ways import WaysToKeys
from moorage.sources import Credentials, Location


class Reader(Protocol):
    """A reader of parts of objects."""

    def open(self, key: str, size_bytes: int) -> BinaryIO:
        """Return an object for ranged reads.

        Args:
            key: relative to the folder.
            size_bytes: its size, as it was listed.
        """
        ...


class Folder(Protocol):
    """One source with the keys to read it. Its methods block; they stay within the budget and end when cancelled."""

    @property
    def name(self) -> str:
        """The folder in messages."""
        ...

    def pages(self) -> AbstractContextManager[Iterator[Sequence[Entry]]]:
        """Return all objects, page by page, in any order. It may be called again for a second pass.

        Raises:
            SourceError: with a stable reason.
        """
        ...

    def reader(self) -> AbstractContextManager[Reader]:
        """Return a reader of objects; what the block raises about the source becomes a `SourceError`.

        Raises:
            SourceError: with a stable reason.
        """
        ...


@runtime_checkable
class Provisioned(Protocol):
    """A folder whose place can be made and deleted. Its methods block, within the budget."""

    def make(self, mark: Mapping[str, str]) -> None:
        """Make the place and mark it. One that is there by now is left as it is, without the mark.

        Raises:
            SourceError: with a stable reason.
        """
        ...

    def remove(self, mark: Mapping[str, str]) -> str:
        """Delete the place if it has the mark and nothing is in it.

        Returns:
            "" where it is gone; else why it is kept.

        Raises:
            SourceError: asking again may help.
        """
        ...


class Lister(Protocol):
    """One kind of source."""

    def identity(self, location: Location) -> tuple[str, ...] | None:
        """Identify the data at a location, whatever keys lead to it; None where it can't be listed."""
        ...

    def endpoint(self, location: Location) -> str:
        """Return the endpoint of a listing; listings at one endpoint share a number of slots."""
        ...

    def empty(self, location: Location) -> str:
        """Return the message for a source without objects, with a remedy."""
        ...

    async def credentials(
        self, ways: WaysToKeys, namespace: str, location: Location, stop: Cancellation
    ) -> Credentials | None:
        """Return the keys, read anew; None where none are needed.

        Args:
            ways: where keys come from.
            namespace: the Dataset's.
            location: the source.
            stop: ends the wait for them.

        Raises:
            SourceError: a Secret is missing, or lacks something; a token brings no keys.
            KubeError: the API server did not answer.
        """
        ...

    def folder(self, location: Location, keys: Credentials | None, budget: Budget, stop: Cancellation) -> Folder:
        """Return the source, ready to be listed."""
        ...
