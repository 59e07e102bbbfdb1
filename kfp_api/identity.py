"""Authentication and authorization of callers: the API server decides, and its answers are cached for seconds."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from kfp_api.answers import Code, RequestError
from moorage.kube import STRETCHED_PIPELINES, Client
from moorage.serving.token_reviews import TokenReviews, TooManyReviewsError, UnknownCallerError, reviewed_user

_MOST_REMEMBERED: Final = 8192
_REVIEWS: Final = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_STRANGER: Final = "present a token that this cluster's API server knows: Authorization: Bearer ..."


@dataclass(frozen=True, slots=True)
class Caller:
    """A person or an account, as the API server vouches for it.

    Attributes:
        name: as `system:serviceaccount:research:notebook`.
        key: a digest of all that it was vouched with.
        spec: its part of a SubjectAccessReview.
    """

    name: str
    key: bytes
    spec: Mapping[str, Any]


NOBODY = Caller("", b"", {})
"""The caller where no token is asked for."""


class Callers:
    """The authenticator and authorizer that asks the API server.

    Args:
        client: a client of the API server.
        audience: whom tokens must be meant for; "" for the API server itself.
        seconds: how long an answer is remembered; what is revoked is honoured so long.
        clock: seconds, monotonic.
    """

    def __init__(
        self, client: Client, audience: str, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._seconds = seconds
        self._clock = clock
        self._tokens = TokenReviews(client, audience, lambda review: caller_in(review, audience), seconds, clock)
        self._rights: OrderedDict[tuple[bytes, str, str, str], tuple[float, bool]] = OrderedDict()

    async def of(self, token: str, address: str) -> Caller:
        """Authenticate a token.

        Raises:
            RequestError: nobody's that the API server knows, or too many such tokens come from there.
            KubeError: the API server did not answer.
        """
        try:
            return await self._tokens.of(token, address)
        except UnknownCallerError:
            raise RequestError(Code.UNAUTHENTICATED, _STRANGER) from None
        except TooManyReviewsError as error:
            raise RequestError(Code.RESOURCE_EXHAUSTED, str(error)) from None

    async def may(self, caller: Caller, verb: str, namespace: str, subresource: str = "") -> bool:
        """Return whether the caller may use the verb on StretchedPipelines of the namespace, or on their subresource.

        Raises:
            KubeError: the API server did not answer.
        """
        asked = caller.key, verb, namespace, subresource
        known = self._rights.get(asked)
        if known is None or known[0] <= self._clock():
            known = self._clock() + self._seconds, await self._review(caller, verb, namespace, subresource)
            self._rights[asked] = known
            self._rights.move_to_end(asked)
            if len(self._rights) > _MOST_REMEMBERED:
                self._rights.popitem(last=False)
        return known[1]

    async def _review(self, caller: Caller, verb: str, namespace: str, subresource: str) -> bool:
        resource = {
            "namespace": namespace,
            "verb": verb,
            "group": STRETCHED_PIPELINES.group,
            "resource": STRETCHED_PIPELINES.plural,
            "subresource": subresource,
        }
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {**caller.spec, "resourceAttributes": resource},
        }
        answer = await self._client.request("POST", _REVIEWS, action="review access", body=body)
        return (answer.get("status") or {}).get("allowed") is True


class Anybody(Callers):
    """An authorizer that lets everybody do everything, for one person's machine."""

    async def of(self, token: str, address: str) -> Caller:  # noqa: ARG002 - as its base
        """Return a caller for nobody in particular."""
        return NOBODY

    async def may(  # as its base
        self,
        caller: Caller,  # noqa: ARG002
        verb: str,  # noqa: ARG002
        namespace: str,  # noqa: ARG002
        subresource: str = "",  # noqa: ARG002
    ) -> bool:
        """Permit everything, where authentication is off."""
        return True


def caller_in(review: Mapping[str, Any], audience: str) -> Caller:
    """Read the caller from a TokenReview's status. Pure.

    Raises:
        UnknownCallerError: nobody.
    """
    user = reviewed_user(review, audience)
    name = user.get("username")
    if not isinstance(name, str) or not name:
        raise UnknownCallerError("the token is nobody's")
    spec = {
        "user": name,
        "uid": user.get("uid") or "",
        "groups": user.get("groups") or [],
        "extra": user.get("extra") or {},
    }
    return Caller(name, hashlib.sha256(repr(spec).encode("utf-8", "backslashreplace")).digest(), spec)
