"""One folder or file behind a web server, listed and read within a budget, and ended from afar."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO, cast

from dataset_operator.listing.budget import Budget
from dataset_operator.listing.cancelling import Cancellation
from dataset_operator.listing.ranged import Allowance, RangedObject
from dataset_operator.listing.tally import Entry
from moorage.calling.endpoints import Endpoint
from moorage.calling.failures import ChangedError, TryAgainError
from moorage.calling.web_folders import WebFolder
from moorage.errors import SourceError
from moorage.sources.http import HttpSource
from moorage.sources.reasons import Reason


class ListedWebFolder:
    """A listing of one folder or file behind a web server.

    Args:
        location: where.
        budget: the bounds of reading.
        stop: ends it.
    """

    def __init__(self, location: HttpSource, budget: Budget, stop: Cancellation) -> None:
        self._location = location
        self._budget = budget
        self._stop = stop

    @property
    def name(self) -> str:
        """The URL, without its query."""
        return self._location.words

    @contextmanager
    def pages(self) -> Iterator[Iterator[Sequence[Entry]]]:
        """Provide all files, folder by folder."""
        with self._opened() as folder:
            yield ([(_bytes(file.key), file.size_bytes, file.validator) for file in page] for page in folder.files())

    @contextmanager
    def reader(self) -> Iterator["_Reader"]:
        """Provide a reader of files."""
        with self._opened() as folder:
            yield _Reader(folder, self._budget)

    @contextmanager
    def _opened(self) -> Iterator[WebFolder]:
        place, budget = self._location.for_mount(), self._budget
        endpoint = Endpoint(
            place.url,
            place.ca_bundle,
            named_in="http.url",
            connect_seconds=budget.connect_seconds,
            silence_seconds=budget.silence_seconds,
        )
        folder = WebFolder(place, endpoint, budget.page_bytes, budget.request_seconds)
        try:
            with self._stop.ending(folder.end):
                yield folder
        except ChangedError:
            problem = "a file changed between listing and reading; tried again later"
            raise SourceError(Reason.LIST_FAILED, f"{self.name}: {problem}") from None
        except TryAgainError as error:
            self._stop.check(self.name)
            problem = f"the server does not answer ({error}): check http.url, and that the cluster can reach it"
            raise SourceError(Reason.ENDPOINT_UNREACHABLE, f"{self.name}: {problem}") from None
        finally:
            folder.close()


class _Reader:
    """Ranged reads of files, all within a number of bytes."""

    def __init__(self, folder: WebFolder, budget: Budget) -> None:
        self._folder = folder
        self._allowance = Allowance(folder.name, budget.read_bytes)

    def open(self, key: str, size_bytes: int) -> BinaryIO:
        """Return a file, unbuffered."""
        return cast("BinaryIO", RangedObject(self.read, key, size_bytes))

    def read(self, key: str, start: int, length: int) -> bytes:
        """Read a range of a file, which is as long as asked or else a failure.

        Raises:
            SourceError: FormatUnreadable, ListFailed and others.
            ChangedError, TryAgainError: as `WebFolder.open`.
        """
        self._allowance.take(length)
        with self._folder.open(key, "", start, length) as answer:
            body = answer.read(length)
        if len(body) < length:
            raise ChangedError
        return body


def _bytes(key: str) -> bytes:
    return key.encode(errors="surrogateescape")
