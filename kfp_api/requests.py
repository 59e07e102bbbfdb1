"""Bodies and parameters of requests, bounded."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import BodyPartReader, hdrs, web

from kfp_api.answers import Code, RequestError, answer, invalid
from kfp_api.index import Index, Page
from kfp_api.objects import LONGEST_DESCRIPTION, LONGEST_NAME
from kfp_api.paging import Query, read_query
from kfp_api.parts import PARTS
from moorage.reading.documents import is_deeper

_MOST_DEPTH = 120
_CAMEL = re.compile(r"(?<=[a-z0-9])([A-Z])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_READ_AT_ONCE = 64 << 10


@dataclass(frozen=True, slots=True)
class Body:
    """A JSON object that a client sent; its keys in snake_case, as protobuf's JSON permits both."""

    raw: Mapping[str, Any]

    def text(self, key: str, most: int = LONGEST_NAME, *, required: bool = False) -> str:
        """Return a text; "" where it is absent.

        Raises:
            RequestError: it is none, or too long.
        """
        return checked_text(key, self.raw.get(key), most, required=required)

    def sub(self, key: str) -> "Body":
        """Return an object within; empty where it is absent.

        Raises:
            RequestError: it is none.
        """
        value = self.raw.get(key)
        if value is None:
            return Body({})
        if not isinstance(value, dict):
            raise invalid(f"{key}: must be an object")
        return Body(_snake_keys(value))


def checked_text(key: str, value: object, most: int = LONGEST_NAME, *, required: bool = False) -> str:
    """Return a text of at most so many characters; "" for None.

    Raises:
        RequestError: naming the field.
    """
    if value is None:
        value = ""
    if not isinstance(value, str):
        raise invalid(f"{key}: must be a text")
    if required and not value.strip():
        raise invalid(f"{key}: must be given")
    if len(value) > most:
        raise invalid(f"{key}: must have at most {most} characters, not {len(value)}")
    if _CONTROL.search(value):
        raise invalid(f"{key}: must not hold control characters")
    return value


def query_text(request: web.Request, key: str, most: int = LONGEST_NAME, *, required: bool = False) -> str:
    """Return a parameter of the query; "" where it is absent."""
    return checked_text(key, request.query.get(key), most, required=required)


def query_description(request: web.Request) -> str:
    """Return the parameter `description`."""
    return query_text(request, "description", LONGEST_DESCRIPTION)


async def read_json(request: web.Request) -> Body:
    """Read the request's body as JSON.

    Raises:
        RequestError: it is no JSON object, too large or too deep.
    """
    _check_length(request)
    content = await request.read()
    try:
        raw = orjson.loads(content)
    except (orjson.JSONDecodeError, RecursionError):
        raise invalid("the body is no JSON") from None
    if not isinstance(raw, dict) or is_deeper(raw, _MOST_DEPTH):
        raise invalid(f"the body must be a JSON object, nested at most {_MOST_DEPTH} levels deep")
    return Body(_snake_keys(raw))


async def read_upload(request: web.Request) -> bytes:
    """Read the file of a multipart form, its part `uploadfile`, whatever it is called.

    Raises:
        RequestError: there is none, or it is too large.
    """
    _check_length(request)
    if not request.headers.get(hdrs.CONTENT_TYPE, "").lower().startswith("multipart/form-data"):
        raise invalid("the body must be multipart/form-data with a part named uploadfile")
    most = request.app[PARTS].package_bytes
    try:
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader) or part.name != "uploadfile":
                raise invalid("the form must hold one part, named uploadfile")
            return await _read_part(part, most)
    except ValueError as error:
        raise invalid(f"the form can't be read: {error}") from None
    raise invalid("the form holds no part named uploadfile")


async def _read_part(part: BodyPartReader, most: int) -> bytes:
    content = bytearray()
    while chunk := await part.read_chunk(_READ_AT_ONCE):
        content += chunk
        if len(content) > most:
            raise _too_large(most)
    if not content:
        raise invalid("uploadfile: is empty")
    return bytes(content)


def _check_length(request: web.Request) -> None:
    most = request.app[PARTS].package_bytes
    if (request.content_length or 0) > most + _READ_AT_ONCE:
        raise _too_large(most)


def _too_large(most: int) -> RequestError:
    return RequestError(Code.INVALID_ARGUMENT, f"the request must have at most {most} bytes", http_status=413)


def list_query(request: web.Request, index: Index[Any]) -> Query:
    """Read the query of a list request."""
    given = {key: request.query.get(key, "") for key in ("page_size", "sort_by", "filter", "page_token")}
    return read_query(given["page_size"], given["sort_by"], given["filter"], given["page_token"], index.fields)


def list_answer(name: str, page: Page[Any], bodies: list[Any]) -> web.Response:
    """Return a page as an answer."""
    body: dict[str, Any] = {name: bodies, "total_size": page.total} if bodies or page.total else {}
    if page.next_token:
        body["next_page_token"] = page.next_token
    return answer(body)


def moment() -> str:
    """Return the current time, in RFC 3339 with microseconds."""
    return datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _snake_keys(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {_CAMEL.sub(lambda found: f"_{found[1].lower()}", str(key)): value for key, value in raw.items()}
