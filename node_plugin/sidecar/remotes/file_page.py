"""A single file behind a web server as a folder that rclone can read: a page on loopback with one link.

rclone reads folders that a server lists, and few servers list the folder of a file that somebody names by its URL. So
the sidecar lists it: the page names the file, its size and time are the server's own, and whoever asks for its bytes
is sent to its URL, ranges and all. No byte of it passes through here.

The URL may hold a token, and the app shares the sidecar's network: nobody finds the page without a secret in its path.
"""

import contextlib
import secrets
import sys
import threading
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import IO, Final
from urllib.parse import quote, urlsplit

from moorage.calling.endpoints import Endpoint
from moorage.calling.failures import ChangedError, TryAgainError
from moorage.calling.web_folders import WebFile, WebFolder, as_written
from moorage.errors import SourceError
from moorage.sources.http import HttpSource
from moorage.sources.reasons import NOTHING_TO_READ
from node_plugin.sidecar.store_errors import Trouble

_LINE_SECONDS: Final = 2.0
_MOST_LINE_BYTES: Final = 16 * 1024


class FilePage:
    """The page, served in a thread until it is closed. One request at a time, so that nobody makes threads of ours.

    Args:
        source: of a single file.
    """

    def __init__(self, source: HttpSource) -> None:
        self.source = source
        self._folder = f"/{secrets.token_urlsafe(24)}/"
        self._name = quote(source.file_name.encode(errors="surrogateescape"))
        self._endpoint = Endpoint(source.url, source.ca_bundle, named_in="http.url", silence_seconds=10.0)
        self._seen: WebFile | None = None
        page = self

        class Handler(BaseHTTPRequestHandler):
            """Asks the page."""

            timeout = _LINE_SECONDS

            def do_GET(self) -> None:
                """The page, or the way to the file."""
                page.answer(self)

            do_HEAD = do_GET  # noqa: N815 - as the server looks for it

            def log_message(self, *_: object) -> None:
                """The path is a secret."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Of the page, for rclone."""
        return f"http://127.0.0.1:{self._server.server_port}{self._folder}"

    def close(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()

    def trouble(self) -> Trouble | None:
        """Ask the server for the file, and say why it does not give it."""
        try:
            self._look()
        except SourceError as error:
            return Trouble(str(error), stands=error.reason in NOTHING_TO_READ)
        except (TryAgainError, ChangedError):
            return Trouble("the server does not answer: check http.url in the Dataset, and that this node may reach it")
        return None

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request of rclone's."""
        if request.path == self._folder:
            self._answer_page(request)
        elif request.path != self._folder + self._name:
            request.send_error(HTTPStatus.NOT_FOUND)
        elif request.command == "HEAD":
            self._answer_head(request)
        else:
            request.send_response(HTTPStatus.TEMPORARY_REDIRECT)
            request.send_header("Location", as_written(self.source.url))
            request.send_header("Content-Length", "0")
            request.end_headers()

    def _answer_page(self, request: BaseHTTPRequestHandler) -> None:
        # A page without the file would be an empty folder to the app.
        if self.trouble() is not None:
            request.send_error(HTTPStatus.BAD_GATEWAY)
            return
        body = f'<a href="{self._name}">file</a>'.encode()
        request.send_response(HTTPStatus.OK)
        request.send_header("Content-Type", "text/html")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if request.command == "GET":
            request.wfile.write(body)

    def _answer_head(self, request: BaseHTTPRequestHandler) -> None:
        if self._seen is None and self.trouble() is not None:
            request.send_error(HTTPStatus.BAD_GATEWAY)
            return
        file = self._seen
        request.send_response(HTTPStatus.OK)
        if file is not None:
            request.send_header("Content-Length", str(file.size_bytes))
            if file.modified_seconds is not None:
                request.send_header("Last-Modified", formatdate(file.modified_seconds, usegmt=True))
        request.end_headers()

    def _look(self) -> None:
        self._seen = None
        with contextlib.closing(WebFolder(self.source, self._endpoint)) as folder:
            ((self._seen,),) = folder.files()


def relay(lines: IO[bytes], source: HttpSource) -> None:
    """Print what rclone prints, without the URL's query, in a thread that ends with it; errors name the URL."""
    threading.Thread(target=_relay, args=(lines, source), daemon=True).start()


def _relay(lines: IO[bytes], source: HttpSource) -> None:
    with lines:
        while line := lines.readline(_MOST_LINE_BYTES):
            sys.stderr.write(without_query(line.decode(errors="replace"), source))
            sys.stderr.flush()


def without_query(line: str, source: HttpSource) -> str:
    """A line in which the query of the source's URL is not, however it is written."""
    query = urlsplit(source.url).query
    for written in (query, as_written(query)):
        line = line.replace(written, "...") if written else line
    return line
