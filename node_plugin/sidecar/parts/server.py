"""Answers rclone's WebDAV over a Unix socket: what is in a folder, and bytes of objects.

The socket lies where all containers of the pod may look, so the kernel says who calls: only this user is answered.
"""

import contextlib
import logging
import os
import re
import socket
import socketserver
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Final

from moorage.calling.failures import ChangedError, TryAgainError
from moorage.errors import SourceError
from node_plugin.filler.manifest import Entry
from node_plugin.peers import peer_uid
from node_plugin.sidecar.parts import listing
from node_plugin.sidecar.parts.source import PartSource

_log = logging.getLogger("moorage.sidecar")

_MOST_CONNECTIONS: Final = 64
_IDLE_SECONDS: Final = 120.0
_RANGE: Final = re.compile(r"bytes=([0-9]{1,18})-([0-9]{0,18})")


class PartServer:
    """Serves until it is closed, in threads of its own.

    Args:
        path: of the socket.
        source: the objects; the server closes it.
    """

    def __init__(self, path: Path, source: PartSource) -> None:
        path.unlink(missing_ok=True)  # an earlier one's
        self.path = path
        self.source = source
        self._server = _Server(str(path), source)
        threading.Thread(target=self._server.serve_forever, name=f"part at {path.name}", daemon=True).start()

    def close(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()
        self.source.close()


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = _MOST_CONNECTIONS

    def __init__(self, path: str, source: PartSource) -> None:
        self.source = source
        self._free = threading.BoundedSemaphore(_MOST_CONNECTIONS)
        super().__init__(path, _Handler)

    def verify_request(self, request: object, _client_address: object) -> bool:
        """Answer nobody but this very user."""
        return isinstance(request, socket.socket) and peer_uid(request) == os.getuid()

    def process_request(self, request: "socket.socket | tuple[bytes, socket.socket]", client_address: object) -> None:
        """Have a thread answer; those that are too many wait."""
        self._free.acquire()
        super().process_request(request, client_address)

    def process_request_thread(
        self, request: "socket.socket | tuple[bytes, socket.socket]", client_address: object
    ) -> None:
        """One connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, _request: object, _client_address: object) -> None:
        """A connection broke; what matters was said where it did."""
        _log.debug("a connection of the mount server broke", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    wbufsize = 1 << 16
    server: _Server

    def setup(self) -> None:
        super().setup()
        self._far = self.server.source.enter()

    def finish(self) -> None:
        try:
            with contextlib.suppress(OSError):
                super().finish()
        finally:
            self._far.close()
            self.server.source.leave()

    def log_message(self, *_: object) -> None:
        """Whoever asks is rclone."""

    def do_PROPFIND(self) -> None:
        """What is in a folder, or what a file is."""
        self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 1 << 16))
        lines, key = self.server.source.lines, listing.key_of(self.path)
        entry = lines.find(key) if key else None
        if entry is not None:
            self._answer(HTTPStatus.MULTI_STATUS, listing.HEAD + listing.file_words(entry) + listing.TAIL)
        elif lines.has_folder(key):
            self._answer_in_chunks(listing.described(key, lines.below(key) if self.headers.get("Depth") == "1" else ()))
        else:
            self._answer(HTTPStatus.NOT_FOUND)

    def do_HEAD(self) -> None:
        """What a file is."""
        entry = self.server.source.lines.find(listing.key_of(self.path))
        self.send_response(HTTPStatus.NOT_FOUND if entry is None else HTTPStatus.OK)
        self.send_header("Content-Length", "0" if entry is None else str(entry.size_bytes))
        self.end_headers()

    def do_GET(self) -> None:
        """Bytes of an object."""
        entry = self.server.source.lines.find(listing.key_of(self.path))
        if entry is None:
            self._answer(HTTPStatus.NOT_FOUND)
            return
        span = _span(self.headers.get("Range"), entry.size_bytes)
        if span is None:
            self._answer(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            return
        start, length = span
        near = self.server.source.open_near(entry)
        if near is not None:
            with os.fdopen(near, "rb", buffering=0) as file:
                self._begin(entry, start, length)
                self.wfile.flush()
                if length and self.connection.sendfile(file, start, length) < length:
                    self.close_connection = True
        elif length == 0:
            self._begin(entry, start, length)
        else:
            self._send_far(entry, start, length)

    def _send_far(self, entry: Entry, start: int, length: int) -> None:
        pieces = self._far.pieces(entry, start, length)
        try:
            first = next(pieces)
        except ChangedError:
            self._fail(HTTPStatus.GONE, "the source has changed it")
            return
        except (TryAgainError, SourceError) as error:
            _log.warning("an object can't be read from the source: %s", error)
            self._fail(HTTPStatus.SERVICE_UNAVAILABLE if isinstance(error, TryAgainError) else HTTPStatus.FORBIDDEN)
            return
        self._begin(entry, start, length)
        self.wfile.flush()
        self.connection.sendall(first)
        try:
            for piece in pieces:
                self.connection.sendall(piece)
        except (ChangedError, TryAgainError, SourceError) as error:
            # What was promised does not come: whoever counts sees it.
            self.close_connection = True
            _log.warning("an object breaks off at the source: %s", error)
        finally:
            pieces.close()

    def _begin(self, entry: Entry, start: int, length: int) -> None:
        is_ranged = self.headers.get("Range") is not None
        self.send_response(HTTPStatus.PARTIAL_CONTENT if is_ranged else HTTPStatus.OK)
        if is_ranged:
            self.send_header("Content-Range", f"bytes {start}-{start + length - 1}/{entry.size_bytes}")
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def _answer(self, status: HTTPStatus, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/xml; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _fail(self, status: HTTPStatus, message: str = "") -> None:
        self._answer(status, message.encode())

    def _answer_in_chunks(self, words: Iterator[bytes]) -> None:
        """A folder may have very many files: none of it is kept."""
        self.send_response(HTTPStatus.MULTI_STATUS)
        self.send_header("Content-Type", "application/xml; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for each in words:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(each), each))
        self.wfile.write(b"0\r\n\r\n")


def _span(wanted: str | None, size_bytes: int) -> tuple[int, int] | None:
    """Where to begin, and how many bytes to send; None where there are none."""
    if wanted is None:
        return 0, size_bytes
    found = _RANGE.fullmatch(wanted)
    if found is None or int(found[1]) >= size_bytes:
        return None
    start, last = int(found[1]), int(found[2] or size_bytes - 1)
    return (start, min(last, size_bytes - 1) - start + 1) if last >= start else None
