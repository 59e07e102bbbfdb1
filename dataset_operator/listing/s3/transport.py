"""botocore's HTTP session, bounded: a deadline for each request, a limit on each answer, one host.

A socket's time-out is on silence, so a store that sends a byte now and then never meets it. Here a timer shuts the
connection down at the request's deadline, and so does a cancellation.
"""

import contextlib
import functools
import socket
import threading
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
    AWSPreparedRequest,
    AWSResponse,
)
from botocore.exceptions import BotoCoreError, ConnectionClosedError, HTTPClientError
from botocore.httpsession import URLLib3Session
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError, NameResolutionError

from dataset_operator.listing.budget import Budget
from dataset_operator.listing.cancelling import Cancellation
from moorage.calling.endpoints import resolve
from moorage.errors import SourceError
from moorage.sources.reasons import Reason
from moorage.sources.store_documents import check_document

_PIECE_BYTES = 64 * 1024
_OK, _FIRST_REDIRECT, _LAST_REDIRECT = 200, 300, 399


class Origin:
    """The one host that a source is at.

    Args:
        name: the name of the source, for messages.
        endpoint: its URL.
    """

    def __init__(self, name: str, endpoint: str) -> None:
        self.name = name
        self._place = _place(endpoint)

    def check(self, url: str) -> None:
        """Pass a request to this host.

        Raises:
            SourceError: `RedirectRefused`, it goes elsewhere.
        """
        if _place(url) != self._place:
            raise self._refused()

    def check_answer(self, status: int, headers: Mapping[str, str]) -> None:
        """Pass an answer that sends us nowhere else.

        Raises:
            SourceError: `RegionWrong` where an S3 store says so, `RedirectRefused` otherwise.
        """
        if not _FIRST_REDIRECT <= status <= _LAST_REDIRECT:
            return
        if "x-amz-bucket-region" in headers:
            problem = f"the bucket is in another region (HTTP {status}): correct s3.region"
            raise SourceError(Reason.REGION_WRONG, f"{self.name}: {problem}")
        raise self._refused()

    def _refused(self) -> SourceError:
        problem = "the store redirects elsewhere, which is not followed: put the right address into s3.endpoint"
        return SourceError(Reason.REDIRECT_REFUSED, f"{self.name}: {problem}")

    def too_large(self, limit: int) -> SourceError:
        """Return the error for an answer with more bytes than an S3 store sends."""
        problem = f"one answer has more than {limit:,} bytes, more than an S3 store's page can"
        return SourceError(Reason.ENDPOINT_NOT_S3, f"{self.name}: {problem}")

    def too_slow(self, seconds: float) -> SourceError:
        """Return the error for an answer that was not complete in time."""
        return SourceError(
            Reason.LIST_TOO_SLOW,
            f"{self.name}: one answer was not complete after {seconds:g} s: check the store's load and the network",
        )


def _place(url: str) -> tuple[str, str | None, int | None]:
    parts = urllib.parse.urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, port


