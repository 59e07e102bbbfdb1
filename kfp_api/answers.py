"""Answers as the Kubeflow Pipelines backend gives them: JSON, and errors as google.rpc.Status."""

from enum import Enum
from typing import Any

import orjson
from aiohttp import hdrs, web

from moorage.errors import MoorageError

_STATUS_TYPE = "type.googleapis.com/google.rpc.Status"


class Code(Enum):
    """Codes of gRPC that occur here, with the HTTP status that the backend's gateway gives them."""

    INVALID_ARGUMENT = (3, 400)
    NOT_FOUND = (5, 404)
    ALREADY_EXISTS = (6, 409)
    PERMISSION_DENIED = (7, 403)
    RESOURCE_EXHAUSTED = (8, 429)
    FAILED_PRECONDITION = (9, 400)
    UNIMPLEMENTED = (12, 501)
    INTERNAL = (13, 500)
    UNAVAILABLE = (14, 503)
    UNAUTHENTICATED = (16, 401)

    @property
    def number(self) -> int:
        """The gRPC status code."""
        return self.value[0]

    @property
    def http_status(self) -> int:
        """The HTTP status code."""
        return self.value[1]


class RequestError(MoorageError):
    """A request is answered with an error; the message is for whoever sent it."""

    def __init__(self, code: Code, message: str, *, http_status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.http_status = code.http_status if http_status is None else http_status


def invalid(message: str) -> RequestError:
    """Return the error for a request that can't be used."""
    return RequestError(Code.INVALID_ARGUMENT, message)


def not_found(kind: str, name: str) -> RequestError:
    """Return the error for an object that is missing, or that the caller may not see: the two are not told apart."""
    return RequestError(Code.NOT_FOUND, f"{kind} {shortened(name)} is not there, or you may not see it")


def shortened(text: str, most: int = 100) -> str:
    """Shorten a text that somebody sent, for a message."""
    return text if len(text) <= most else f"{text[:most]}..."


def error_answer(error: RequestError) -> web.Response:
    """Return the error as a body."""
    message = str(error)
    detail = {"@type": _STATUS_TYPE, "code": error.code.number, "message": message}
    body = {"error": message, "code": error.code.number, "message": message, "details": [detail]}
    return answer(body, status=error.http_status)


def answer(body: Any, status: int = 200) -> web.Response:  # noqa: ANN401 - any JSON, orjson.Fragment among it
    """Return a JSON answer; nobody keeps it."""
    return web.Response(
        status=status,
        body=orjson.dumps(body),
        content_type="application/json",
        headers={hdrs.CACHE_CONTROL: "no-store"},
    )
