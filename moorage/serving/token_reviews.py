"""Authentication: asks the API server whose service account token this is (TokenReview), and caches the answer.

What an identity is, and whom one serves, differs from server to server: each brings a function that reads it from the
review. Only hashes of tokens are kept.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from aiohttp import hdrs, web

from moorage.errors import MoorageError
from moorage.kube import Client
from moorage.serving.rate_limit import RateLimit

Identity = TypeVar("Identity")

LONGEST_TOKEN = 16 * 1024
_MOST_REMEMBERED = 4096
# Garbage tokens must not be able to keep the API server busy. Behind a Service all callers may share one address.
_REVIEWS_PER_SECOND = 100.0
_REVIEWS_AT_ONCE = 300.0


class UnknownCallerError(MoorageError):
    """The token is none of those that are served; the message says why."""


class TooManyReviewsError(MoorageError):
    """Too many unknown tokens come from one address."""


def reviewed_user(review: Mapping[str, Any], audience: str) -> Mapping[str, Any]:
    """Return the user that a TokenReview's status vouches for: `username`, `uid`, `groups`, `extra`. Pure.

    Args:
        review: the status.
        audience: ours; "" for the API server's own.

    Raises:
        UnknownCallerError: the token is not valid, or meant for somebody else.
    """
    if not review.get("authenticated"):
        raise UnknownCallerError(f"the token is not valid, or not meant for {audience or 'the API server'}")
    if audience and audience not in (review.get("audiences") or ()):
        raise UnknownCallerError(f"the token is not meant for {audience}")
    user: Mapping[str, Any] = review.get("user") or {}
    return user


def bound_to(user: Mapping[str, Any], what: str) -> str | None:
    """Return the object that the token is bound to, by `pod-uid` or `node-name`, or None. Pure."""
    values = (user.get("extra") or {}).get(f"authentication.kubernetes.io/{what}") or []
    return str(values[0]) if len(values) == 1 and values[0] else None


def bearer_token(request: web.Request) -> str:
    """Return the token that a request presents; "" for none."""
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


class TokenReviews(Generic[Identity]):
    """A cached authenticator of tokens by TokenReviews.

    Args:
        client: the API server.
        audience: ours; "" for the API server's own.
        identify: the identity that a review's status speaks of; raises `UnknownCallerError`.
        seconds: how long an answer is remembered.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        client: Client,
        audience: str,
        identify: Callable[[Mapping[str, Any]], Identity],
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._audience = audience
        self._identify = identify
        self._seconds = seconds
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[float, Identity | UnknownCallerError]] = OrderedDict()
        self._limit = RateLimit(_REVIEWS_PER_SECOND, _REVIEWS_AT_ONCE, clock)

    async def of(self, token: str, address: str) -> Identity:
        """Authenticate a token.

        Args:
            token: as it was presented.
            address: where it comes from.

        Raises:
            UnknownCallerError: it is none that is served.
            TooManyReviewsError: that address presents too many.
            KubeError: the API server did not answer.
        """
        # No token holds anything else, and what is no character at all can't be sent on.
        if not token or len(token) > LONGEST_TOKEN or not token.isascii():
            raise UnknownCallerError("there is no token: present one as Authorization: Bearer ...")
        digest = hashlib.sha256(token.encode()).digest()
        known = self._known.get(digest)
        if known is None or known[0] <= self._clock():
            if not self._limit.admits(address):
                raise TooManyReviewsError("too many tokens from this address; try again later")
            known = self._clock() + self._seconds, await self._review(token)
            self._known[digest] = known
            self._known.move_to_end(digest)
            if len(self._known) > _MOST_REMEMBERED:
                self._known.popitem(last=False)
        if isinstance(known[1], UnknownCallerError):
            raise UnknownCallerError(str(known[1]))
        return known[1]

    async def _review(self, token: str) -> Identity | UnknownCallerError:
        try:
            return self._identify(await self._client.review_token(token, [self._audience] if self._audience else []))
        except UnknownCallerError as error:
            # Its trace would keep the request's frames alive for as long as it is remembered.
            return error.with_traceback(None)
