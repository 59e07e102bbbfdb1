"""Many objects at once: what becomes of Datashim's, and what claims beside them have to do with it. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moorage import wire
from moorage.errors import InputError
from moorage.model import Dataset, DatasetRef
from moorage_cli.datashim import GROUPS, could_write, is_bookkeeping
from moorage_cli.datashim import convert as converted

Raw = Mapping[str, Any]
_NEWER_GROUP = "datashim.io"
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Found:
    """One Dataset as it is here.

    Attributes:
        dataset: as every part of Moorage reads it.
        written_there: whether pods could write to it with Datashim.
    """

    dataset: Dataset
    written_there: bool


@dataclass(frozen=True, slots=True)
class Conversion:
    """What became of all objects.

    Attributes:
        objects: to be applied, in their order; those that are not Datashim's as they were.
        usable: the Datasets among them that can be used as they are.
        notes: what changed, and what to do, a sentence each.
        datasets: those of the objects that can be used.
        problems: why others can't be.
    """

    objects: tuple[dict[str, Any], ...]
    usable: tuple[dict[str, Any], ...]
    notes: tuple[str, ...]
    datasets: Mapping[DatasetRef, Found]
    problems: tuple[str, ...]


def convert_all(raws: Sequence[Raw], site: str | None) -> Conversion:
    """Convert what is Datashim's.

    Args:
        raws: objects of any kinds; of claims only the names count.
        site: where the data are; None leaves it to the only Site there is.
    """
    objects: list[dict[str, Any]] = []
    notes: list[str] = []
    datasets: dict[DatasetRef, Found] = {}
    problems: list[str] = []
    usable: list[dict[str, Any]] = []
    bookkeeping: list[str] = []
    newer = {ref_of(raw) for raw in raws if _is_dataset(raw) and _group(raw) == _NEWER_GROUP}
    for raw in raws:
        if is_bookkeeping(raw):
            bookkeeping.append(f"{raw.get('kind')} {ref_of(raw)}")
            continue
        if _is_dataset(raw) and _group(raw) != _NEWER_GROUP and ref_of(raw) in newer:
            notes.append(f"Dataset {ref_of(raw)}: is in {_group(raw)} too: that of {_NEWER_GROUP} is taken")
            continue
        outcome = converted(raw, site)
        notes += outcome.notes
        if outcome.raw is None:
            continue
        objects.append(outcome.raw)
        if outcome.raw.get("kind") != "Dataset":
            continue
        try:
            dataset = wire.read_dataset(outcome.raw)
        except InputError as error:
            problems.append(str(error))
        else:
            usable.append(outcome.raw)
            datasets[dataset.ref] = Found(dataset, could_write(raw))
    if bookkeeping:
        more = f" and {len(bookkeeping) - _MOST_NAMED} more" if len(bookkeeping) > _MOST_NAMED else ""
        notes.append(f"{', '.join(bookkeeping[:_MOST_NAMED])}{more}: Datashim's own bookkeeping: left out")
    notes += _of_claims(raws, objects)
    return Conversion(tuple(objects), tuple(usable), tuple(notes), datasets, tuple(problems))


def ref_of(raw: Raw) -> DatasetRef:
    """The namespace and name of any object."""
    metadata = raw.get("metadata") or {}
    return DatasetRef(str(metadata.get("namespace") or "default"), str(metadata.get("name")))


def _of_claims(raws: Sequence[Raw], objects: Sequence[Raw]) -> Iterator[str]:
    """What claims of the same names mean for Datasets."""
    volumes = {ref_of(raw) for raw in raws if raw.get("kind") == "PersistentVolumeClaim" and not _is_datashims(raw)}
    buckets = {ref_of(raw) for raw in raws if raw.get("kind") == "ObjectBucketClaim"}
    for raw in objects:
        if raw.get("kind") != "Dataset":
            continue
        ref, spec = ref_of(raw), raw.get("spec") or {}
        if spec.get("claim") and ref in volumes:
            yield (
                f"Dataset {ref}: PersistentVolumeClaim {ref} has its name: the Dataset's own is made once that is gone"
            )
        secret = (spec.get("local") or {}).get("secret-name")
        if secret and DatasetRef(ref.namespace, str(secret)) in buckets:
            yield (
                f"Dataset {ref}: spec.local.secret-name: is the Secret of ObjectBucketClaim {secret}: a source "
                f"bucketClaim: {{name: {secret}}} in the place of endpoint, bucket and keys follows the claim"
            )


def _is_datashims(raw: Raw) -> bool:
    """Whether Datashim made it for a Dataset, with which it goes."""
    owners = (raw.get("metadata") or {}).get("ownerReferences") or ()
    return any(_group(owner) in GROUPS for owner in owners)


def _is_dataset(raw: Raw) -> bool:
    return raw.get("kind") == "Dataset" and _group(raw) in GROUPS


def _group(raw: Raw) -> str:
    return str(raw.get("apiVersion")).partition("/")[0]
