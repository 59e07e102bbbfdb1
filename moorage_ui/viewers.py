"""Viewers and their permissions: every read of an object is made with the viewer's own credentials."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from moorage.errors import KubeError
from moorage.kube import Client, Resource

_REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_WHO: Final = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
_REMEMBERED_SECONDS: Final = 10.0
_MOST_REMEMBERED: Final = 2048
_ACCOUNT: Final = "system:serviceaccount:"


@dataclass(frozen=True, slots=True)
class Right:
    """A right to one verb on a resource, as a role grants it.

    Attributes:
        verb: as `get`.
        subresource: may be one that no API serves, as `log` of a StretchedPipeline: roles name it all the same.
        name: of one object; "": all of them.
    """

    verb: str
    resource: Resource
    namespace: str = ""
    subresource: str = ""
    name: str = ""

    def words(self) -> str:
        """Return the right in words, as in a role."""
        what = f"{self.resource.plural}/{self.subresource}" if self.subresource else self.resource.plural
        place = f" in namespace {self.namespace}" if self.namespace else ""
        return f"{self.verb} {what}.{self.resource.group}{f' {self.name}' if self.name else ''}{place}"


@dataclass(slots=True, eq=False)
class Viewer:
    """A person who looks at the pages.

    Attributes:
        client: the API server, asked as this person.
        name: as the API server knows them.
        namespace: where they look first; "": nowhere in particular.
        clock: seconds, monotonic.
    """

    client: Client
    name: str
    namespace: str = ""
    clock: Callable[[], float] = time.monotonic
    _rights: OrderedDict[Right, tuple[float, bool]] = field(default_factory=OrderedDict)

    @property
    def key(self) -> str:
        """Tells viewers apart, for limits."""
        return hashlib.sha256(self.name.encode("utf-8", "backslashreplace")).hexdigest()

    async def may(self, right: Right) -> bool:
        """Return whether the API server permits this to the viewer; cached for ten seconds.

        Raises:
            KubeError: it did not answer.
        """
        known = self._rights.get(right)
        if known is None or known[0] <= self.clock():
            known = self.clock() + _REMEMBERED_SECONDS, await self._review(right)
            self._rights[right] = known
            self._rights.move_to_end(right)
            if len(self._rights) > _MOST_REMEMBERED:
                self._rights.popitem(last=False)
        return known[1]

    async def _review(self, right: Right) -> bool:
        attributes = {
            "verb": right.verb,
            "group": right.resource.group,
            "resource": right.resource.plural,
            "subresource": right.subresource,
            "namespace": right.namespace,
            "name": right.name,
        }
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {key: value for key, value in attributes.items() if value}},
        }
        answer = await self.client.request("POST", _REVIEWS, action="review access", body=body)
        return (answer.get("status") or {}).get("allowed") is True


async def meet(client: Client, namespace: str = "") -> Viewer:
    """Ask the API server whose credentials a client has.

    Args:
        client: the API server, asked with them.
        namespace: where they look first; "": an account's own.

    Raises:
        KubeError: the API server does not know them, or did not answer.
    """
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    answer = await client.request("POST", _WHO, action="ask who you are", body=body)
    name = str(((answer.get("status") or {}).get("userInfo") or {}).get("username") or "")
    if not name:
        raise KubeError("the API server does not say who you are", status=401)
    own = name.removeprefix(_ACCOUNT).partition(":")[0] if name.startswith(_ACCOUNT) else ""
    return Viewer(client, name, namespace or own)
