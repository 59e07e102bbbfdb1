"""Answers a DatasetAccessReview that names no Dataset: which ones may this account read, and where? Pure.

It tells what the account would learn by asking for each Dataset by its name: only Datasets whose consumers it is one
of, the Sites that permit it, and what a refusal would say where none does.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from moorage import policy
from moorage.kube.reflector import Key
from moorage.model import Dataset, Reader
from moorage.reading.fields import Fields
from moorage.sites import Inventory
from webhook.review import Review

MOST_FOUND: Final = 32
"""Datasets in one answer."""
MOST_LOOKED_AT: Final = 4096
"""Datasets that one question looks at; the answer says where the next one goes on."""
MOST_SITES: Final = 128
"""Sites that a Dataset is decided for: those that hold it first."""
_LONGEST_MESSAGE = 1024

Raw = dict[str, Any]
Datasets = Mapping[Key, Dataset | None]


@dataclass(frozen=True, slots=True)
class Search:
    """Who asks, and after which Dataset, as namespace and name, the answer begins."""

    namespace: str
    service_account: str
    stated_purpose: str | None
    after: Key


def read_search(review: Review) -> Search | None:
    """The question; None where the review names Datasets.

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


def answer(search: Search, listed_purposes: frozenset[str] | None, known: Datasets, inventory: Inventory) -> Raw:
    """The status: Datasets by namespace and name."""
    purpose = policy.effective_purpose(search.stated_purpose, listed_purposes)
    reader = Reader(search.namespace, search.service_account, purpose)
    keys = sorted(key for key in known if key > search.after)
    last = search.after
    found: list[Raw] = []
    for last in keys[:MOST_LOOKED_AT]:
        dataset = known[last]
        if dataset is not None and not dataset.deleting:
            found.extend(_entry(dataset, reader, inventory))
        if len(found) == MOST_FOUND:
            break
    status: Raw = {"allowed": any(entry.get("sites") for entry in found), "datasets": found}
    return {**status, "after": "/".join(last)} if keys and last != keys[-1] else status


def _entry(dataset: Dataset, reader: Reader, inventory: Inventory) -> Iterator[Raw]:
    """The Dataset, where the account is one of its consumers."""
    if not policy.is_consumer(dataset.ref, dataset.governance, reader):
        return
    entry: Raw = {"namespace": dataset.ref.namespace, "name": dataset.ref.name}
    sites, refusal = _decided(dataset, reader, inventory)
    if sites:
        yield {**entry, "sites": sites}
    elif refusal is not None:
        rule = {} if refusal.rule is None else {"rule": refusal.rule.value}
        yield {**entry, **rule, "message": refusal.message[:_LONGEST_MESSAGE]}


def _decided(dataset: Dataset, reader: Reader, inventory: Inventory) -> tuple[list[str], policy.Decision | None]:
    """The Sites that permit the reader, and the first refusal."""
    general = policy.decide_reader(dataset.ref, dataset, reader)
    if not general.allowed:
        return [], general
    near = {source.site for source in inventory.sources(dataset)}
    names = sorted(inventory.sites, key=lambda name: (name not in near, name))
    permitted: list[str] = []
    refusal: policy.Decision | None = None
    for name in islice(names, MOST_SITES):
        decision = policy.decide(dataset.ref, dataset, reader, inventory.place(name), inventory)
        if decision.allowed:
            permitted.append(name)
        else:
            refusal = refusal or decision
    return sorted(permitted), refusal