class BoundedSession(URLLib3Session):  # type: ignore[misc]  # botocore has no types
    """One client's session, in use by one thread at a time.

    Args:
        origin: the only host.
        budget: the bounds.
        stop: ends it.
        verify: a file with the certificates that are trusted; None: the system's.
        proxies: by scheme. A proxy resolves names by itself, so what it may reach is for the proxy to say.

    Attributes:
        is_pinned: whether all connections go to the address of the first one: a name may mean another host from one
            request to the next, and what changes something there must not reach whom nothing was asked before.
    """

    def __init__(
        self,
        origin: Origin,
        budget: Budget,
        stop: Cancellation,
        verify: str | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(
            verify=verify or True,
            timeout=(budget.connect_seconds, budget.silence_seconds),
            proxies=dict(proxies or {}),
            max_pool_connections=1,
        )
        self._origin = origin
        self._budget = budget
        self._stop = stop
        self.is_pinned = False
        self._address: str | None = None
        self._lock = threading.Lock()
        self._lines: list[socket.socket] = []
        self._shut = False
        self._late = False
        for scheme, pool in {"http": _Pool, "https": _SecurePool}.items():
            self._pool_classes_by_scheme[scheme] = functools.partial(pool, session=self)

    def send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        """Send a request and read the whole answer; a handler of botocore's event `before-send`.

        Raises:
            SourceError: RedirectRefused, ListTooSlow, EndpointNotS3, EndpointRefused, Interrupted.
            BotoCoreError: as botocore's own session.
        """
        self._origin.check(request.url)
        self._stop.check(self._origin.name)
        self._late = self._shut = False
        request.stream_output = True  # the answer is read here, not by botocore, which would read all of it
        timer = threading.Timer(self._budget.request_seconds, self._expire)
        timer.daemon = True
        timer.start()
        try:
            with self._stop.ending(self.end):
                response = super().send(request)
                with contextlib.closing(response.raw):
                    self._origin.check_answer(response.status_code, response.headers)
                    response._content = body = self._read(response.raw)  # noqa: SLF001 - as its own `content` does
                    response.raw.release_conn()
                self._check_wanted()  # a connection that was shut down looks like the end of a short answer
        except (HTTPError, OSError, BotoCoreError) as error:
            self._check_wanted()
            inner = getattr(error, "kwargs", {}).get("error")
            if isinstance(inner, SourceError):
                raise inner from None
            if isinstance(error, BotoCoreError):
                raise
            raise HTTPClientError(error=error) from error
        finally:
            timer.cancel()
        self._check_whole(request, response, body)
        check_document(self._origin.name, body)
        return response

    def _check_wanted(self) -> None:
        self._stop.check(self._origin.name)
        if self._late:
            raise self._origin.too_slow(self._budget.request_seconds)

    @staticmethod
    def _check_whole(request: AWSPreparedRequest, response: AWSResponse, body: bytes) -> None:
        """Refuse an empty answer, which would be read as a listing without objects."""
        told = response.headers.get("Content-Length", "")
        short = told.isascii() and told.isdigit() and int(told) > len(body) and request.method != "HEAD"
        if short or (not body and response.status_code == _OK and request.method == "GET"):
            raise ConnectionClosedError(endpoint_url=request.url, error=OSError("the answer was cut short"))

    def _read(self, raw: Any) -> bytes:  # noqa: ANN401 - urllib3's response
        body = bytearray()
        for piece in raw.stream(_PIECE_BYTES, decode_content=False):
            body += piece
            if len(body) > self._budget.page_bytes:
                self.end()
                raise self._origin.too_large(self._budget.page_bytes)
        return bytes(body)

    def _expire(self) -> None:
        self._late = True
        self.end()

    def end(self) -> None:
        """Shut the connection down; whoever reads from it wakes up."""
        with self._lock:
            self._shut = True
            for line in self._lines:
                with contextlib.suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)

    def choose(self, addresses: Sequence[str]) -> Sequence[str]:
        """Return those of a name's addresses that may be called.

        Raises:
            OSError: none of them.
        """
        if not self.is_pinned or self._address is None:
            return addresses
        if self._address not in addresses:
            raise OSError("its name means another host now")
        return [self._address]

    def called(self, address: str) -> None:
        """Take it that this address was reached."""
        self._address = self._address or address

    def take(self, connection: socket.socket) -> None:
        """Take a new connection in place of the last. What is kept is a second handle: TLS takes the first over."""
        with self._lock:
            self._drop()
            self._lines.append(connection.dup())
            shut = self._shut
        if shut:
            self.end()

    def close(self) -> None:
        """Close the session and its connections."""
        super().close()
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        while self._lines:
            self._lines.pop().close()


class _Guarded(HTTPConnection):
    """A connection to addresses that may be called, known to its session."""

    def __init__(self, *arguments: Any, session: BoundedSession, **keywords: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **keywords)
        self._session = session

    def _new_conn(self) -> socket.socket:
        name = self._dns_host
        try:
            addresses = self._session.choose(resolve(name, self.port))
        except (OSError, UnicodeError) as error:
            raise NameResolutionError(name, self, socket.gaierror(*error.args)) from error
        try:
            for address in addresses:
                self._dns_host = address
                try:
                    made: socket.socket = super()._new_conn()
                    self._session.called(address)
                    break
                except HTTPError:
                    if address == addresses[-1]:
                        raise
        finally:
            self._dns_host = name
        self._session.take(made)
        return made


class _Connection(_Guarded, AWSHTTPConnection):  # type: ignore[misc]
    pass


class _SecureConnection(_Guarded, AWSHTTPSConnection):  # type: ignore[misc]
    pass


class _Pool(AWSHTTPConnectionPool):  # type: ignore[misc]
    def __init__(self, *arguments: Any, session: BoundedSession, **keywords: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **keywords)
        self.ConnectionCls = functools.partial(_Connection, session=session)

    def urlopen(self, *arguments: Any, **keywords: Any) -> Any:  # noqa: ANN401
        return super().urlopen(*arguments, **keywords, redirect=False)


class _SecurePool(AWSHTTPSConnectionPool):  # type: ignore[misc]
    def __init__(self, *arguments: Any, session: BoundedSession, **keywords: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **keywords)
        self.ConnectionCls = functools.partial(_SecureConnection, session=session)

    def urlopen(self, *arguments: Any, **keywords: Any) -> Any:  # noqa: ANN401
        return super().urlopen(*arguments, **keywords, redirect=False)
