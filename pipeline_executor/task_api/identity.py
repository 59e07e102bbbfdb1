"""Identification of the calling pod, by the API server's review of its token. Pure."""

import re
from collections.abc import Mapping
from typing import Any, Final

from moorage.grants.question import PodIdentity
from moorage.serving.token_reviews import UnknownCallerError, bound_to, reviewed_user
from pipeline_executor.task_sidecar.exchange import AUDIENCE

_ACCOUNT: Final = re.compile(r"system:serviceaccount:([a-z0-9-]+):([a-z0-9.-]+)")


def pod_of(review: Mapping[str, Any]) -> PodIdentity:
    """Return the pod that a TokenReview's status speaks of, by name and uid.

    Raises:
        UnknownCallerError: it speaks of none.
    """
    user = reviewed_user(review, AUDIENCE)
    account = _ACCOUNT.fullmatch(str(user.get("username") or ""))
    name, uid = bound_to(user, "pod-name"), bound_to(user, "pod-uid")
    if account is None or name is None or uid is None:
        raise UnknownCallerError("the token is bound to no pod: present the one that is projected into the pod")
    return PodIdentity(account[1], name, uid)
