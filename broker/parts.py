"""The dependencies that the broker's handlers share, and the shape of its answers."""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final, TypeVar

import orjson
from aiohttp import hdrs, web

from broker.claimed import Holdings
from broker.identity import NodeIdentity
from broker.reviewing import KnownReaders
from broker.sightings import Sightings
from broker.site_reads import SiteReads
from broker.vouching import VouchedPods
from moorage.errors import BrokerError
from moorage.kube import Client
from moorage.proving import Prover
from moorage.reading.documents import Bounds
from moorage.recording import Recorder
from moorage.serving.certificates import KeyPair
from moorage.serving.rate_limit import RateLimit
from moorage.serving.token_reviews import TokenReviews, bearer_token
from moorage.watching import Catalogue

# A fill asks every other second, and a node has a few of them.
_POLLS_PER_SECOND: Final = 5.0
_MOST_POLLS: Final = 100.0


@dataclass(frozen=True, slots=True)
class Parts:
    """The dependencies of the broker's handlers.

    Attributes:
        prover: asks where claims lead, as nobody takes that from a status.
        blind_seconds: how long the API server may be out of sight before nothing is decided any more.
        limit: the limit of each node.
        pod_limit: of each pod.
        repository: the repository of the images that serve mounts.
        poll_limit: of each node that fills, so that what it asks of neighbours takes nothing from its mounts.
        readers: whose volumes were granted or reviewed.
        holdings: where claims led when their volumes were granted.
        vouched: the pods for which fills ask.
        site_reads: how often datasets are read at each site.
        sightings: what nodes tell of their copies.
        signer: the authority that node plugins know; None: there is none yet.
    """

    client: Client
    identities: TokenReviews[NodeIdentity]
    catalogue: Catalogue
    prover: Prover
    recorder: Recorder
    blind_seconds: float
    limit: RateLimit
    pod_limit: RateLimit
    repository: str
    sightings: Sightings = field(default_factory=Sightings)
    signer: Callable[[], KeyPair | None] = lambda: None
    readers: KnownReaders = field(default_factory=KnownReaders)
    holdings: Holdings = field(default_factory=Holdings)
    vouched: VouchedPods = field(default_factory=lambda: VouchedPods(time.monotonic))
    site_reads: SiteReads = field(default_factory=lambda: SiteReads(time.monotonic))
    poll_limit: RateLimit = field(default_factory=lambda: RateLimit(_POLLS_PER_SECOND, _MOST_POLLS, time.monotonic))

    def problem(self) -> str | None:
        """Return why nothing can be decided now; None where it can."""
        return self.catalogue.problem(self.blind_seconds)

    def require_sight(self) -> None:
        """Raise where the API server is out of sight: nothing is decided then.

        Raises:
            BrokerError: nothing can be decided now.
        """
        if (problem := self.problem()) is not None:
            raise BrokerError(f"nothing can be decided now: {problem}")


PARTS = web.AppKey("PARTS", Parts)
_Asked = TypeVar("_Asked")


async def asked_of(
    request: web.Request, address: str, bounds: Bounds, read: Callable[[bytes], _Asked]
) -> tuple[NodeIdentity, _Asked]:
    """Authenticate the caller and read the question in the request's body.

    Args:
        request: with a token and a body.
        address: where it comes from.
        bounds: of the body; each path has its own, and the application's is that of the longest.
        read: the body.

    Raises:
        UnknownCallerError: nobody vouches for who asks.
        TooManyReviewsError: nobody can be asked now.
        HTTPRequestEntityTooLarge: the body is too long.
        InputError: it can't be read.
    """
    caller = await request.app[PARTS].identities.of(bearer_token(request), address)
    body = await request.read()
    if len(body) > bounds.most_bytes:
        raise web.HTTPRequestEntityTooLarge(max_size=bounds.most_bytes, actual_size=len(body))
    return caller, read(body)


def admit(limit: RateLimit, key: Hashable, who: str) -> None:
    """Count one request against the rate limits.

    Raises:
        HTTPTooManyRequests: it is one too many.
    """
    if not limit.admits(key):
        raise web.HTTPTooManyRequests(text=f"{who} asks too often; try again later")


def not_cached(what: str) -> BrokerError:
    """Return the error for an object that the informers have not cached yet."""
    return BrokerError(f"{what} is not in the cache yet")


def say(status: int, message: str) -> web.Response:
    """Return an answer that is one sentence."""
    return answer_json(status, {"message": message})


def answer_json(status: int, body: object) -> web.Response:
    """Return an answer that nobody keeps."""
    return web.Response(
        status=status,
        body=orjson.dumps(body),
        content_type="application/json",
        headers={hdrs.CACHE_CONTROL: "no-store"},
    )
