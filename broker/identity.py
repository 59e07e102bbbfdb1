"""Authentication: reads from a TokenReview which node plugin calls. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moorage.serving.token_reviews import UnknownCallerError, bound_to, reviewed_user


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """A node plugin, as the API server vouches for it."""

    account: str
    node: str


def identity_of(review: Mapping[str, Any], audience: str, account: str) -> NodeIdentity:
    """Return the node plugin that a TokenReview's status speaks of.

    Args:
        review: the status.
        audience: ours.
        account: the only service account that is served, as `namespace/name`.

    Raises:
        UnknownCallerError: it speaks of none.
    """
    user = reviewed_user(review, audience)
    if user.get("username") != "system:serviceaccount:" + account.replace("/", ":"):
        raise UnknownCallerError("the token is not the node plugin's: only its service account is served")
    node = bound_to(user, "node-name")
    if node is None:
        raise UnknownCallerError("the token is bound to no node: it must be a projected token of the node plugin's pod")
    return NodeIdentity(account, node)
