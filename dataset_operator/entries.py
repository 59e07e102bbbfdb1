"""One Dataset in the controller's cache: what decisions read, as compact JSON.

As Python objects a Dataset takes five times the bytes that it has as JSON, and there may be thousands. So spec and
status are kept as JSON, and read when a look or a reconcile needs them; labels, annotations and managed fields are not
kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from dataset_operator.findings import Findings, data_identity
from dataset_operator.listing import Cancellation
from moorage.errors import InputError
from moorage.model import Dataset, DatasetRef
from moorage.wire import read_dataset


@dataclass(frozen=True, slots=True)
class Written:
    """The API server's state of one Dataset, packed.

    Attributes:
        ref: its name.
        uid: its identity: a Dataset created again under the same name starts from scratch.
        generation: the generation of its spec.
        spec: name, generation and spec; empty where the spec can't be read.
        problem: why not.
        status: as it was last seen.
    """

    ref: DatasetRef
    uid: str
    generation: int
    spec: bytes
    problem: InputError | None
    status: bytes


@dataclass(slots=True)
class Entry:
    """The cache entry of one Dataset.

    Attributes:
        written: its spec, and its status when it was last seen.
        status: packed, as it is now.
        findings: the last look at the present sources.
        stop: ends the look under way.
        failures: looks in a row that could not list everything.
        writers: the pods that could write to it when it was last reconciled.
        about: which data the status so far tells of, see `findings.data_identity`; None: not known.
    """

    written: Written
    status: bytes
    findings: Findings | None = None
    stop: Cancellation = field(default_factory=Cancellation)
    failures: int = 0
    about: tuple[str, ...] | None = None
    writers: frozenset[str] = frozenset()

    def dataset(self) -> Dataset | None:
        """Return the Dataset; None where its spec can't be read."""
        return dataset_of(self.written)

    def raw_status(self) -> dict[str, Any]:
        """Return the status as a dictionary."""
        found: dict[str, Any] = orjson.loads(self.status)
        return found


def read_written(raw: Mapping[str, Any]) -> Written:
    """Pack a raw Dataset, which is not kept."""
    metadata = raw["metadata"]
    kept = {key: metadata[key] for key in ("namespace", "name", "uid", "generation") if key in metadata}
    bare = {"apiVersion": raw.get("apiVersion"), "kind": "Dataset", "metadata": kept, "spec": raw.get("spec")}
    problem: InputError | None = None
    try:
        read_dataset(bare)
    except InputError as error:
        problem = error
    return Written(
        ref=DatasetRef(metadata["namespace"], metadata["name"]),
        uid=str(metadata.get("uid") or ""),
        generation=int(metadata.get("generation") or 0),
        spec=b"" if problem else orjson.dumps(bare),
        problem=problem,
        status=orjson.dumps(raw.get("status") or {}),
    )


def dataset_of(written: Written) -> Dataset | None:
    """Return the Dataset; None where its spec can't be read."""
    return read_dataset(orjson.loads(written.spec)) if written.spec else None


def names_bucket(written: Written, bucket: str) -> bool:
    """Return whether a source of the Dataset names the bucket.

    Reading thousands of Datasets takes seconds, so a spec is only read where the name is the value of a `bucket`: a
    bucket may be called `spec`, which stands in every one.
    """
    if orjson.dumps({"bucket": bucket})[1:-1] not in written.spec:
        return False
    dataset = dataset_of(written)
    return dataset is not None and any(source.location.bucket_name == bucket for source in dataset.sources)


def new_entry(written: Written) -> Entry:
    """Return the entry of a Dataset that is seen for the first time, or with another spec."""
    entry = Entry(written, written.status)
    dataset = entry.dataset()
    if dataset is not None and entry.raw_status().get("observedGeneration") == written.generation:
        entry.about = data_identity(dataset.sources)
    return entry
