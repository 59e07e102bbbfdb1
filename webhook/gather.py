"""The facts gathered for one review, from the informers' caches.

A review costs no call to the API server, except one GET where a Dataset is not in the cache: it may be younger than the
watch. A miss is cached briefly, so misspelt pods do not cause a storm of GETs. Where a pod is told a place that a claim
leads to, two GETs prove it, and are remembered for some seconds.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from moorage import policy, wire
from moorage.errors import InputError, NotFoundError, UnreachableError
from moorage.kube import DATASETS, Client, RawObject
from moorage.kube.reflector import Key
from moorage.model import Dataset, DatasetRef, DatasetStatus, Reader, UseAs
from moorage.policy import ALLOWED, Decision
from moorage.proving import Prover
from moorage.sites import DIVERGED, Inventory
from moorage.watching import Catalogue, without_commands
from webhook.environment import may_be_handed_out
from webhook.mutate import Facts, PodRequest, make_reader

ABSENT_SECONDS = 2.0
MOST_ABSENT = 4096
MOST_PLACEMENTS = 4096


def read_for_admission(raw: RawObject) -> Dataset:
    """Read a Dataset without what admission never asks for: most of the status, and keys that somebody wrote into it.

    So a status that is written again and again changes nothing here, and no secret is in our memory.

    Raises:
        InputError: naming the object, the field and the remedy.
    """
    dataset = wire.read_dataset(raw)
    diverged = tuple(replace(source, message="") for source in dataset.status.sources if source.reason == DIVERGED)
    return replace(
        dataset,
        sources=tuple(replace(source, location=source.location.without_keys()) for source in dataset.sources),
        governance=without_commands(dataset.governance),
        status=DatasetStatus(problem=dataset.status.problem, sources=diverged, claimed=dataset.status.claimed),
        generation=0,
    )


class Gatherer:
    """The informers of admission, and what it gathers from them, while its `async with` block runs.

    Args:
        client: the API server.
        lookup_seconds: how long a GET may take.
        clock: seconds, never going back.
    """

    def __init__(
        self, client: Client, *, lookup_seconds: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._lookup_seconds = lookup_seconds
        self._clock = clock
        self._catalogue = Catalogue(client, project=read_for_admission)
        self._prover = Prover(client, seconds=lookup_seconds, clock=clock)
        self._absent_until: OrderedDict[DatasetRef, float] = OrderedDict()
        self._asking: dict[DatasetRef, asyncio.Task[Dataset | None]] = {}
        self._placements: OrderedDict[object, tuple[Inventory, Sequence[Dataset], Decision]] = OrderedDict()

    async def __aenter__(self) -> Self:
        await self._catalogue.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._catalogue.__aexit__(kind, error, trace)

    def missing(self) -> str | None:
        """Return the caches that are not complete yet, in words; None once all are."""
        return self._catalogue.missing()

    @property
    def inventory(self) -> Inventory:
        """All sites as they are now."""
        return self._catalogue.inventory()

    @property
    def known(self) -> Mapping[Key, Dataset | None]:
        """All Datasets that can be read, by namespace and name."""
        return self._catalogue.datasets.snapshot()

    def purposes(self, namespace: str) -> frozenset[str] | None:
        """Return the purposes that the namespace lists; None where it lists none."""
        terms = self._catalogue.namespace(namespace)
        return None if terms is None else terms.purposes

    def defaults(self, namespace: str) -> Mapping[str, str] | None:
        """Return the labels that a namespace gives to its pods, not checked yet; None where it gives none."""
        terms = self._catalogue.namespace(namespace)
        return None if terms is None else terms.defaults

    def find(self, ref: DatasetRef) -> Dataset | None:
        """Find the Dataset, where it is in the cache and can be read; nothing is asked of the API server."""
        return self._catalogue.dataset(ref)

    async def gather(self, request: PodRequest) -> Facts:
        """Return everything that is asked about one pod.

        Raises:
            KubeError: a Dataset is not in the cache, or has a claim, and the API server could not be asked for it.
        """
        datasets: dict[DatasetRef, Dataset | None] = {}
        unreadable: dict[DatasetRef, str] = {}
        known = self._catalogue.datasets.snapshot()
        for ref in sorted(use.ref for use in request.usage.reading):
            if (problem := self._catalogue.unreadable(ref)) is not None:
                unreadable[ref] = str(problem)
                continue
            key = (ref.namespace, ref.name)
            try:
                datasets[ref] = known[key] if key in known else await self._look_up(ref)
            except InputError as error:
                unreadable[ref] = str(error)
            if datasets.get(ref) is None:  # one that is missing decides; no GET for the others
                break
        purposes = self.purposes(request.namespace)
        placement = self._placement(datasets, make_reader(request, purposes))
        unproven = await self._prove(request, datasets)
        return Facts(datasets, unreadable, purposes, placement, unproven)

    async def _prove(self, request: PodRequest, datasets: dict[DatasetRef, Dataset | None]) -> Mapping[DatasetRef, str]:
        """Put the places that claims lead to into the Datasets whose place the pod is told; why not, of the others."""
        unproven: dict[DatasetRef, str] = {}
        for use in request.usage.uses:
            dataset = datasets.get(use.ref)
            if (
                dataset is None
                or UseAs.CONFIGMAP not in use.use_as
                or not may_be_handed_out(dataset, request.namespace)
            ):
                continue
            try:
                proven = await self._prover.proven(dataset, to_tell=True)
            except TimeoutError:
                problem = f"no answer within {self._lookup_seconds:g} s"
                raise UnreachableError(f"get what dataset {use.ref} claims: {problem}") from None
            datasets[use.ref] = proven.dataset
            if proven.problems:
                unproven[use.ref] = next(iter(proven.problems.values()))
        return unproven

    # --- a miss of the cache ---

    async def _look_up(self, ref: DatasetRef) -> Dataset | None:
        """Ask the API server, once for all who ask at the same time."""
        if self._absent_until.get(ref, 0.0) > self._clock():
            return None
        task = self._asking.get(ref)
        if task is None:
            task = asyncio.create_task(self._get(ref))
            self._asking[ref] = task
            task.add_done_callback(lambda _: self._asking.pop(ref, None))
        return await asyncio.shield(task)

    async def _get(self, ref: DatasetRef) -> Dataset | None:
        try:
            async with asyncio.timeout(self._lookup_seconds):
                raw = await self._client.get(DATASETS, ref.name, ref.namespace)
        except NotFoundError:
            self._absent_until[ref] = self._clock() + ABSENT_SECONDS
            self._absent_until.move_to_end(ref)
            while len(self._absent_until) > MOST_ABSENT:
                self._absent_until.popitem(last=False)
            return None
        except TimeoutError:
            raise UnreachableError(f"get Dataset {ref}: no answer within {self._lookup_seconds:g} s") from None
        return read_for_admission(raw)

    # --- where it could run ---

    def _placement(self, datasets: Mapping[DatasetRef, Dataset | None], reader: Reader) -> Decision:
        """ALLOWED where some site permits, else the first refusal; remembered until a site or a dataset changes."""
        known = [dataset for dataset in datasets.values() if dataset is not None]
        if not known or len(known) != len(datasets):
            return ALLOWED  # another refusal comes first
        inventory = self.inventory
        key = (reader, tuple(datasets))
        before = self._placements.get(key)
        if (
            before is not None
            and before[0] is inventory
            and all(old is new for old, new in zip(before[1], known, strict=True))
        ):
            return before[2]
        decision = _first_place(known, reader, inventory)
        self._placements[key] = (inventory, known, decision)
        self._placements.move_to_end(key)
        if len(self._placements) > MOST_PLACEMENTS:
            self._placements.popitem(last=False)
        return decision


def _first_place(datasets: Sequence[Dataset], reader: Reader, inventory: Inventory) -> Decision:
    """Ask site by site, those that hold the data first, until one permits."""
    near = {source.site for dataset in datasets for source in inventory.sources(dataset)}
    pairs = [(dataset.ref, dataset) for dataset in datasets]
    first: Decision | None = None
    for name in sorted(inventory.sites, key=lambda name: (name not in near, name)):
        decision = policy.decide_all(pairs, reader, inventory.place(name), inventory)
        if decision.allowed:
            return decision
        first = first or decision
    if first is None:
        first = policy.decide_all(pairs, reader, inventory.place("(none)"), inventory)
    return first
