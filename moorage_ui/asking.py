"""Bounded query parameters of requests. Pure but for the request."""

from typing import Final

from aiohttp import web

from moorage.reading.fields import DNS_LABEL

_LONGEST: Final = 2048
_MOST_NUMBER: Final = 10**12


def told(request: web.Request, key: str, most: int = _LONGEST) -> str:
    """Return a parameter of the query; "" where it is absent.

    Raises:
        web.HTTPBadRequest: it is too long, or no text.
    """
    value = request.query.get(key, "")
    if len(value) > most or "\0" in value:
        raise web.HTTPBadRequest(text=f"{key}: is too long, or no text")
    return value


def counted(request: web.Request, key: str, default: int = 0) -> int:
    """Return a number of the query, 0 at least.

    Raises:
        web.HTTPBadRequest: it is none.
    """
    value = request.query.get(key, "")
    if not value:
        return default
    if not value.isascii() or not value.isdecimal() or len(value) > 13 or int(value) > _MOST_NUMBER:  # noqa: PLR2004
        raise web.HTTPBadRequest(text=f"{key}: must be a number")
    return int(value)


def namespace_of(request: web.Request) -> str:
    """Return the namespace of the path or the query; "": none.

    Raises:
        web.HTTPBadRequest: it is no name that a namespace can have.
    """
    value = request.match_info.get("namespace") or told(request, "namespace")
    if value and not DNS_LABEL.fullmatch(value):
        raise web.HTTPBadRequest(text="namespace: is no name of a namespace")
    return value


def name_of(request: web.Request) -> str:
    """Return the name of the path.

    Raises:
        web.HTTPBadRequest: no object can have it.
    """
    value = request.match_info["name"]
    if len(value) > 253 or not all(DNS_LABEL.fullmatch(part) for part in value.split(".")):  # noqa: PLR2004 - Kubernetes'
        raise web.HTTPBadRequest(text="name: is no name that an object can have")
    return value


def wants_parts(request: web.Request) -> bool:
    """Return whether a page refreshes itself, and so has the drawing already."""
    return request.headers.get("X-Moorage-Parts") == "1"
