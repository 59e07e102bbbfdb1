"""The folders of a cluster, and of the cache that outlives clusters."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


def cache_dir() -> Path:
    """Return the cache of binaries, packages and toolchains: safe to delete, costly to make again.

    `MOORAGE_CACHE`, else `XDG_CACHE_HOME/moorage`, else `~/.cache/moorage`.
    """
    if given := os.environ.get("MOORAGE_CACHE"):
        return Path(given).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base).absolute() / "moorage"


@contextlib.contextmanager
def cache_lock(part: str) -> Iterator[None]:
    """Keep other processes out of a part of the cache while this one makes what is missing there."""
    folder = cache_dir() / part
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def state_root() -> Path:
    """Return the folder of living clusters: `MOORAGE_STATE`, `/var/lib/moorage-dev` for root, or `XDG_STATE_HOME`'s."""
    if given := os.environ.get("MOORAGE_STATE"):
        return Path(given).absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/moorage-dev")
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base).absolute() / "moorage-dev"


@dataclass(frozen=True)
class NodeLayout:
    """The files of one node; `var` is what the node sees as its own `/var`."""

    root: Path

    @property
    def var(self) -> Path:
        """The node's private `/var`: no host path of one node's pods is seen by another node's."""
        return self.root / "var"

    @property
    def etc(self) -> Path:
        """Generated configuration, certificates and kubeconfigs."""
        return self.root / "etc"

    @property
    def wanted(self) -> Path:
        """One JSON file per program that the node's first process keeps running."""
        return self.root / "wanted"

    @property
    def logs(self) -> Path:
        """One log per program."""
        return self.root / "logs"

    @property
    def init_spec(self) -> Path:
        """The configuration of the node's first process."""
        return self.root / "init.json"

    @property
    def init_pid(self) -> Path:
        """Written by the node's first process once it listens to signals."""
        return self.root / "init.pid"


@dataclass(frozen=True)
class Layout:
    """The files of one cluster."""

    root: Path

    @classmethod
    def of(cls, cluster: str) -> "Layout":
        """Return the layout of the cluster of this name, whether it exists or not."""
        return cls(state_root() / cluster)

    @property
    def record(self) -> Path:
        """The file that `record` reads and writes."""
        return self.root / "cluster.json"

    @property
    def complete(self) -> Path:
        """There once everything was brought up; a cluster without it was left half way."""
        return self.root / "complete"

    @property
    def bin(self) -> Path:
        """Links to every executable of this cluster: one folder for PATH."""
        return self.root / "bin"

    @property
    def pki(self) -> Path:
        """Authorities, and the control plane's keys."""
        return self.root / "pki"

    @property
    def run(self) -> Path:
        """Files that name the control plane's processes."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        """One log per process of the control plane."""
        return self.root / "logs"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.root / "kubeconfig"

    @property
    def etcd(self) -> Path:
        """The folder of etcd's data."""
        return self.root / "etcd"

    def object_store(self, site: str) -> Path:
        """Return the data and identities of one site's S3 server."""
        return self.root / "object-stores" / site

    def node(self, name: str) -> NodeLayout:
        """Return the files of one node."""
        return NodeLayout(self.root / "nodes" / name)

    @property
    def nodes(self) -> list[NodeLayout]:
        """Every node that has files here."""
        folder = self.root / "nodes"
        return [NodeLayout(path) for path in sorted(folder.iterdir())] if folder.is_dir() else []
