"""When a source is known to hold nothing for a reader: missing, refused, or empty. Pure.

A pod that mounts such a source would see an empty folder, and succeed on nothing.
"""

from moorage.model import Dataset, Source, SourceStatus
from moorage.sources.reasons import NOTHING_TO_READ, Reason


def nothing_to_read(dataset: Dataset, source: Source) -> str | None:
    """Why the source gives a reader nothing, as reason and remedy; None where it may well give something.

    A source that nobody lists is never known to be empty.
    """
    told = next((status for status in dataset.status.sources if status.site == source.site), None)
    if told is None and len(dataset.sources) == 1 and len(dataset.status.sources) == 1:
        told = dataset.status.sources[0]  # spec.local, whose site the operator filled in
    return None if told is None else _problem(dataset, told)


def _problem(dataset: Dataset, told: SourceStatus) -> str | None:
    if not told.reachable:
        return f"{told.reason}: {told.message}" if told.reason in NOTHING_TO_READ else None
    if told.objects == 0 and not dataset.allow_empty:
        return f"{Reason.NO_OBJECTS}: it holds no object: upload the data, or set spec.allowEmpty: true on the Dataset"
    return None
