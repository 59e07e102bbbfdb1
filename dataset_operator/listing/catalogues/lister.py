"""The lister of catalogues' tables: the folder that a catalogue names is listed as any other of its kind."""

from dataset_operator.listing.budget import Budget
from dataset_operator.listing.cancelling import Cancellation
from dataset_operator.listing.protocol import Folder, Lister
from dataset_operator.listing.ways import WaysToKeys
from moorage.sources import Credentials, Location
from moorage.sources.catalogued import CataloguedSource


class CataloguedLister:
    """One table, before its catalogue was asked.

    Args:
        inner: lists what the table's files lie in.
    """

    def __init__(self, inner: Lister) -> None:
        self._inner = inner

    def identity(self, location: Location) -> tuple[str, ...] | None:
        """Return the table, and what its files lie in."""
        inner = self._inner.identity(_within(location))
        return None if inner is None else (location.kind, location.words, *inner)

    def endpoint(self, location: Location) -> str:
        """Return the endpoint of the store below."""
        return self._inner.endpoint(_within(location))

    def empty(self, location: Location) -> str:
        """Return a message that names the table."""
        return f"the folder of {location.words} holds no object: write rows to it, or set spec.allowEmpty: true"

    async def credentials(
        self, ways: WaysToKeys, namespace: str, location: Location, stop: Cancellation
    ) -> Credentials | None:
        """Return those of what its files lie in."""
        return await self._inner.credentials(ways, namespace, _within(location), stop)

    def folder(self, location: Location, keys: Credentials | None, budget: Budget, stop: Cancellation) -> Folder:
        """Return all that its files may lie in: the folder itself is a location of its own, once it is known."""
        return self._inner.folder(_within(location), keys, budget, stop)


def _within(location: Location) -> Location:
    if not isinstance(location, CataloguedSource) or location.within is None:
        raise TypeError(f"{location.words} is no table within a place")
    return location.within
