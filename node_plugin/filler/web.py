"""Listing and reading a folder behind a web server."""

import http.client
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager

from moorage.calling.endpoints import Endpoint
from moorage.calling.web_folders import WebFile, WebFolder
from moorage.sources.http import HttpSource
from node_plugin.filler.deadlines import PAGE_SECONDS
from node_plugin.filler.manifest import Entry


class CopiedWebFolder:
    """One folder; each thread has one of its own, as its connection is kept.

    Args:
        location: where.
        endpoint: of the location.
    """

    def __init__(self, location: HttpSource, endpoint: Endpoint) -> None:
        self._folder = WebFolder(location, endpoint)
        # A page of a listing has an end of its own; a file may be of any size.
        self._pages = WebFolder(location, endpoint, request_seconds=PAGE_SECONDS)

    def close(self) -> None:
        """Close the connections; the next request makes a new one."""
        self._folder.close()
        self._pages.close()

    def shut(self) -> None:
        """End the connections that there are, from any thread."""
        self._folder.shut()
        self._pages.shut()

    def pages(self) -> Iterator[list[Entry]]:
        """The files, folder by folder; see `WebFolder.files`."""
        for page in self._pages.files():
            yield [Entry(file.key, file.size_bytes, file.validator, _seconds(file)) for file in page]

    def open(
        self, entry: Entry, offset: int, length: int | None = None
    ) -> AbstractContextManager[http.client.HTTPResponse]:
        """A file from an offset on; see `WebFolder.open`."""
        return self._folder.open(entry.key, entry.etag, offset, length)


def _seconds(file: WebFile) -> int:
    """When a file was changed; now, where the server does not say."""
    return int(time.time()) if file.modified_seconds is None else file.modified_seconds
