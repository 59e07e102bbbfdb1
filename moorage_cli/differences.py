"""What another spec of a Dataset would change for those who read and write it, in sentences. Pure."""

from collections.abc import Iterator
from dataclasses import replace

from moorage.model import Dataset, DatasetStatus, Revocation
from moorage.policy import decide_transfer
from moorage.sites import Inventory
from moorage_cli.sentences import access_sentence, cache_sentence, governance_sentences, revocation_sentence


def differences(before: Dataset | None, after: Dataset, inventory: Inventory | None) -> list[str]:
    """Each difference; none where nothing would change.

    Args:
        before: as it is; None where there is none.
        after: as it would be.
        inventory: the Sites; None where they can't be seen.
    """
    if before is not None and _spec_of(before) == _spec_of(after):
        return []
    old, new = [] if before is None else list(_said_of(before)), list(_said_of(after))
    told = [f"- {each}" for each in old if each not in new] + [f"+ {each}" for each in new if each not in old]
    if before is None:
        return told
    if not told:
        return ["  Readers and writers would not notice: `kubectl diff` shows the fields that differ."]
    if inventory is not None:
        told += _sites(before, after, inventory)
    return [*told, *_users(before, after)]


def _spec_of(dataset: Dataset) -> Dataset:
    return replace(dataset, status=DatasetStatus(), uid="", generation=0, deleting=False)


def _said_of(dataset: Dataset) -> Iterator[str]:
    for source in dataset.sources:
        yield f"A copy is at {source.site or 'the only site'}: {source.kind} {source.location.words}."
    yield from governance_sentences(dataset.ref, dataset.governance)
    yield access_sentence(dataset)
    yield revocation_sentence(dataset.revocation)
    yield cache_sentence(dataset.cache)
    if dataset.allow_empty:
        yield "Pods may mount it while it is empty."
    if dataset.claim:
        yield f"Pods of {dataset.ref.namespace} that mount PersistentVolumeClaim {dataset.ref.name} need no label."


def _sites(before: Dataset, after: Dataset, inventory: Inventory) -> Iterator[str]:
    """Where the rules on places would answer otherwise."""
    for name in sorted(inventory.sites):
        now, then = (
            decide_transfer(dataset.ref, dataset, inventory.place(name), inventory) for dataset in (before, after)
        )
        if now.allowed and not then.allowed:
            yield f"  At {name}, readers would be refused: {then.rule}."
        elif then.allowed and not now.allowed:
            yield f"  At {name}, readers would be permitted; now they are refused: {now.rule}."


def _users(before: Dataset, after: Dataset) -> Iterator[str]:
    count = before.status.in_use_count
    if not count or (before.governance, before.sources) == (after.governance, after.sources):
        return
    pods = "1 pod reads" if count == 1 else f"{count} pods read"
    if after.revocation is Revocation.IMMEDIATE:
        yield f"  {pods} it now: whichever may not any more loses its mount within a minute."
    else:
        kept = "keeps its mount until it ends" if count == 1 else "keep their mounts until they end"
        yield f"  {pods} it now and {kept}."
