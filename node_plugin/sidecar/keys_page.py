"""Keys that end, for an rclone that runs on: a page on loopback from which it has them, and has others in time.

rclone reads its configuration once; AWS's own clients, and rclone's is one, come back to such a page before the keys
end (it is what containers on Amazon's machines have). The app shares the sidecar's network, so whoever asks has to show
a secret that rclone has in its environment, and an app has not.
"""

import hmac
import json
import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Final

from moorage.errors import MountError
from moorage.sources import Credentials

_log = logging.getLogger("moorage.sidecar")

# The client comes five minutes before the end; whoever has these then gets others.
_SOON_SECONDS: Final = 330.0
_LINE_SECONDS: Final = 2.0

Renew = Callable[[], Credentials | str]
"""Asks for keys; a sentence where there will be none. Raises MountError where nobody answers now."""


class KeysPage:
    """The page, served in a thread until it is closed. One request at a time, so that nobody makes threads of ours.

    Args:
        keys: with an end.
        renew: asks for others; called by the page's thread.
    """

    def __init__(self, keys: Credentials, renew: Renew) -> None:
        self._keys = keys
        self._renew = renew
        self._lock = threading.Lock()
        self._secret = secrets.token_urlsafe(24)
        page = self

        class Handler(BaseHTTPRequestHandler):
            """Asks the page."""

            timeout = _LINE_SECONDS

            def do_GET(self) -> None:
                """The keys."""
                status, document = page.answer(self.headers.get("Authorization", ""))
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Whoever asks is rclone, or nobody to write about."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def environment(self) -> Mapping[str, str]:
        """What tells AWS's client of the page."""
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://127.0.0.1:{self._server.server_port}/",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": self._secret,
        }

    def hold(self, keys: Credentials) -> None:
        """Give out these from now on."""
        with self._lock:
            self._keys = keys

    def current(self) -> Credentials:
        """Keys that hold for a while, if there are any."""
        with self._lock:
            if _left_seconds(self._keys) < _SOON_SECONDS:
                self._renewed()  # it says itself where that does not work
            return self._keys

    def close(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, shown: str) -> tuple[HTTPStatus, Mapping[str, str]]:
        """Answer one request: keys in the form of AWS's client, or why there are none."""
        if not hmac.compare_digest(shown.encode(errors="replace"), self._secret.encode()):
            return HTTPStatus.FORBIDDEN, {"code": "AccessDenied", "message": "only the mount server has these keys"}
        with self._lock:
            if _left_seconds(self._keys) < _SOON_SECONDS and (problem := self._renewed()):
                return HTTPStatus.FORBIDDEN, {"code": "AccessDenied", "message": problem}
            return HTTPStatus.OK, _document(self._keys)

    def _renewed(self) -> str:
        try:
            found = self._renew()
        except MountError as error:
            _log.warning("the keys are not renewed: %s", error)
            return "" if _left_seconds(self._keys) > 0 else str(error)
        if isinstance(found, str):
            _log.warning("the keys are not renewed: %s", found)
            return found
        self._keys = found
        return ""


def _left_seconds(keys: Credentials) -> float:
    return (keys.ends_at or 0) - time.time()


def _document(keys: Credentials) -> Mapping[str, str]:
    return {
        "AccessKeyId": keys.access_key_id,
        "SecretAccessKey": keys.secret_access_key,
        "Token": keys.session_token or "",
        "Expiration": datetime.fromtimestamp(keys.ends_at or 0, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
