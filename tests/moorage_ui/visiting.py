"""Somebody who asks for pages without a browser."""

import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

from tests.world import World


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    text: str
    headers: Message


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 - urllib's own
        """Stay."""


@dataclass(frozen=True)
class Visitor:
    """Asks one server.

    Attributes:
        url: where it is.
        token: shown with each request; "": none.
        ca: whom to trust; None for plain HTTP.
        headers: shown with each request.
    """

    url: str
    token: str = ""
    ca: Path | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Answer:
        """Ask for a page; redirects are not followed."""
        return self.ask("GET", path, None, **headers)

    def ask(self, method: str, path: str, body: bytes | None, **headers: str) -> Answer:
        """Ask."""
        with self._opened(method, path, body, **headers) as answer:
            return Answer(answer.status or 0, answer.read().decode(), answer.headers)

    @contextmanager
    def events(self, path: str) -> Iterator[Iterator[tuple[str, Any]]]:
        """Follow a stream: the names and data of its events."""
        with self._opened("GET", path, None) as answer:
            assert answer.status == 200, answer.read()
            yield _events(answer)

    @contextmanager
    def _opened(self, method: str, path: str, body: bytes | None, **headers: str) -> Iterator[HTTPResponse]:
        sent = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(self.url + path, data=body, method=method, headers=sent)  # noqa: S310
        context = ssl.create_default_context(cafile=self.ca) if self.ca else ssl.create_default_context()
        opener = urllib.request.build_opener(_NoRedirects, urllib.request.HTTPSHandler(context=context))
        try:
            with opener.open(request, timeout=120) as answer:
                yield answer
        except urllib.error.HTTPError as error:
            with error:
                yield error  # type: ignore[misc]


def _events(answer: HTTPResponse) -> Iterator[tuple[str, Any]]:
    name = ""
    for line in answer:
        key, _, value = line.decode().rstrip("\n").partition(": ")
        if key == "event":
            name = value
        elif key == "data":
            yield name, json.loads(value)


def enter(address: str) -> Visitor:
    """Somebody who opens the address that `moorage ui` printed, and keeps the cookie."""
    parts = urllib.parse.urlsplit(address)
    stranger = Visitor(f"{parts.scheme}://{parts.netloc}")
    came = stranger.get(f"{parts.path}?{parts.query}")
    assert came.status == 303, came.text
    cookie = str(came.headers["Set-Cookie"]).partition(";")[0]
    return Visitor(stranger.url, headers={"Cookie": cookie})


def trust(world: World, namespace: str, ca: Path, port: int) -> bool:
    """Write down whom to trust, and say whether the server answers."""
    found = world.kubectl("get", "configmap", "moorage-ui-ca", "-n", namespace, "-o", "json", check=False)
    bundle = (json.loads(found or "{}").get("data") or {}).get("ca.crt", "")
    if not bundle:
        return False
    ca.write_text(bundle)
    with suppress(OSError):
        return Visitor(f"https://127.0.0.1:{port}", ca=ca).get("/readyz").status == 200
    return False
