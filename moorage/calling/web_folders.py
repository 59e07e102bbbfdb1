"""Sources behind a web server: a folder with its index pages, or a single file; sizes by HEAD, bytes by ranges."""

import http.client
import re
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import quote, urlsplit

from moorage.calling.endpoints import Endpoint
from moorage.calling.failures import ChangedError, TryAgainError
from moorage.calling.index_pages import names_on
from moorage.errors import SourceError
from moorage.sources.http import HttpSource
from moorage.sources.reasons import Reason

MOST_FOLDERS: Final = 10_000
MOST_DEPTH: Final = 64
_PAGE_BYTES: Final = 4 << 20
_OK, _PARTIAL, _CHANGED, _UNSATISFIABLE, _BUSY = 200, 206, 412, 416, 500
_HEAD_REFUSED: Final = frozenset({403, 405, 501})
_RANGE: Final = re.compile(r"bytes (?:0-0|\*)/([0-9]{1,18})")
_AS_WRITTEN: Final = "%/?#[]@!$&'()*+,;=:-._~"
_GONE: Final = frozenset({404, 410})
_DENIED: Final = frozenset({401, 403, 407})
_ASKS_LATER: Final = frozenset({408, 425, 429})
_REDIRECTS: Final = range(300, 400)


@dataclass(frozen=True, slots=True)
class WebFile:
    """A file behind a web server.

    Attributes:
        key: relative to the folder.
        size_bytes: as the server says.
        validator: its ETag as it was sent, or else when it was changed; "": the server says neither.
        modified_seconds: since 1970; None: the server does not say.
    """

    key: str
    size_bytes: int
    validator: str
    modified_seconds: int | None


