"""What a kind of source has to offer so that a version of it can be copied."""

import http.client
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from node_plugin.filler.manifest import Entry


class Folder(Protocol):
    """One folder; each thread has one of its own, as its connection is kept."""

    def close(self) -> None:
        """Close the connection; the next request makes a new one."""
        ...

    def shut(self) -> None:
        """End the connection that there is, from any thread: whoever reads from it wakes up."""
        ...

    def pages(self) -> Iterator[list[Entry]]:
        """The objects, page by page, in any order.

        Raises:
            TryAgainError: the server does not answer.
            SourceError: it refuses, or is none of its kind.
        """
        ...

    def open(
        self, entry: Entry, offset: int, length: int | None = None
    ) -> AbstractContextManager[http.client.HTTPResponse]:
        """An object from an offset on, if it is the one that was listed; so many bytes of it, or all.

        Raises:
            ChangedError: it is not.
            TryAgainError: the server does not answer, or the connection breaks meanwhile.
            SourceError: the server refuses.
        """
        ...
