"""The specification of a cluster: sites, nodes, fake nodes, object stores."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from moorage.errors import DevClusterError

DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
# Short enough for host names and for the paths of sockets (108 bytes).
LONGEST_NAME = 24
MOST_NODES = 64
MOST_STORES = 40


@dataclass(frozen=True)
class Identity:
    """One account of the object stores.

    Attributes:
        actions: what it may do, in the server's words: `Admin`, or `Read:bucket`, `List:bucket`, `Write:bucket`.
    """

    name: str
    access_key: str
    secret_key: str = field(repr=False)
    actions: tuple[str, ...]


@dataclass(frozen=True)
class NodeSpec:
    """One real node.

    Attributes:
        number: counted from 0 over all sites; its addresses follow from it.
    """

    name: str
    site: str
    number: int


@dataclass(frozen=True)
class ClusterSpec:
    """A cluster to bring up.

    Attributes:
        sites: real nodes per site; 0 makes a site that has only fake nodes.
        fake_nodes: nodes that kwok pretends, spread over the sites in turn.
        object_stores: sites that get an S3 server.
        identities: further accounts on every object store, besides the administrator's.
    """

    name: str = "dev"
    sites: Mapping[str, int] = field(default_factory=lambda: {"eu-1": 2, "us-1": 1})
    fake_nodes: int = 0
    object_stores: tuple[str, ...] = ()
    identities: tuple[Identity, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what can't work, before anything is started.

        Raises:
            DevClusterError: a name or a number is not usable.
        """
        if not self.sites:
            message = "a cluster needs at least one site, for example --sites eu-1"
            raise DevClusterError(message)
        for kind, name in [("cluster", self.name), *(("site", site) for site in self.sites)]:
            if not DNS_LABEL.fullmatch(name) or len(name) > LONGEST_NAME:
                rule = f"use lower-case letters, digits and dashes, at most {LONGEST_NAME} characters"
                message = f"{kind} name {name!r}: {rule}"
                raise DevClusterError(message)
        if any(count < 0 for count in self.sites.values()) or self.fake_nodes < 0:
            message = "a number of nodes can't be negative"
            raise DevClusterError(message)
        if sum(self.sites.values()) > MOST_NODES:
            message = f"at most {MOST_NODES} real nodes per cluster; use fake nodes for more"
            raise DevClusterError(message)
        if strangers := sorted(set(self.object_stores) - set(self.sites)):
            message = f"object store at {', '.join(strangers)}: no such site; the sites are {', '.join(self.sites)}"
            raise DevClusterError(message)
        if len(self.object_stores) > MOST_STORES or len(set(self.object_stores)) < len(self.object_stores):
            message = f"name each object store's site once, at most {MOST_STORES}"
            raise DevClusterError(message)

    @property
    def nodes(self) -> list[NodeSpec]:
        """The real nodes, in order, as `eu-1-n1`, `eu-1-n2`, `us-1-n1`."""
        named = [(f"{site}-n{count + 1}", site) for site, total in self.sites.items() for count in range(total)]
        return [NodeSpec(name, site, number) for number, (name, site) in enumerate(named)]
