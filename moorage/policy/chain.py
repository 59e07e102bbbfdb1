"""Asks the rules in order. The first that refuses decides."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from moorage.model import Dataset, DatasetRef, Governance, Reader
from moorage.policy.decision import ALLOWED, Decision, Rule
from moorage.policy.join import join
from moorage.policy.rules import ALL_CHECKS, READER_CHECKS, SITE_CHECKS, Check, Question, is_consumer
from moorage.sites import Inventory, Place

Pair = tuple[DatasetRef, Dataset | None]


def effective_purpose(stated: str | None, listed: frozenset[str] | None) -> str | None:
    """Return the purpose that counts: the stated one, if the reader's namespace does not limit purposes or lists it."""
    return stated if stated and (listed is None or stated in listed) else None


def decide(ref: DatasetRef, dataset: Dataset | None, reader: Reader, place: Place, inventory: Inventory) -> Decision:
    """Decide by all rules whether `reader` may read the dataset at `place`. `dataset` is None where there is none."""
    return decide_all(((ref, dataset),), reader, place, inventory)


def decide_all(pairs: Iterable[Pair], reader: Reader, place: Place, inventory: Inventory) -> Decision:
    """Decide by all rules, on their join, whether `reader` may read all the datasets together at `place`."""
    return _decide(sorted(pairs, key=lambda pair: pair[0]), ALL_CHECKS, reader, place, inventory)


def decide_reader(ref: DatasetRef, dataset: Dataset | None, reader: Reader) -> Decision:
    """Decide by the rules that no placement can change whether it makes sense to admit the reader at all."""
    return _decide([(ref, dataset)], READER_CHECKS, reader, None, None)


def decide_transfer(ref: DatasetRef, dataset: Dataset | None, place: Place, inventory: Inventory) -> Decision:
    """Decide by the site rules only whether a copy of the dataset may be brought to `place`."""
    return _decide([(ref, dataset)], SITE_CHECKS, None, place, inventory)


def refusals(
    governances: Mapping[DatasetRef, Governance],
    datasets: Mapping[DatasetRef, Dataset],
    reader: Reader | None,
    place: Place,
    inventory: Inventory,
) -> Iterator[Decision]:
    """Yield the refusals of data that carry `governances`, but none that follows from another; the first decides.

    Args:
        governances: what holds for each dataset in the data, which may be other than the dataset's own.
        datasets: all that are known, with their sources.
        reader: None asks the site rules alone, as for a transfer.
        place: where the data would be.
        inventory: the sites at which a source counts.
    """
    pairs = []
    for ref in sorted(governances):
        dataset = datasets.get(ref)
        pairs.append((ref, None if dataset is None else replace(dataset, governance=governances[ref])))
    return _refusals(pairs, SITE_CHECKS if reader is None else ALL_CHECKS, reader, place, inventory)


def _decide(
    pairs: Sequence[Pair],
    checks: tuple[tuple[Rule, Check], ...],
    reader: Reader | None,
    place: Place | None,
    inventory: Inventory | None,
) -> Decision:
    first = next(_refusals(pairs, checks, reader, place, inventory), ALLOWED)
    if first.rule in {Rule.DATASET_UNKNOWN, Rule.SITE_UNKNOWN}:
        return first
    return next(_absent_memory(pairs, reader, place, inventory), first)


def _absent_memory(
    pairs: Sequence[Pair], reader: Reader | None, place: Place | None, inventory: Inventory | None
) -> Iterator[Decision]:
    """Refuse a place to which no source of an in-memory dataset belongs: nothing is brought between nodes.

    It is asked about datasets, and not about data that went through a pod which read them.
    """
    if place is None or inventory is None:
        return
    for ref, dataset in pairs:
        if dataset is None or not dataset.in_memory:
            continue
        sites = sorted(source.site for source in inventory.sources(dataset))
        if place.site_name not in sites:
            explained = reader is None or is_consumer(ref, dataset.governance, reader)
            named = f"site{'s' if len(sites) > 1 else ''} {', '.join(sites)}" if explained else "certain sites"
            message = (
                f"dataset {ref} is in the memory of the nodes of {named}, and site {place.site_name} has none of it: "
                f"run there, or ask the steward of dataset {ref} to add site {place.site_name} to spec.sources"
            )
            yield Decision.denied(Rule.SITE_UNKNOWN, message, ref)


def _refusals(
    pairs: Sequence[Pair],
    checks: tuple[tuple[Rule, Check], ...],
    reader: Reader | None,
    place: Place | None,
    inventory: Inventory | None,
) -> Iterator[Decision]:
    known: dict[DatasetRef, Governance] = {}
    for ref, dataset in pairs:
        if dataset is None:
            yield Decision.denied(Rule.DATASET_UNKNOWN, unknown(ref), ref)
        else:
            known[ref] = dataset.governance
    if pairs and place is not None and place.site is None:
        problem = place.problem or "its site is not known"
        yield Decision.denied(Rule.SITE_UNKNOWN, f"dataset {pairs[0][0]} can't be read here: {problem}", pairs[0][0])
    for ref, dataset in pairs:
        if inventory is not None and dataset is not None and not inventory.sources(dataset):
            explained = reader is None or is_consumer(ref, dataset.governance, reader)
            yield Decision.denied(Rule.SITE_UNKNOWN, _without_source(dataset, inventory, explained=explained), ref)
    yield from _joined_refusals(known, reader, place, checks)


def decide_joined(
    governances: Mapping[DatasetRef, Governance],
    reader: Reader | None,
    place: Place | None,
    checks: tuple[tuple[Rule, Check], ...] = ALL_CHECKS,
) -> Decision:
    """Return the rules on the join of a map; a refusal names the first dataset that refuses alone by that rule."""
    return next(_joined_refusals(governances, reader, place, checks), ALLOWED)


def _joined_refusals(
    governances: Mapping[DatasetRef, Governance],
    reader: Reader | None,
    place: Place | None,
    checks: tuple[tuple[Rule, Check], ...],
) -> Iterator[Decision]:
    """Yield the datasets that refuse alone, by each rule; where none does, the join's refusal."""
    alone = [Question(ref, governances[ref], reader, place) for ref in sorted(governances)]
    joined = Question(None, join(governances.values()), reader, place, tuple(alone))
    for rule, check in checks:
        refused = False
        for question in alone:
            message = check(question)
            if message is not None:
                refused = True
                yield Decision.denied(rule, message, question.ref)
        message = check(joined) if len(alone) > 1 and not refused else None
        if message is not None:
            yield Decision.denied(rule, message, None)


def unknown(ref: DatasetRef) -> str:
    """Return the sentence that there is no such Dataset."""
    return (
        f"dataset {ref} is not known: check its name, and its namespace "
        f"(label dataset.N.namespace, where it is not the pod's own)"
    )


def _without_source(dataset: Dataset, inventory: Inventory, *, explained: bool) -> str:
    if not explained:
        return f"dataset {dataset.ref} has no usable source at a known site: ask its steward to correct spec.sources"
    named = ", ".join(sorted(source.site or "spec.local" for source in dataset.sources))
    listed = ", ".join(sorted(inventory.sites)) or "none"
    return (
        f"dataset {dataset.ref} has no usable source at a known site (its sources: {named}; known sites: {listed}): "
        "create the Site, or correct spec.sources"
    )
