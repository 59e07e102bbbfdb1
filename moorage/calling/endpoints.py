"""Connections to the one host of a source, at addresses that may be called."""

import contextlib
import http.client
import socket
import ssl
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from urllib.parse import urlsplit

from moorage.sources.certificates import certificates_of
from moorage.sources.store_addresses import permitted

_RECEIVE_BUFFER_BYTES: Final = 4 << 20
_MOST_ADDRESSES: Final = 8
"""The most addresses of one host that are tried: each may take as long as one connection."""


@dataclass(frozen=True)
class Endpoint:
    """The endpoint of a store.

    Attributes:
        url: as the source names it.
        ca_bundle: PEM or base64 of it; None: the image's authorities.
        named_in: the field that holds the URL, for messages.
        connect_seconds: of one connection.
        silence_seconds: between two pieces of an answer.
    """

    url: str
    ca_bundle: str | None
    named_in: str = "s3.endpoint"
    connect_seconds: float = 5.0
    silence_seconds: float = 20.0

    @property
    def host(self) -> str:
        """The host as the Host header has it, with the port where the URL names one."""
        return urlsplit(self.url).netloc

    @property
    def is_secure(self) -> bool:
        """Whether the URL's scheme is https."""
        return urlsplit(self.url).scheme == "https"

    @property
    def path(self) -> str:
        """The path before the bucket, without a trailing slash."""
        return urlsplit(self.url).path.rstrip("/")

    @cached_property
    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self.ca_bundle is not None:
            context.load_verify_locations(cadata=certificates_of(self.ca_bundle))
        return context

    def connect(self) -> "Connection":
        """Return a connection that is made with its first request.

        Raises:
            SourceError: its certificates can't be read.
        """
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        if self.is_secure:
            return _Secure(host, parts.port or 443, self)
        return _Plain(host, parts.port or 80, self)

    def dial(self, host: str, port: int) -> socket.socket:
        """Return a connection to an address that was checked, and to no other that the name may mean a moment later.

        Raises:
            SourceError: `EndpointRefused`.
            OSError: the name is not known, or nobody answers.
        """
        addresses = resolve(host, port, self.named_in)[:_MOST_ADDRESSES]
        for address in addresses[:-1]:
            try:
                return _dial_address(address, port, self)
            except OSError:
                continue
        return _dial_address(addresses[-1], port, self)

    def secured(self, line: socket.socket, host: str) -> ssl.SSLSocket:
        """Return the same connection over TLS.

        Raises:
            OSError: its certificate is not trusted, among others.
        """
        return self._context.wrap_socket(line, server_hostname=host)

    def unshaken(self, line: socket.socket, host: str) -> ssl.SSLSocket:
        """Return the same connection, before the first byte of TLS."""
        return self._context.wrap_socket(line, server_hostname=host, do_handshake_on_connect=False)


def resolve(host: str, port: int, named_in: str = "s3.endpoint") -> list[str]:
    """Resolve a host to addresses that may be called. The checked address itself is called, not its name again.

    Args:
        host: a name, or an address.
        port: the port of the server.
        named_in: the field that names it, for the message.

    Raises:
        SourceError: `EndpointRefused`.
        OSError: the name is not known.
    """
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    return permitted(host, list(dict.fromkeys(str(entry[4][0]) for entry in found)), named_in)


class Connection(http.client.HTTPConnection):
    """A connection that can be ended from another thread, whatever it is doing.

    Attributes:
        line: of the last connection. An answer may read from it after `sock` was forgotten, and TLS before there is
            one.
    """

    line: socket.socket | None = None

    def shut(self) -> None:
        """End it: whoever reads from it, or shakes hands over it, wakes up."""
        if self.line is not None:
            with contextlib.suppress(OSError):
                # Not that of TLS, which forgets its state, and breaks whoever uses it.
                socket.socket.shutdown(self.line, socket.SHUT_RDWR)

    def shake_hands(self, line: ssl.SSLSocket) -> None:
        """Begin TLS on a line that can be ended meanwhile.

        Raises:
            OSError: its certificate is not trusted, among others.
        """
        self.line = line
        try:
            line.do_handshake()
        except BaseException:
            line.close()
            raise
        self.sock = line


class _Plain(Connection):
    def __init__(self, host: str, port: int, endpoint: Endpoint) -> None:
        super().__init__(host, port)
        self._endpoint = endpoint

    def connect(self) -> None:
        self.sock = self.line = self._endpoint.dial(self.host, self.port)


class _Secure(Connection):
    default_port = http.client.HTTPS_PORT

    def __init__(self, host: str, port: int, endpoint: Endpoint) -> None:
        super().__init__(host, port)
        self._endpoint = endpoint

    def connect(self) -> None:
        line = self._endpoint.dial(self.host, self.port)
        try:
            secured = self._endpoint.unshaken(line, self.host)
        except BaseException:
            line.close()
            raise
        self.shake_hands(secured)


def _dial_address(address: str, port: int, endpoint: Endpoint) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        # A far store sends as much as the window takes: what the system gives by default is a fraction of a long line.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.settimeout(endpoint.connect_seconds)
        made.connect((address, port))
        made.settimeout(endpoint.silence_seconds)
    except BaseException:
        made.close()
        raise
    return made