class WebFolder:
    """One folder or file, with one connection that is kept. For one thread, but for `end`.

    Args:
        location: where; the URL of a folder ends with a slash, any other is that of a single file.
        endpoint: of the location; threads share it, because reading authorities takes long.
        page_bytes: of one index page.
        request_seconds: of one request, from its first byte to the last of its answer; None: as long as bytes come.
    """

    def __init__(
        self,
        location: HttpSource,
        endpoint: Endpoint,
        page_bytes: int = _PAGE_BYTES,
        request_seconds: float | None = None,
    ) -> None:
        self.name = location.words
        parts = urlsplit(location.url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._path = as_written(parts.path)
        # The content of an archive is another version than the archive as a file.
        self._single = None if location.is_folder else location.file_name + ("/" if location.needs_copy else "")
        self._query = as_written(f"?{parts.query}" if parts.query else "")
        self._endpoint = endpoint
        self._page_bytes = page_bytes
        self._request_seconds = request_seconds
        self._ended = False
        self._connection = endpoint.connect()

    def close(self) -> None:
        """Close the connection; the next request makes a new one."""
        self._connection.close()

    def end(self) -> None:
        """End it for good, from any thread: whoever reads from its connection wakes up."""
        self._ended = True
        self.shut()

    def shut(self) -> None:
        """End the connection that there is, from any thread."""
        self._connection.shut()

    def files(self) -> Iterator[list[WebFile]]:
        """Yield the files, folder by folder, in the pages' order.

        Raises:
            TryAgainError: the server does not answer.
            SourceError: it refuses, or does not list the folder.
        """
        if self._single is not None:
            yield [self._file(self._single)]
            return
        waiting, seen = [""], 1
        while waiting:
            folder = waiting.pop()
            names = self._names(folder)
            below = [folder + name for name in names if name.endswith("/")]
            seen += len(below)
            if seen > MOST_FOLDERS or folder.count("/") > MOST_DEPTH:
                problem = f"it has more than {MOST_FOLDERS:,} folders, or they lie deeper than {MOST_DEPTH}"
                raise SourceError(Reason.LIST_TOO_LARGE, f"{self.name}: {problem}: split it into several Datasets")
            waiting += reversed(below)
            yield [self._file(folder + name) for name in names if not name.endswith("/")]

    @contextmanager
    def open(
        self, key: str, validator: str, start: int, length: int | None = None
    ) -> Iterator[http.client.HTTPResponse]:
        """Provide a file from an offset on, if it is the one that was listed.

        Args:
            key: relative to the folder.
            validator: as it was listed; "": any.
            start: offset in bytes.
            length: None: to its end.

        Raises:
            ChangedError: it is not.
            TryAgainError: the server does not answer, or the connection breaks meanwhile.
            SourceError: the server refuses, or does not serve ranges.
        """
        headers = {"If-Match": validator} if validator.startswith('"') else {}
        if start or length is not None:
            headers["Range"] = f"bytes={start}-" + ("" if length is None else str(start + length - 1))
        with self._ask("GET", key, headers) as answer:
            if answer.status in {_CHANGED, _UNSATISFIABLE} or answer.status in _GONE:
                raise ChangedError
            if answer.status not in {_OK, _PARTIAL}:
                raise self._failure(answer, key)
            if validator and _validator(answer.headers) != validator:
                raise ChangedError
            if start and answer.status != _PARTIAL:
                problem = "the server does not serve ranges of files: have it configured, or copy the data to a bucket"
                raise SourceError(Reason.LIST_FAILED, f"{self.name}: {problem}")
            yield answer

    def _names(self, folder: str) -> list[str]:
        with self._ask("GET", folder, {}) as answer:
            if answer.status != _OK:
                raise self._failure(answer, folder)
            if answer.headers.get_content_type() not in {"text/html", "application/xhtml+xml"}:
                raise self._unlisted(f"/{folder} is no HTML page of its files")
            if answer.length is None and not answer.chunked:
                raise self._unlisted(
                    f"the page of /{folder} does not tell where it ends, so half of it could be missing"
                )
            body = answer.read(self._page_bytes + 1)
            if answer.length and len(body) <= self._page_bytes:
                raise http.client.IncompleteRead(body, answer.length)
        if len(body) > self._page_bytes:
            problem = f"the page of /{folder} has more than {self._page_bytes:,} bytes: spread its files over folders"
            raise SourceError(Reason.LIST_TOO_LARGE, f"{self.name}: {problem}")
        charset = answer.headers.get_content_charset("utf-8")
        try:
            page = body.decode(charset, errors="surrogateescape")
        except (LookupError, UnicodeDecodeError):
            page = body.decode("utf-8", errors="surrogateescape")
        return names_on(page, f"{self._origin}{self._path}{_encoded(folder)}")

    def _file(self, key: str) -> WebFile:
        with self._ask("HEAD", key, {}) as answer:
            if answer.status == _OK:
                return self._told(key, answer.headers.get("Content-Length") or "", answer)
            if self._single is None or answer.status not in _HEAD_REFUSED:
                raise self._failure(answer, key)
        # A URL is signed for one method.
        with self._ask("GET", key, {"Range": "bytes=0-0"}) as answer:
            if answer.status not in {_OK, _PARTIAL, _UNSATISFIABLE}:
                raise self._failure(answer, key)
            ranged = _RANGE.fullmatch(answer.headers.get("Content-Range") or "")
            size = answer.headers.get("Content-Length") or "" if answer.status == _OK else ""
            return self._told(key, size if ranged is None else ranged[1], answer)

    def _told(self, key: str, size: str, answer: http.client.HTTPResponse) -> WebFile:
        if not (size.isascii() and size.isdigit()):
            raise self._unlisted(f"the server does not tell how large {key} is")
        return WebFile(key, int(size), _validator(answer.headers), _seconds(answer.headers))

    @contextmanager
    def _ask(self, method: str, key: str, headers: Mapping[str, str]) -> Iterator[http.client.HTTPResponse]:
        whole = False
        late = threading.Event()
        with self._deadline(late):
            try:
                with self._answer(method, key, headers) as answer:
                    yield answer
                    whole = answer.isclosed() or not answer.read(1)
            except ssl.SSLCertVerificationError as error:
                problem = f"its certificate is not trusted ({error.verify_message})"
                remedy = "give its authority's certificate in http.caBundle"
                raise SourceError(Reason.CERTIFICATE_UNTRUSTED, f"{self.name}: {problem}: {remedy}") from None
            except (OSError, http.client.HTTPException) as error:
                if late.is_set():
                    problem = f"one answer was not complete after {self._request_seconds:g} s"
                    remedy = "check the server's load and the network"
                    raise SourceError(Reason.LIST_TOO_SLOW, f"{self.name}: {problem}: {remedy}") from None
                raise TryAgainError(type(error).__name__) from error
            finally:
                if not whole:
                    self._connection.close()

    @contextmanager
    def _deadline(self, late: threading.Event) -> Iterator[None]:
        if self._request_seconds is None:
            yield
            return

        def expire() -> None:
            late.set()
            self.shut()

        timer = threading.Timer(self._request_seconds, expire)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    @contextmanager
    def _answer(self, method: str, key: str, headers: Mapping[str, str]) -> Iterator[http.client.HTTPResponse]:
        if self._ended:
            raise TryAgainError("it was given up")
        target = self._path + _encoded(key) if self._single is None else (self._path or "/") + self._query
        self._connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in {**headers, "Accept-Encoding": "identity"}.items():
            self._connection.putheader(name, value)
        self._connection.endheaders()
        with self._connection.getresponse() as answer:
            if answer.status in _REDIRECTS:
                problem = "the server redirects, which is not followed: put the final address into http.url"
                raise SourceError(Reason.REDIRECT_REFUSED, f"{self.name}: {problem}")
            yield answer

    def _failure(self, answer: http.client.HTTPResponse, key: str) -> Exception:
        status = answer.status
        if status in _ASKS_LATER or status >= _BUSY:
            return TryAgainError(f"HTTP {status}")
        if status in _DENIED:
            problem = f"the server refuses /{key} (HTTP {status}): have everybody who may read the Dataset permitted"
            return SourceError(Reason.ACCESS_DENIED, f"{self.name}: {problem}")
        if status in _GONE:
            return self._unlisted(f"/{key} is not there (HTTP {status})")
        return SourceError(Reason.LIST_FAILED, f"{self.name}: the server answers HTTP {status} for /{key}")

    def _unlisted(self, problem: str) -> SourceError:
        remedy = "correct http.url"
        remedy += ", and have the server list its folders" if self._single is None else "; a folder's ends with /"
        return SourceError(Reason.LIST_FAILED, f"{self.name}: {problem}: {remedy}")


def as_written(url: str) -> str:
    """Return a URL or a part of one as it is sent: as it was written, but for what no request can hold."""
    return quote(url, safe=_AS_WRITTEN)


def _encoded(key: str) -> str:
    return quote(key.encode(errors="surrogateescape"), safe="/-_.~")


def _validator(headers: http.client.HTTPMessage) -> str:
    return (headers.get("ETag") or headers.get("Last-Modified") or "").strip()[:512]


def _seconds(headers: http.client.HTTPMessage) -> int | None:
    try:
        return int(parsedate_to_datetime(headers.get("Last-Modified") or "").timestamp())
    except (ValueError, OverflowError):
        return None
