"""What the driver published, on disk, one small file for each volume, nothing secret in them.

A driver may be restarted at any moment: mounts live on in the sidecars, and this tells the next driver whose they are.
"""

import contextlib
import hashlib
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from moorage.errors import InputError
from moorage.grants.question import PodIdentity
from moorage.model import DatasetRef
from moorage.reading.documents import Bounds, read_object
from moorage.reading.fields import Fields
from moorage.sources import MOUNTED_KINDS, Server

_log = logging.getLogger(__name__)

_BOUNDS = Bounds(most_bytes=16 * 1024, most_depth=4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """One published volume.

    Attributes:
        target: where it is mounted.
        name: its name in the pod's spec.
        pod: whose it is.
        dataset: what it shows.
        kind: of the source; the table of kinds says who serves it.
        version: of the dataset, when it was published; None: it was not known.
        cached: it shows the node's own copy of that version.
        ended: why the pod may not read it any more; "" where it may.
        writable: its pod may write to it; never the node's copy.
        parted: its sidecar reads from the node what the node has of that version, and the rest from the source.
        memory_folder: what of the node's memory it shows, by its folder's name; "" where it shows none.
    """

    target: str
    name: str
    pod: PodIdentity
    dataset: DatasetRef
    kind: str
    version: str | None = None
    cached: bool = False
    ended: str = ""
    writable: bool = False
    parted: bool = False
    memory_folder: str = ""

    @property
    def needs_server(self) -> bool:
        """Whether the pod's sidecar serves it."""
        return not self.cached and MOUNTED_KINDS[self.kind].abilities.served_by is Server.SIDECAR


class Journal:
    """The published volumes by target, kept in memory and on disk alike."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._volumes = {volume.target: volume for volume in _load(directory)}

    def __iter__(self) -> Iterator[Volume]:
        return iter(list(self._volumes.values()))

    def get(self, target: str) -> Volume | None:
        """The volume at a target."""
        return self._volumes.get(target)

    def of_pod(self, uid: str) -> list[Volume]:
        """The volumes of a pod."""
        return [volume for volume in self._volumes.values() if volume.pod.uid == uid]

    def add(self, volume: Volume) -> None:
        """Remember; on disk before anything is mounted, so that nothing mounted is ever unknown."""
        path = self._path(volume.target)
        unfinished = path.with_suffix(".new")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(volume), file)
        unfinished.replace(path)
        self._volumes[volume.target] = volume

    def forget(self, target: str) -> None:
        """Forget; it need not have been known."""
        self._volumes.pop(target, None)
        self._path(target).unlink(missing_ok=True)

    def _path(self, target: str) -> Path:
        return self._directory / f"{hashlib.sha256(target.encode()).hexdigest()[:32]}.json"


def _load(directory: Path) -> Iterator[Volume]:
    for path in sorted(directory.glob("*.json")):
        try:
            yield _read(read_object(_bytes(path), f"record {path.name}", _BOUNDS))
        except (OSError, InputError) as error:
            # A node that lost power may leave half a file. Unpublish needs no record, so nothing is stuck.
            _log.warning("a record of the journal can't be read and is dropped", extra={"path": path, "cause": error})
            with contextlib.suppress(OSError):
                path.unlink()


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_BOUNDS.most_bytes + 1)


def _read(fields: Fields) -> Volume:
    pod, dataset = fields.required_sub("pod"), fields.required_sub("dataset")
    return Volume(
        target=fields.required_text("target"),
        name=fields.required_text("name"),
        pod=PodIdentity(*(pod.required_text(key) for key in ("namespace", "name", "uid"))),
        dataset=DatasetRef(dataset.required_text("namespace"), dataset.required_text("name")),
        kind=fields.word("kind", *MOUNTED_KINDS),
        version=fields.text("version"),
        cached=fields.exact_flag("cached"),
        ended=fields.text("ended", lines=True) or "",
        writable=fields.exact_flag("writable"),
        parted=fields.exact_flag("parted"),
        memory_folder=fields.text("memory_folder") or "",
    )
