"""Answers a DatasetAccessReview that names no Dataset: which ones may this account read, and where?

It tells what the account would learn by asking for each Dataset by its name: only Datasets whose consumers it is one
of, the Sites that permit it, and what a refusal would say where none does. Pure, but for the pauses in which the event
loop answers others.
"""

import asyncio
import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any, Final

from moorage import policy
from moorage.kube.reflector import Key
from moorage.model import Dataset, Reader
from moorage.reading.fields import Fields
from moorage.sites import Inventory
from webhook.review import Review

MOST_FOUND: Final = 32
"""Datasets in one answer."""
MOST_SITES: Final = 16
"""Sites that a Dataset is decided for: those that hold it first."""
SLICE: Final = 256
"""Datasets that are looked at before others have the event loop."""
_LONGEST_MESSAGE = 1024

Raw = dict[str, Any]
Datasets = Mapping[Key, Dataset | None]


@dataclass(frozen=True, slots=True)
class Search:
    """A search for readable Datasets: the account, and the key (namespace and name) that the answer starts after."""

    namespace: str
    service_account: str
    stated_purpose: str | None
    after: Key


def read_search(review: Review) -> Search | None:
    """Read the question; None where the review names Datasets.

    Raises:
        InputError: it can't be read.
    """
    spec = Fields(review.subject, "", review.object).sub("spec")
    if spec is None or spec.value("datasets") is not None:
        return None
    namespace, slash, name = (spec.text("after") or "/").partition("/")
    if not slash:
        spec.fail("after", "must be a Dataset's namespace/name, as status.after of the answer before")
    account = spec.text("serviceAccount") or "default"
    return Search(review.namespace, account, spec.text("purpose"), (namespace, name))


async def answer(search: Search, listed_purposes: frozenset[str] | None, known: Datasets, inventory: Inventory) -> Raw:
    """Return the status: Datasets by namespace and name.

    Where there are more, it says after which the next answer begins: the last one of this answer, never one that the
    account has not found. So `after` tells nothing, and whoever makes one up learns nothing by it.
    """
    purpose = policy.effective_purpose(search.stated_purpose, listed_purposes)
    reader = Reader(search.namespace, search.service_account, purpose)
    first = await _first_found(search.after, reader, known)
    found: list[Raw] = []
    for _, dataset in first[:MOST_FOUND]:
        found.append(_entry(dataset, reader, inventory))
        await asyncio.sleep(0)
    status: Raw = {"allowed": any(entry.get("sites") for entry in found), "datasets": found}
    return {**status, "after": "/".join(first[MOST_FOUND - 1][0])} if len(first) > MOST_FOUND else status


async def _first_found(after: Key, reader: Reader, known: Datasets) -> list[tuple[Key, Dataset]]:
    """Find the first Datasets that the reader may consume, by namespace and name: one more than an answer has."""
    first: list[tuple[Key, Dataset]] = []
    some: list[tuple[Key, Dataset]] = []
    for number, (key, dataset) in enumerate(known.items(), 1):
        if dataset is not None and key > after and _is_found(dataset, reader):
            some.append((key, dataset))
        if number % SLICE == 0:
            first, some = _smallest(first, some), []
            await asyncio.sleep(0)
    return _smallest(first, some)


def _smallest(*found: list[tuple[Key, Dataset]]) -> list[tuple[Key, Dataset]]:
    return heapq.nsmallest(MOST_FOUND + 1, chain.from_iterable(found), key=itemgetter(0))


def _is_found(dataset: Dataset, reader: Reader) -> bool:
    return not dataset.deleting and policy.is_consumer(dataset.ref, dataset.governance, reader)


def _entry(dataset: Dataset, reader: Reader, inventory: Inventory) -> Raw:
    entry: Raw = {"namespace": dataset.ref.namespace, "name": dataset.ref.name}
    general = policy.decide_reader(dataset.ref, dataset, reader)
    if not general.allowed:
        return {**entry, **_told(general)}
    if len(inventory.sites) > MOST_SITES:
        entry["more"] = len(inventory.sites) - MOST_SITES
    sites, refusal = _decided(dataset, reader, inventory)
    return {**entry, "sites": sites} if sites else {**entry, **_told(refusal)}


def _told(refusal: policy.Decision | None) -> Raw:
    if refusal is None:
        return {"message": "there is no Site: ask the platform to create one"}
    rule = {} if refusal.rule is None else {"rule": refusal.rule.value}
    return {**rule, "message": refusal.message[:_LONGEST_MESSAGE]}


def _decided(dataset: Dataset, reader: Reader, inventory: Inventory) -> tuple[list[str], policy.Decision | None]:
    """Return the Sites that permit the reader, and the first refusal."""
    near = {source.site for source in inventory.sources(dataset)}
    names = heapq.nsmallest(MOST_SITES, inventory.sites, key=lambda name: (name not in near, name))
    permitted: list[str] = []
    refusal: policy.Decision | None = None
    for name in names:
        decision = policy.decide(dataset.ref, dataset, reader, inventory.place(name), inventory)
        if decision.allowed:
            permitted.append(name)
        else:
            refusal = refusal or decision
    return sorted(permitted), refusal
