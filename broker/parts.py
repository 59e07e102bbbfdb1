"""What every answer of the broker is made with, and what answers look like."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import orjson
from aiohttp import hdrs, web

from broker.identity import NodeIdentity
from broker.neighbours import NodeCopies
from broker.reviewing import KnownReaders
from moorage.kube import Client
from moorage.reading.documents import Bounds
from moorage.recording import Recorder
from moorage.serving.certificates import KeyPair
from moorage.serving.rate_limit import RateLimit
from moorage.serving.token_reviews import TokenReviews
from moorage.watching import Catalogue


@dataclass(frozen=True, slots=True)
class Parts:
    """What an answer is made with.

    Attributes:
        blind_seconds: how long the API server may be out of sight before nothing is decided any more.
        limit: of each node.
        pod_limit: of each pod.
        readers: whose volumes were granted or reviewed.
        copies: what nodes tell of theirs.
        signer: the authority that node plugins know; None: there is none yet.
    """

    client: Client
    identities: TokenReviews[NodeIdentity]
    catalogue: Catalogue
    recorder: Recorder
    blind_seconds: float
    limit: RateLimit
    pod_limit: RateLimit
    copies: Callable[[], Collection[NodeCopies]] = tuple
    signer: Callable[[], KeyPair | None] = lambda: None
    readers: KnownReaders = field(default_factory=KnownReaders)

    def problem(self) -> str | None:
        """Why nothing can be decided now; None where it can."""
        return self.catalogue.problem(self.blind_seconds)


PARTS = web.AppKey("PARTS", Parts)


async def body_of(request: web.Request, bounds: Bounds) -> bytes:
    """What was sent; each path has its own limit, and the application's is that of the longest."""
    body = await request.read()
    if len(body) > bounds.most_bytes:
        raise web.HTTPRequestEntityTooLarge(max_size=bounds.most_bytes, actual_size=len(body))
    return body


def say(status: int, message: str) -> web.Response:
    """An answer that is one sentence."""
    return answer_json(status, {"message": message})


def answer_json(status: int, body: object) -> web.Response:
    """An answer that nobody keeps."""
    return web.Response(
        status=status,
        body=orjson.dumps(body),
        content_type="application/json",
        headers={hdrs.CACHE_CONTROL: "no-store"},
    )
