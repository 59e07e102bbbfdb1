"""An S3 store of a few lines that does as a test says: it changes under the reader, cuts answers, sends other bytes."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

BUCKET = "steward-data"
_PAGE = 3
"""Objects in a page of a listing: small, so that each test reads several."""


@dataclass(frozen=True)
class StoredObject:
    """One object; `etag` without quotes, the MD5 where the test names no other."""

    body: bytes
    etag: str
    modified: str = "2026-11-30T01:02:03.000Z"


@dataclass
class PlayedStore:
    """A running one.

    Attributes:
        objects: by key.
        reads: keys of the objects that were asked for, in the order of the requests.
        bend: makes of an object's body what is sent instead; None: as it is.
        before_read: runs before an object is answered.
        headers: sent with each object.
        honours_if_match: whether the header is understood.
        moved_to: where every request is sent instead; "": nowhere.
    """

    endpoint: str = ""
    objects: dict[str, StoredObject] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)
    bend: Callable[[str, bytes], bytes] | None = None
    before_read: Callable[[str], None] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    honours_if_match: bool = True
    moved_to: str = ""

    def put(self, key: str, body: bytes, etag: str = "") -> None:
        """Store an object."""
        self.objects[key] = StoredObject(body, etag or hashlib.md5(body, usedforsecurity=False).hexdigest())

    def version(self, prefix: str = "") -> str:
        """What the operator would say of the folder, computed on its own."""
        lines = [
            b"%b\0%d\0%b\n" % (key.removeprefix(prefix).encode(), len(each.body), each.etag.encode())
            for key, each in sorted(self.objects.items(), key=lambda item: item[0].encode())
            if key.startswith(prefix)
        ]
        return hashlib.sha256(b"".join(lines)).hexdigest()

    def size_bytes(self) -> int:
        """Of all objects."""
        return sum(len(each.body) for each in self.objects.values())


@contextmanager
def play_store() -> Iterator[PlayedStore]:  # noqa: C901 - the handler is in it
    """Serve one bucket."""
    store = PlayedStore()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            store.signatures.append(self.headers.get("Authorization", ""))
            if store.moved_to:
                self._answer(307, b"", {"Location": f"{store.moved_to}{self.path}"})
                return
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
            name = unquote(parts.path).removeprefix(f"/{BUCKET}").removeprefix("/")
            if "list-type" in query:
                self._answer(200, _listing(store, query).encode(), {"Content-Type": "application/xml"})
            else:
                self._object(name)

        def _object(self, key: str) -> None:
            store.reads.append(key)
            if store.before_read is not None:
                store.before_read(key)
            found = store.objects.get(key)
            if found is None:
                self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>", {})
                return
            wanted = self.headers.get("If-Match", "").strip('"')
            if store.honours_if_match and wanted and wanted != found.etag:
                self._answer(412, b"<Error><Code>PreconditionFailed</Code></Error>", {})
                return
            body = found.body if store.bend is None else store.bend(key, found.body)
            start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
            told = {"ETag": f'"{found.etag}"', **store.headers}
            # The length is the object's, whatever is sent of it: a connection that breaks says no more.
            told["Content-Length"] = str(len(found.body) - start)
            self._answer(206 if start else 200, body[start:], told)

        def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = len(body) != int(headers.get("Content-Length", len(body)))

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    store.endpoint = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()


def _listing(store: PlayedStore, query: dict[str, str]) -> str:
    prefix = query.get("prefix", "")
    # In an order of its own, as some stores list.
    keys = sorted((key for key in store.objects if key.startswith(prefix)), key=lambda key: key[::-1])
    first = int(query.get("continuation-token", "0"))
    contents = "".join(
        f"<Contents><Key>{escape(quote(key))}</Key><LastModified>{store.objects[key].modified}</LastModified>"
        f"<ETag>&quot;{store.objects[key].etag}&quot;</ETag><Size>{len(store.objects[key].body)}</Size></Contents>"
        for key in keys[first : first + _PAGE]
    )
    more = first + _PAGE < len(keys)
    token = f"<NextContinuationToken>{first + _PAGE}</NextContinuationToken>" if more else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><EncodingType>url</EncodingType>'
        f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{contents}</ListBucketResult>"
    )
