"""The record of a cluster, written before anything of it exists, so that any later process can remove it."""

import contextlib
import fcntl
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from devcluster import address
from devcluster.layout import Layout, state_root
from devcluster.spec import ClusterSpec
from moorage.errors import DevClusterError


@dataclass(frozen=True)
class Record:
    """One cluster, as it was asked for.

    Attributes:
        number: what its addresses follow from.
        bridged: whether it has real nodes and so a bridge.
    """

    name: str
    number: int
    bridged: bool
    sites: dict[str, int]
    fake_nodes: int
    object_stores: tuple[str, ...]

    @property
    def addresses(self) -> address.Addresses:
        """The cluster's networks."""
        return address.Addresses(self.number, self.bridged)

    @property
    def layout(self) -> Layout:
        """The cluster's folders."""
        return Layout.of(self.name)

    @property
    def spec(self) -> ClusterSpec:
        """The spec that was asked for, without the object stores' further identities."""
        return ClusterSpec(self.name, self.sites, self.fake_nodes, self.object_stores)


def read(name: str) -> Record | None:
    """Read the record of a cluster, or None where there is none that can be read."""
    try:
        content = json.loads(Layout.of(name).record.read_text())
        return Record(**{**content, "object_stores": tuple(content["object_stores"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def names() -> list[str]:
    """Return every cluster that has files here, living or not."""
    root = state_root()
    return (
        sorted(entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
        if root.is_dir()
        else []
    )


def create(spec: ClusterSpec) -> Record:
    """Choose the networks and write the record.

    Raises:
        DevClusterError: no networks are free.
    """
    with _lock():
        taken = [known.number for name in names() if (known := read(name)) is not None]
        number = address.free_number(taken, address.host_routes())
        if number is None:
            message = f"every network of {address.MOST_CLUSTERS} is in use: see `ip route` and `moorage dev status`"
            raise DevClusterError(message)
        bridged = bool(spec.nodes)
        record = Record(spec.name, number, bridged, dict(spec.sites), spec.fake_nodes, tuple(spec.object_stores))
        record.layout.root.mkdir(parents=True, exist_ok=True, mode=0o755)
        half = record.layout.record.with_suffix(".half")
        half.write_text(json.dumps(asdict(record), indent=1))
        half.rename(record.layout.record)
    return record


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    root = state_root()
    try:
        root.mkdir(parents=True, exist_ok=True)
        with Path(root / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
    except PermissionError as error:
        message = f"can't write {root}: choose another folder with MOORAGE_STATE"
        raise DevClusterError(message) from error
