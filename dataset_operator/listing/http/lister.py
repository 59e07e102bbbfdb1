"""The lister of folders and files behind web servers."""

from dataset_operator.listing.budget import Budget
from dataset_operator.listing.cancelling import Cancellation
from dataset_operator.listing.http.folder import ListedWebFolder
from dataset_operator.listing.ways import WaysToKeys
from moorage.sources import Credentials, Location
from moorage.sources.http import HttpSource


class HttpLister:
    """Folders, by their index pages, and single files; an archive is a file, and is not looked into."""

    def identity(self, location: Location) -> tuple[str, ...] | None:
        """Return the URL: other certificates are another way to the same data."""
        place = _http(location)
        return (place.url, "unpacked") if place.needs_copy else (place.url,)

    def endpoint(self, location: Location) -> str:
        """Return the server's URL."""
        return _http(location).server_url

    def empty(self, location: Location) -> str:
        """Return a message that names the folder."""
        return f"the page of {_http(location).words} names no file: correct http.url, or set spec.allowEmpty: true"

    async def credentials(
        self, ways: WaysToKeys, namespace: str, location: Location, stop: Cancellation
    ) -> Credentials | None:
        """Anybody may read."""
        del ways, namespace, location, stop
        return None

    def folder(
        self, location: Location, keys: Credentials | None, budget: Budget, stop: Cancellation
    ) -> ListedWebFolder:
        """Return the folder, or the file as one."""
        del keys
        return ListedWebFolder(_http(location), budget, stop)


def _http(location: Location) -> HttpSource:
    if not isinstance(location, HttpSource):
        raise TypeError(f"{type(location).__name__} is no HTTP source")
    return location
