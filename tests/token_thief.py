"""A server over TLS that keeps every token that somebody sends it, as whoever writes a Dataset could run one."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from moorage.serving.certificates import make_authority, make_leaf
from moorage.serving.context import load_pair
from moorage.sources.s3 import S3Source
from moorage.sources.web_identity import WebIdentity

ROLE = "arn:aws:iam::role/reader"
_ANSWER = b"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"


@dataclass(frozen=True)
class Thief:
    """The server.

    Attributes:
        url: where it is.
        authority: PEM of who signed its certificate.
        tokens: that it was sent.
    """

    url: str
    authority: str
    tokens: list[str] = field(default_factory=list)

    @property
    def source(self) -> S3Source:
        """What a Dataset says to have a token sent to it."""
        return S3Source(self.url, "b", "claims", ca_bundle=self.authority, web_identity=WebIdentity(ROLE))


@contextmanager
def run_thief() -> Iterator[Thief]:
    """Run it; it says of each token that the role is not for that account."""
    now = datetime.now(tz=UTC)
    authority = make_authority("thieves", now, timedelta(days=1))
    leaf = make_leaf(authority, ("127.0.0.1",), now, timedelta(days=1))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_pair(context, leaf.certificate.pem, leaf.key_pem)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            thief.tokens.extend(form["WebIdentityToken"])
            self.send_response(403)
            self.send_header("Content-Length", str(len(_ANSWER)))
            self.end_headers()
            self.wfile.write(_ANSWER)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thief = Thief(f"https://127.0.0.1:{server.server_port}", authority.certificate.pem.decode())
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield thief
    finally:
        server.shutdown()
        server.server_close()
