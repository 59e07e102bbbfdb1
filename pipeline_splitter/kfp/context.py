"""The reading context: what every part of the walk works with."""

from collections.abc import Mapping
from dataclasses import dataclass

from moorage.model import Dataset, DatasetRef
from pipeline_splitter.kfp.components import Library
from pipeline_splitter.kfp.hinting import HintBook
from pipeline_splitter.kfp.ledger import Ledger
from pipeline_splitter.kfp.spec import Spec


@dataclass(frozen=True, slots=True)
class Context:
    """The reader's inputs, and the ledger that it writes."""

    spec: Spec
    library: Library
    book: HintBook
    datasets: Mapping[DatasetRef, Dataset]
    ledger: Ledger
