"""Listing and reading one S3 folder: signed requests, one host, no redirects, bounded answers."""

import http.client
import re
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final
from urllib.parse import unquote_to_bytes

from moorage.calling.endpoints import Endpoint
from moorage.calling.failures import ChangedError, TryAgainError
from moorage.errors import SourceError
from moorage.sources import Credentials
from moorage.sources.reasons import Reason
from moorage.sources.s3 import S3Source, folder_prefix
from moorage.sources.signed_gets import Request, encode_path, encode_query, sign
from moorage.sources.store_documents import check_document
from node_plugin.filler.deadlines import PAGE_SECONDS, Deadline, ended_in_time
from node_plugin.filler.manifest import Entry

KIND: Final = S3Source.kind

_MOST_PAGE_BYTES: Final = 4 << 20
_CODE: Final = re.compile(rb"<Code>([A-Za-z]{1,60})</Code>")
_OK, _PARTIAL, _CHANGED, _REDIRECT, _BUSY = 200, 206, 412, 300, 500
_DENIED: Final = frozenset({401, 403})
_ASKS_LATER: Final = frozenset({408, 425, 429})


class S3Folder:
    """One folder; each thread has one of its own, as its connection is kept.

    Args:
        location: where.
        credentials: None for what anybody may read.
        endpoint: of the location; threads share it, because reading authorities takes long.
    """

    def __init__(self, location: S3Source, credentials: Credentials | None, endpoint: Endpoint) -> None:
        self.name = f"s3://{location.bucket}/{location.prefix.strip('/')}"
        self._endpoint = endpoint
        self._bucket = location.bucket
        self._prefix = folder_prefix(location.prefix)
        self._region = location.signing_region
        self._credentials = credentials
        self._connection = endpoint.connect()

    def close(self) -> None:
        """Close the connection; the next request makes a new one."""
        self._connection.close()

    def shut(self) -> None:
        """End the connection that there is, from any thread."""
        self._connection.shut()

    def pages(self) -> Iterator[list[Entry]]:
        """The objects, page by page, in the store's order.

        Raises:
            TryAgainError: it does not answer.
            SourceError: it refuses, or is no S3 store.
        """
        query = {"list-type": "2", "max-keys": "1000", "encoding-type": "url", "prefix": self._prefix}
        while True:
            deadline = Deadline(PAGE_SECONDS)
            with ended_in_time(deadline, self.shut), self._get("", query, {}) as answer:
                if answer.status != _OK:
                    raise self._failure(answer)
                body = answer.read(_MOST_PAGE_BYTES + 1)
            if deadline.is_over:
                raise TryAgainError("a page of the listing takes too long")
            check_document(self.name, body)
            token, page = self._parse(body)
            yield page
            if not token:
                return
            if token == query.get("continuation-token"):
                raise self._no_store("it lists the same page again and again")
            query["continuation-token"] = token

    @contextmanager
    def open(self, entry: Entry, offset: int, length: int | None = None) -> Iterator[http.client.HTTPResponse]:
        """An object from an offset on, if it is the one that was listed; so many bytes of it, or all.

        Raises:
            ChangedError: it is not.
            TryAgainError: the store does not answer, or the connection breaks meanwhile.
            SourceError: the store refuses.
        """
        headers = {"If-Match": f'"{entry.etag}"'} if entry.etag else {}
        is_ranged = offset > 0 or length is not None
        if is_ranged:
            headers["Range"] = f"bytes={offset}-" + ("" if length is None else str(offset + length - 1))
        with self._get(self._prefix + entry.key, {}, headers) as answer:
            if answer.status in {_CHANGED, 404, 416}:
                raise ChangedError
            if answer.status != (_PARTIAL if is_ranged else _OK):
                raise self._failure(answer)
            # Some stores don't know If-Match.
            if (answer.headers.get("ETag") or "").strip('"') != entry.etag:
                raise ChangedError
            yield answer

    @contextmanager
    def _get(
        self, key: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> Iterator[http.client.HTTPResponse]:
        bucket = f"{self._endpoint.path}/{self._bucket}"
        path = encode_path(f"{bucket}/{key}" if key else bucket)
        request = Request(self._endpoint.host, path, encode_query(query), headers)
        whole = False
        try:
            self._connection.putrequest("GET", request.target, skip_host=True, skip_accept_encoding=True)
            for name, value in sign(request, self._credentials, self._region, datetime.now(tz=UTC)).items():
                self._connection.putheader(name, value)
            self._connection.endheaders()
            with self._connection.getresponse() as answer:
                yield answer
                whole = answer.isclosed() or not answer.read(1)
        except (OSError, http.client.HTTPException) as error:
            raise TryAgainError(type(error).__name__) from error
        finally:
            if not whole:
                self._connection.close()

    def _parse(self, body: bytes) -> tuple[str, list[Entry]]:
        try:
            root = ET.fromstring(body)  # noqa: S314 - bounded, without declarations
        except ET.ParseError:
            raise self._no_store("what it answers is no XML") from None
        namespace = root.tag.partition("}")[0] + "}" if root.tag.startswith("{") else ""
        if root.tag != f"{namespace}ListBucketResult":
            raise self._no_store("what it answers is no listing")
        encoded = root.findtext(f"{namespace}EncodingType") == "url"
        page = [self._entry(found, namespace, encoded=encoded) for found in root.iter(f"{namespace}Contents")]
        if root.findtext(f"{namespace}IsTruncated") != "true":
            return "", page
        return root.findtext(f"{namespace}NextContinuationToken") or "", page

    def _entry(self, found: ET.Element, namespace: str, *, encoded: bool) -> Entry:
        key = found.findtext(f"{namespace}Key") or ""
        if encoded:
            key = unquote_to_bytes(key.replace("+", " ")).decode(errors="surrogateescape")
        try:
            size_bytes = int(found.findtext(f"{namespace}Size") or "")
        except ValueError:
            size_bytes = -1
        if not key.startswith(self._prefix) or size_bytes < 0:
            raise self._no_store("it lists what was not asked for")
        etag = (found.findtext(f"{namespace}ETag") or "").strip('"')
        return Entry(key[len(self._prefix) :], size_bytes, etag, _seconds(found.findtext(f"{namespace}LastModified")))

    def _failure(self, answer: http.client.HTTPResponse) -> Exception:
        status = answer.status
        if status in _ASKS_LATER or status >= _BUSY:
            return TryAgainError(f"HTTP {status}")
        code = _CODE.search(answer.read(16 * 1024))
        told = f"HTTP {status}" if code is None else code[1].decode()
        reason = Reason.ACCESS_DENIED if status in _DENIED else Reason.LIST_FAILED
        if _REDIRECT <= status < 400:  # noqa: PLR2004 - the last of them
            reason = Reason.REDIRECT_REFUSED
        return SourceError(reason, f"{self.name}: the store answers {told}")

    def _no_store(self, problem: str) -> SourceError:
        return SourceError(Reason.ENDPOINT_NOT_S3, f"{self.name}: {problem}")


def _seconds(text: str | None) -> int:
    """When an object was written; now, where the store does not say."""
    try:
        return int(datetime.fromisoformat(text or "").timestamp())
    except ValueError:
        return int(time.time())
