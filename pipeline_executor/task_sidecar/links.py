"""HTTP connections that are kept open: one for each thread and server. The standard library alone."""

import http.client
import ssl
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

BROKEN: Final = (OSError, http.client.HTTPException)
"""The exceptions of a broken connection, or of an answer that is no HTTP."""
_TIMEOUT_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Address:
    """The address in a URL; `target` is its path and query, which may be a secret."""

    is_tls: bool
    host: str
    port: int
    target: str

    @classmethod
    def of(cls, url: str) -> "Address":
        """Return the address in a URL.

        Raises:
            ValueError: it is no http or https URL.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            message = "is no URL of a server"
            raise ValueError(message)
        is_tls = parts.scheme == "https"
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        return cls(is_tls, parts.hostname, parts.port or (443 if is_tls else 80), target)


class Links:
    """Connections to servers; each thread has its own.

    Args:
        certificates: PEM, of authorities to trust besides the system's; "": none.
        only_these: trust no others.
    """

    def __init__(self, certificates: str = "", *, only_these: bool = False) -> None:
        if only_these:
            self._tls = ssl.create_default_context(cadata=certificates)
        else:
            self._tls = ssl.create_default_context()
            if certificates:
                self._tls.load_verify_locations(cadata=certificates)
        self._own = threading.local()

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | Iterable[bytes] | None = None
    ) -> http.client.HTTPResponse:
        """Send a request; read the answer to its end, or `drop` the connection.

        Args:
            method: as `GET`.
            url: where.
            headers: with the length, where the body is no bytes.
            body: is sent as it comes.

        Raises:
            OSError, http.client.HTTPException: the connection broke; the next request makes a new one.
        """
        address = Address.of(url)
        connection = self._connection(address)
        try:
            connection.request(method, address.target, body=body, headers=dict(headers))
            return connection.getresponse()
        except BaseException:
            self.drop(url)
            raise

    def drop(self, url: str) -> None:
        """Close this thread's connection to that server."""
        address = Address.of(url)
        connection = self._open().pop((address.is_tls, address.host, address.port), None)
        if connection is not None:
            connection.close()

    def _connection(self, address: Address) -> http.client.HTTPConnection:
        opened = self._open()
        key = (address.is_tls, address.host, address.port)
        if key not in opened:
            if address.is_tls:
                opened[key] = http.client.HTTPSConnection(
                    address.host, address.port, timeout=_TIMEOUT_SECONDS, context=self._tls
                )
            else:
                opened[key] = http.client.HTTPConnection(address.host, address.port, timeout=_TIMEOUT_SECONDS)
        return opened[key]

    def _open(self) -> dict[tuple[bool, str, int], http.client.HTTPConnection]:
        try:
            opened: dict[tuple[bool, str, int], http.client.HTTPConnection] = self._own.opened
        except AttributeError:
            opened = self._own.opened = {}
        return opened
