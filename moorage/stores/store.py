"""One Site's artifact store, to read from: bounded gets and listings. There is no code here that writes."""

import builtins
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import httpx2 as httpx

from moorage.errors import StoreError
from moorage.sources import Credentials
from moorage.sources.s3 import S3Source
from moorage.sources.signed_gets import Request, encode_path, encode_query, sign
from moorage.stores.connections import open_store

_MOST_LISTING_BYTES: Final = 4 << 20
_NAMESPACE: Final = "{http://s3.amazonaws.com/doc/2006-03-01/}"
_REASONS: Final = {
    403: ("AccessDenied", "the store refuses the keys, or they may not read there"),
    404: ("BucketNotFound", "there is no such bucket"),
    503: ("StoreBusy", "the store asks for fewer requests"),
}


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of an object, and how many it has in all."""

    content: bytes
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Listed:
    """An object, or a folder of them whose name ends with a slash."""

    key: str
    size_bytes: int


class ReadableStore:
    """Reads. May be shared by all tasks of one event loop.

    Args:
        site: for messages.
        location: bucket and prefix.
        credentials: None for a bucket that anybody may read.
        now: the time, for signatures.
        called: what it is called in messages, where it is no artifact store.
    """

    def __init__(
        self,
        site: str,
        location: S3Source,
        credentials: Credentials | None,
        now: Callable[[], datetime] = lambda: datetime.now(tz=UTC),
        *,
        called: str = "",
    ) -> None:
        self.site = site
        self._name = called or f"artifact store of Site {site} (s3://{location.bucket})"
        self.bucket = location.bucket
        self.prefix = location.prefix.strip("/")
        self._location = location
        self._endpoint = urlsplit(location.endpoint)
        self._credentials = credentials
        self._now = now
        self._http = open_store(location)

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    def key(self, uri: str) -> str | None:
        """Return the key of `s3://bucket/key` below the store's prefix; None where it lies elsewhere."""
        return self._location.key_of(uri)

    async def get(self, key: str, most_bytes: int) -> bytes | None:
        """Return the content; None where there is no such object.

        Raises:
            StoreError: the store does not answer or refuses; `TooLarge`: there are more than `most_bytes`.
        """
        piece = await self.piece(key, 0, most_bytes)
        if piece is not None and piece.size_bytes > most_bytes:
            raise StoreError("TooLarge", f"{key} has more than {most_bytes:,} bytes")
        return None if piece is None else piece.content

    async def piece(self, key: str, start: int, most_bytes: int) -> Piece | None:
        """Read at most so many bytes from `start` on; None where there is no such object.

        Raises:
            StoreError: the store does not answer or refuses.
        """
        if any(part in {".", ".."} for part in key.split("/")):
            raise StoreError("NotAKey", f"{self._name}: {key[:200]!r} is no key that anything of a run has")
        wanted = {"range": f"bytes={start}-{start + most_bytes - 1}"}
        status, headers, content = await self._ask(f"/{key}", {}, wanted, most_bytes)
        match status:
            case 404:
                return None
            case 416:
                return Piece(b"", _total(headers.get("content-range", ""), start))
            case 206:
                return Piece(content, _total(headers.get("content-range", ""), start + len(content)))
            case 200:
                return Piece(content[start : start + most_bytes], int(headers.get("content-length") or len(content)))
            case _:
                raise self._refused(status)

    async def list_all(self, prefix: str, most: int, *, folders: bool = False) -> builtins.list[Listed]:
        """List the objects whose keys begin with `prefix`, by key; deeper ones as folders where that is asked.

        Raises:
            StoreError: the store does not answer or refuses; `TooMany`: there are more than `most`.
        """
        found: builtins.list[Listed] = []
        token = ""
        asked = {"prefix": prefix} | ({"delimiter": "/"} if folders else {})
        while True:
            page, token = await self._page(asked | ({"continuation-token": token} if token else {}))
            found += page
            if len(found) > most:
                raise StoreError("TooMany", f"{self._name}: there are more than {most:,} objects under {prefix}")
            if not token:
                return sorted(found, key=lambda each: each.key)

    async def list(self, prefix: str, most: int, *, folders: bool = False, after: str = "") -> builtins.list[Listed]:
        """List at most so many objects whose keys begin with `prefix`, by key.

        Args:
            prefix: the prefix of their keys.
            most: 1,000 at most.
            folders: what lies deeper is told as folders.
            after: only keys that come after this one.

        Raises:
            StoreError: the store does not answer or refuses.
        """
        asked = {"prefix": prefix, "max-keys": str(most)} | ({"delimiter": "/"} if folders else {})
        page, _ = await self._page(asked | ({"start-after": after} if after else {}))
        return sorted(page, key=lambda each: each.key)[:most]

    async def _page(self, query: Mapping[str, str]) -> tuple[builtins.list[Listed], str]:
        """Return one page of a listing, and the token of the next; "" after the last."""
        status, _, content = await self._ask("", {"list-type": "2", **query}, {}, _MOST_LISTING_BYTES)
        if status != httpx.codes.OK:
            raise self._refused(status)
        if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
            raise StoreError("StoreFailed", f"{self._name}: its listing can't be read")
        try:
            tree = ET.fromstring(content)  # noqa: S314 - bounded, and without entities
        except ET.ParseError:
            raise StoreError("StoreFailed", f"{self._name}: its listing can't be read") from None
        space = _NAMESPACE if tree.tag.startswith("{") else ""
        found = [
            Listed(each.findtext(f"{space}Key") or "", int(each.findtext(f"{space}Size") or 0))
            for each in tree.iter(f"{space}Contents")
        ]
        found += [Listed(each.findtext(f"{space}Prefix") or "", 0) for each in tree.iter(f"{space}CommonPrefixes")]
        more = tree.findtext(f"{space}IsTruncated") == "true"
        token = (tree.findtext(f"{space}NextContinuationToken") or "") if more else ""
        return [each for each in found if each.key.startswith(query["prefix"])], token

    async def _ask(
        self, below: str, query: dict[str, str], extra: dict[str, str], most_bytes: int
    ) -> tuple[int, httpx.Headers, bytes]:
        path = encode_path(f"{self._endpoint.path.rstrip('/')}/{self.bucket}{below}")
        request = Request(self._endpoint.netloc, path, encode_query(query), extra)
        headers = sign(request, self._credentials, self._location.signing_region, self._now())
        url = f"{self._endpoint.scheme}://{request.host}{request.target}"
        content = bytearray()
        try:
            async with self._http.stream("GET", url, headers=headers) as answer:
                async for part in answer.aiter_raw():
                    content += part
                    if len(content) >= most_bytes:
                        break
                return answer.status_code, answer.headers, bytes(content[:most_bytes])
        except (httpx.HTTPError, httpx.InvalidURL, RuntimeError) as error:  # it may be closed by now
            problem = f"it does not answer ({type(error).__name__}): check that it runs and can be reached from here"
            raise StoreError("StoreUnreachable", f"{self._name}: {problem}") from None

    def _refused(self, status: int) -> StoreError:
        reason, problem = _REASONS.get(status, ("StoreFailed", f"the store answers {status}"))
        return StoreError(reason, f"{self._name}: {problem}")


def _total(content_range: str, known: int) -> int:
    _, _, total = content_range.rpartition("/")
    return int(total) if total.isdecimal() else known
