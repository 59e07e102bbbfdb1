"""Asks the cluster where a claim leads: two GETs, shared by all who ask at the same time, and briefly remembered."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from moorage.errors import ForbiddenError, NotFoundError, SourceError
from moorage.kube import Client, RawObject, Resource
from moorage.model import Dataset, Node, Source
from moorage.proving.table import CLAIMS
from moorage.sources.claimed import ClaimedSource, Place, bound_name, check_owned, is_object_name
from moorage.sources.reasons import Reason

REMEMBERED_SECONDS: Final = 10.0
"""How long a place counts that was proven."""
REFUSED_SECONDS: Final = 2.0
"""How long one counts that was not, so that pods that wait cause no storm."""
MOST_REMEMBERED: Final = 1024

_Key: TypeAlias = tuple[str, str, ClaimedSource]


@dataclass(frozen=True, slots=True)
class Proven:
    """A Dataset whose claims lead somewhere.

    Attributes:
        dataset: each claim that was proven is in it as what it leads to; the others are claims still.
        problems: why those are not, as a sentence, by their site.
    """

    dataset: Dataset
    problems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Answer:
    found: Place | SourceError
    until: float


class Prover:
    """Proves where claims lead.

    Args:
        client: the API server; needs `get` of claims and of what they are bound to, and nothing more.
        seconds: how long both GETs may take; None: as long as the client lets them.
        clock: seconds, never going back.
    """

    def __init__(
        self, client: Client, *, seconds: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._seconds = seconds
        self._clock = clock
        self._answers: OrderedDict[_Key, _Answer] = OrderedDict()
        self._asking: dict[_Key, asyncio.Task[Place | SourceError]] = {}

    async def proven(self, dataset: Dataset, node: Node | None = None, *, to_tell: bool = False) -> Proven:
        """The Dataset with the places that its claims lead to now.

        Args:
            dataset: of its namespace the claims are.
            node: where the place is to be mounted; a volume that is on other nodes leads nowhere there.
            to_tell: whether only those are asked for that pods are told.

        Raises:
            KubeError: the API server did not answer.
            TimeoutError: not in time.
        """
        if not any(isinstance(source.location, ClaimedSource) for source in dataset.sources):
            return Proven(dataset)
        sources: list[Source] = []
        problems: dict[str, str] = {}
        for source in dataset.sources:
            claimed, proven = source.location, source
            if isinstance(claimed, ClaimedSource) and (claimed.abilities.handed_out or not to_tell):
                try:
                    place = await self.place(dataset.ref.namespace, claimed, dataset.uid)
                    _check_node(claimed, place, node)
                except SourceError as error:
                    problems[source.site] = f"{error.reason}: {error}"
                else:
                    proven = replace(source, location=place.location, declared=claimed)
            sources.append(proven)
        return Proven(replace(dataset, sources=tuple(sources)), problems)

    async def place(self, namespace: str, source: ClaimedSource, dataset_uid: str = "") -> Place:
        """Where a claim of the namespace leads. What was proven for a Dataset counts for no later one of its name.

        Raises:
            SourceError: ClaimNotFound, ClaimNotBound, ClaimForbidden, ClaimElsewhere, ClaimNotServed.
            KubeError: the API server did not answer.
            TimeoutError: not in time.
        """
        key = dataset_uid, namespace, source
        known = self._answers.get(key)
        if known is None or known.until <= self._clock():
            task = self._asking.get(key)
            if task is None:
                task = self._asking[key] = asyncio.create_task(self._ask(namespace, source))
                task.add_done_callback(lambda done: self._asked(key, done))
            found = await asyncio.shield(task)
        else:
            found = known.found
        if isinstance(found, SourceError):
            # Another instance for each who is told: whoever catches one may raise it on.
            raise SourceError(found.reason, str(found))
        return found

    def _asked(self, key: _Key, done: "asyncio.Task[Place | SourceError]") -> None:
        self._asking.pop(key, None)
        if done.cancelled() or done.exception() is not None:
            return  # who waits is told; nothing is known
        found = done.result()
        seconds = REFUSED_SECONDS if isinstance(found, SourceError) else REMEMBERED_SECONDS
        self._answers[key] = _Answer(found, self._clock() + seconds)
        self._answers.move_to_end(key)
        while len(self._answers) > MOST_REMEMBERED:
            self._answers.popitem(last=False)

    async def _ask(self, namespace: str, source: ClaimedSource) -> Place | SourceError:
        try:
            async with asyncio.timeout(self._seconds):
                return await self._prove(namespace, source)
        except SourceError as error:
            return error

    async def _prove(self, namespace: str, source: ClaimedSource) -> Place:
        kinds = CLAIMS[type(source)]
        subject = kinds.claim.describe(namespace, source.claim)
        if not is_object_name(source.claim):
            problem = f"{subject}: is not a name that there can be: correct {source.kind}"
            raise SourceError(Reason.CLAIM_NOT_FOUND, problem)
        claim = await self._get(kinds.claim, source.claim, namespace)
        if claim is None:
            raise SourceError(Reason.CLAIM_NOT_FOUND, f"{subject}: does not exist: create it, or correct {source.kind}")
        name = bound_name(source, subject, claim)
        about = kinds.owned.describe(name=name)
        owned = await self._get(kinds.owned, name)
        if owned is None:
            problem = f"{subject} is bound to {about}, which does not exist: create the claim again"
            raise SourceError(Reason.CLAIM_NOT_BOUND, problem)
        check_owned(subject, claim, about, owned)
        return source.place(about, owned)

    async def _get(self, resource: Resource, name: str, namespace: str = "") -> RawObject | None:
        try:
            return await self._client.get(resource, name, namespace)
        except NotFoundError as error:
            if error.reason == "NotFound":
                return None
            kind = f"{resource.plural}.{resource.group}" if resource.group else resource.plural
            provider = next(each.provider for each in CLAIMS.values() if resource in {each.claim, each.owned})
            problem = f"this cluster has no {kind}: install what provides them ({provider}), or give another source"
            raise SourceError(Reason.CLAIM_NOT_FOUND, problem) from None
        except ForbiddenError:
            where = f" in namespace {namespace}" if namespace else ""
            problem = f"Moorage may not read it: let its service account get {resource.plural}{where}"
            raise SourceError(Reason.CLAIM_FORBIDDEN, f"{resource.describe(namespace, name)}: {problem}") from None


def _check_node(source: ClaimedSource, place: Place, node: Node | None) -> None:
    """The same path on another node is other data."""
    if node is not None and not place.nodes.match(node.name, node.labels):
        problem = f"the volume of {source.words} is on other nodes than {node.name}"
        remedy = "give the pod the node affinity that the PersistentVolume has"
        raise SourceError(Reason.CLAIM_NOT_SERVED, f"{problem}: {remedy}")
