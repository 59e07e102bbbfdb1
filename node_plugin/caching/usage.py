"""Who read what from this node within the horizon: whole-dataset reads by the time of their publish, kept on disk."""

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from moorage.errors import InputError
from moorage.locality.filling import HORIZON_SECONDS
from moorage.model import DatasetRef
from moorage.reading.documents import Bounds, read_object
from moorage.reading.fields import DNS_LABEL

_log = logging.getLogger(__name__)

MOST_READS: Final = 256
"""Of one dataset; more would change no decision."""
MOST_DATASETS: Final = 1024
_BOUNDS: Final = Bounds(most_bytes=8 << 20, most_depth=3)


class Usage:
    """Reads by dataset, the oldest first.

    Args:
        path: the file.
        now: seconds since 1970.
    """

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        self._path = path
        self._now = now
        self._reads = _load(path)

    def seen(self, ref: DatasetRef) -> int:
        """How many reads were seen within the horizon."""
        since = self._now() - HORIZON_SECONDS
        return sum(at > since for at in self._reads.get(ref, ()))

    def record(self, ref: DatasetRef) -> None:
        """A volume of the dataset was published. A disk that refuses costs the record, not the publish."""
        now = self._now()
        since = now - HORIZON_SECONDS
        self._reads[ref] = [*(at for at in self._reads.pop(ref, ()) if at > since), now][-MOST_READS:]
        fresh = {known: reads for known, reads in self._reads.items() if reads[-1] > since}
        # The newest readers come last, as each is taken out and put in again.
        self._reads = dict(list(fresh.items())[-MOST_DATASETS:])
        try:
            self._write()
        except OSError as error:
            _log.warning("reads are not remembered", extra={"path": str(self._path), "cause": str(error)})

    def _write(self) -> None:
        unfinished = self._path.with_suffix(".new")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({str(ref): [round(at) for at in reads] for ref, reads in self._reads.items()}, file)
        unfinished.replace(self._path)


def _load(path: Path) -> dict[DatasetRef, list[float]]:
    try:
        with path.open("rb") as file:
            fields = read_object(file.read(_BOUNDS.most_bytes + 1), "usage", _BOUNDS)
    except FileNotFoundError:
        return {}
    except (OSError, InputError) as error:
        _log.warning("what was read before is forgotten", extra={"path": str(path), "cause": str(error)})
        return {}
    return {
        DatasetRef(*name.split("/")): sorted(float(at) for at in reads)
        for name, reads in fields.raw.items()
        if _is_ref(name) and isinstance(reads, list) and reads and all(isinstance(at, (int, float)) for at in reads)
    }


def _is_ref(name: str) -> bool:
    parts = name.split("/")
    return len(parts) == 2 and all(DNS_LABEL.fullmatch(part) for part in parts)  # noqa: PLR2004 - namespace and name
