"""The interface: what the hub asks of a site's cluster, whatever leads there, and what a way to clusters must give.

A new engine is a folder of its own that has an `Engine`, and a line in the table of `engines`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

from moorage.kube import Client
from moorage.runs import RunRef
from pipeline_executor.distribution.seen import SeenGroup


@dataclass(frozen=True, slots=True)
class Sight:
    """The visibility of a cluster.

    Attributes:
        api_seconds: how long its API server has been out of sight; 0.0 while it is in sight.
        spoke_seconds: how long its spoke has said nothing; 0.0 while it renews its Lease, or was never seen.
        spoke_seen: whether a spoke was ever seen there.
        takes_writes: whether what is asked now is taken, be it only done when the cluster is back.
        problem: why it is out of sight, in a few words; "" where it is not.
    """

    api_seconds: float = 0.0
    spoke_seconds: float = 0.0
    spoke_seen: bool = True
    takes_writes: bool = True
    problem: str = ""

    @property
    def lost_seconds(self) -> float:
        """The seconds for which nothing can have been heard of what runs there."""
        return max(self.api_seconds, self.spoke_seconds)


class Cluster(Protocol):
    """One cluster. Its methods raise `KubeError`."""

    @property
    def name(self) -> str:
        """The name of the cluster's source for people, as `Secret moorage-system/cluster-us`."""

    def sight(self) -> Sight:
        """Return the cluster's current visibility."""

    def loss(self) -> object:
        """Return a value that tells one loss of the cluster from another, and from none; compared by `==`."""

    def runs(self) -> frozenset[RunRef]:
        """Return the runs of which a PipelineGroup that this hub wrote is there."""

    def groups_of(self, run_uid: str) -> Mapping[str, SeenGroup]:
        """Return the PipelineGroups of a run that this hub wrote there, by name, as they were seen last."""

    async def submit(self, group: Mapping[str, Any]) -> None:
        """Create a PipelineGroup; nothing happens where it is there already."""

    async def exists(self, namespace: str, name: str) -> bool:
        """Return whether a PipelineGroup exists, asked of an API server, not of a cache."""

    async def cancel(self, group: SeenGroup) -> None:
        """Tell the spoke to end it; nothing happens where it is gone."""

    async def delete(self, group: SeenGroup) -> None:
        """Delete it; nothing happens where it is gone."""


@dataclass(frozen=True, slots=True)
class Way:
    """Something that leads to the cluster of some sites.

    Attributes:
        subject: as messages name it.
        cluster: None where it can't be used.
        problem: why not, with what to do about it; "" where it can.
    """

    subject: str
    sites: tuple[str, ...]
    cluster: Cluster | None = None
    problem: str = ""


class Engine(Protocol):
    """One kind of way to clusters. It follows them while its `async with` block runs."""

    async def __aenter__(self) -> Self:
        """Begin to follow."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop following the clusters."""

    async def wait_synced(self, seconds: float) -> None:
        """Wait until it is known which clusters there are.

        Raises:
            KubeError: the hub's own API server did not answer.
        """

    def unready(self) -> str | None:
        """Return the reason why the clusters are not known yet, or None."""

    async def arrange(self) -> None:
        """Follow what is new, leave what is gone. Called after `stir` and every few seconds; asks nobody at rest."""

    def ways(self) -> Iterable[Way]:
        """Return all ways, as they were arranged last."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The dependencies of an engine.

    Attributes:
        client: the hub's own cluster.
        hub: the hub's id, see `HUB_LABEL`.
        namespace: the system namespace, here and in every cluster.
        on_group: told of the run of each PipelineGroup that changed.
        stir: told that `arrange` is due.
    """

    client: Client
    hub: str
    namespace: str
    on_group: Callable[[RunRef], None]
    stir: Callable[[], None]


class Distribution(Protocol):
    """The lookup of a site's cluster."""

    def cluster(self, site: str) -> Cluster | None:
        """Return the site's cluster; None where the way there is broken, see `problem`."""

    def problem(self, site: str) -> str:
        """Return the reason why the site has no cluster, with what to do about it; "" where it has one."""

    def clusters(self) -> Iterable[Cluster]:
        """Return all clusters that can be asked."""
