"""Whose token this is: asked of the API server, and remembered for seconds."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from moorage.errors import MoorageError
from moorage.kube import Client
from moorage.serving.rate_limit import RateLimit

NODE_NAME = "authentication.kubernetes.io/node-name"
LONGEST_TOKEN = 16 * 1024
_MOST_REMEMBERED = 4096
# Garbage tokens must not be able to keep the API server busy. Behind a Service all nodes may share one address.
_REVIEWS_PER_SECOND = 100.0
_REVIEWS_AT_ONCE = 300.0


class UnknownCallerError(MoorageError):
    """The token is none of a node plugin; the message says why."""


class TooManyReviewsError(MoorageError):
    """Too many unknown tokens come from one address."""


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """A node plugin, as the API server vouches for it."""

    account: str
    node: str


def identity_of(review: Mapping[str, Any], audience: str, account: str) -> NodeIdentity:
    """The node plugin that a TokenReview's status speaks of. Pure.

    Args:
        review: the status.
        audience: ours.
        account: the only service account that is served, as `namespace/name`.

    Raises:
        UnknownCallerError: it speaks of none.
    """
    if not review.get("authenticated"):
        raise UnknownCallerError("the token is not valid, or not meant for this broker")
    if audience not in (review.get("audiences") or ()):
        raise UnknownCallerError(f"the token is not meant for {audience}")
    user = review.get("user") or {}
    wanted = "system:serviceaccount:" + account.replace("/", ":")
    if user.get("username") != wanted:
        raise UnknownCallerError("the token is not the node plugin's: only its service account is served")
    nodes = (user.get("extra") or {}).get(NODE_NAME) or []
    if len(nodes) != 1 or not nodes[0]:
        raise UnknownCallerError("the token is bound to no node: it must be a projected one of the node plugin's pod")
    return NodeIdentity(account, str(nodes[0]))


class Identities:
    """Answers whose token one is. Only hashes of tokens are kept.

    Args:
        client: the API server.
        audience: ours.
        account: the node plugin's, `namespace/name`.
        seconds: how long an answer is remembered.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        client: Client,
        audience: str,
        account: str,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._audience = audience
        self._account = account
        self._seconds = seconds
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[float, NodeIdentity | str]] = OrderedDict()
        self._limit = RateLimit(_REVIEWS_PER_SECOND, _REVIEWS_AT_ONCE, clock)

    async def of(self, token: str, address: str) -> NodeIdentity:
        """The node plugin whose token this is.

        Args:
            token: as it was presented.
            address: where it comes from.

        Raises:
            UnknownCallerError: it is none's.
            TooManyReviewsError: that address presents too many.
            KubeError: the API server did not answer.
        """
        if not token or len(token) > LONGEST_TOKEN:
            raise UnknownCallerError("present the node plugin's token: Authorization: Bearer ...")
        digest = hashlib.sha256(token.encode()).digest()
        known = self._known.get(digest)
        if known is None or known[0] <= self._clock():
            if not self._limit.admits(address):
                raise TooManyReviewsError("too many tokens from this address; ask again later")
            known = self._clock() + self._seconds, await self._review(token)
            self._known[digest] = known
            self._known.move_to_end(digest)
            if len(self._known) > _MOST_REMEMBERED:
                self._known.popitem(last=False)
        if isinstance(known[1], str):
            raise UnknownCallerError(known[1])
        return known[1]

    async def _review(self, token: str) -> NodeIdentity | str:
        try:
            return identity_of(await self._client.review_token(token, [self._audience]), self._audience, self._account)
        except UnknownCallerError as error:
            return str(error)
