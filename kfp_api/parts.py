"""The dependencies of the handlers, and the checks that begin each of them: caller, namespace, permission."""

from dataclasses import dataclass, field
from typing import Final, TypeVar

from aiohttp import web

from kfp_api.answers import Code, RequestError, invalid, not_found, shortened
from kfp_api.catalogue import Catalogue
from kfp_api.compilers import Compilers
from kfp_api.identity import Caller, Callers
from kfp_api.index import Index
from kfp_api.objects import is_label_value
from kfp_api.records import Kept
from kfp_api.specs import Specs
from moorage.kube import Client
from moorage.reading.fields import DNS_LABEL
from moorage.serving.rate_limit import RateLimit
from moorage.serving.slots import Slots
from moorage.stores import SiteStores

R = TypeVar("R", bound=Kept)

_MOST_TRIED: Final = 8
"""Namespaces in which an id is looked for. Ids of runs can be chosen: another tenant may choose the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The dependencies of the handlers.

    Attributes:
        namespaces: that are served; empty: all.
        blind_seconds: how long the API server may be out of sight before nothing is answered any more.
        package_bytes: of an upload or a request.
        reads: how often one caller may ask.
        writes: how often one caller may change something.
        stores: of the Sites, for logs; None: logs are not served.
        readers: of logs.
    """

    client: Client
    callers: Callers
    catalogue: Catalogue
    compilers: Compilers
    specs: Specs
    namespaces: tuple[str, ...]
    blind_seconds: float
    package_bytes: int
    reads: RateLimit
    writes: RateLimit
    stores: SiteStores | None = None
    readers: Slots = field(default_factory=lambda: Slots(most=64, most_of_one=8))

    def problem(self) -> str | None:
        """Return why nothing can be answered now; None where it can."""
        return self.catalogue.problem(self.blind_seconds)

    @property
    def multi_user(self) -> bool:
        """Whether requests have to name a namespace."""
        return len(self.namespaces) != 1

    def namespace(self, given: str | None) -> str:
        """Return the namespace that a request means.

        Raises:
            RequestError: it is not served here, or none is named where one must be.
        """
        if not given:
            if self.multi_user:
                raise invalid("namespace: must be given, because this server serves several")
            return self.namespaces[0]
        if not DNS_LABEL.fullmatch(given) or (self.namespaces and given not in self.namespaces):
            raise invalid(f"namespace: {shortened(given)} is not served here")
        return given


PARTS = web.AppKey("PARTS", Parts)
CALLER: Final = "caller"


def caller_of(request: web.Request) -> Caller:
    """Return the caller, whom the application has authenticated."""
    caller: Caller = request[CALLER]
    return caller


async def authorize(request: web.Request, verb: str, namespace: str) -> None:
    """Go on only where the caller may do that in the namespace.

    Raises:
        RequestError: not so.
        KubeError: the API server did not answer.
    """
    caller = caller_of(request)
    if not await request.app[PARTS].callers.may(caller, verb, namespace):
        raise _forbidden(caller, verb, namespace)


async def find(  # noqa: PLR0913 - each says another thing
    request: web.Request, index: Index[R], kind: str, identity: str, verb: str, *, subresource: str = ""
) -> R:
    """Find the one with this id among those with which the caller may do that.

    Raises:
        RequestError: there is none. Where there is one that the caller may not even see, it says the same.
        KubeError: the API server did not answer.
    """
    callers, caller = request.app[PARTS].callers, caller_of(request)
    forbidden: R | None = None
    for record in index.find(identity)[:_MOST_TRIED] if is_label_value(identity) else ():
        if await callers.may(caller, verb, record.namespace, subresource):
            return record
        if (verb, subresource) != ("get", "") and await callers.may(caller, "get", record.namespace):
            forbidden = forbidden or record
    if forbidden is not None:
        raise _forbidden(caller, verb, forbidden.namespace, subresource)
    raise not_found(kind, identity)


def _forbidden(caller: Caller, verb: str, namespace: str, subresource: str = "") -> RequestError:
    what = f"stretchedpipelines.moorage.dev{f'/{subresource}' if subresource else ''}"
    message = f"{caller.name} may not {verb} {what} in namespace {namespace}: ask its administrator for a role that may"
    return RequestError(Code.PERMISSION_DENIED, message)


async def asked_within(request: web.Request) -> tuple[str, str]:
    """Return the namespace and the experiment, "" for any, that a list is asked of; the caller may list there.

    Raises:
        RequestError: the caller may not, or there is no such experiment.
        KubeError: the API server did not answer.
    """
    parts, experiment_id = request.app[PARTS], request.query.get("experiment_id", "")
    given = request.query.get("namespace")
    if experiment_id and not given and parts.multi_user:
        experiment = await find(request, parts.catalogue.experiments, "experiment", experiment_id, "list")
        given = experiment.namespace
    namespace = parts.namespace(given)
    await authorize(request, "list", namespace)
    return namespace, experiment_id
