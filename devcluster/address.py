"""The networks of a cluster: everything follows from one small number, so clusters never collide.

With real nodes, the control plane listens on the host's address in the nodes' network. Without them, each cluster has
its own loopback address; so ports can stay the well-known ones.
"""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

MOST_CLUSTERS = 60
ETCD_PORT = 2379
_FIRST_NODE, _FIRST_STORE = 11, 201
# Wider routes than this are a whole organisation's or a VPN's; ours are more specific and win.
_WIDEST_CONFLICT = 12


@dataclass(frozen=True)
class Addresses:
    """The addresses of one cluster.

    Attributes:
        number: 0 to MOST_CLUSTERS - 1, not shared by two living clusters.
        bridged: whether there are real nodes, and a network for them.
    """

    number: int
    bridged: bool

    @property
    def link(self) -> str:
        """The name of the host's end of its cable to the switch."""
        return f"moorage{self.number}"

    @property
    def loopback(self) -> IPv4Address:
        """The loopback address of what pods must not reach: etcd, controller-manager, scheduler."""
        return IPv4Address(f"127.127.{self.number}.1")

    @property
    def subnet(self) -> IPv4Network:
        """The network that host, nodes and object stores share."""
        return IPv4Network(f"{'10' if self.bridged else '127'}.127.{self.number}.0/24")

    @property
    def host(self) -> IPv4Address:
        """The address that the API server listens at."""
        return self.subnet[1]

    @property
    def pods(self) -> IPv4Network:
        """All pods of the cluster."""
        return IPv4Network(f"10.{128 + self.number}.0.0/16")

    @property
    def services(self) -> IPv4Network:
        """The range of ClusterIPs."""
        return IPv4Network(f"10.{192 + self.number}.0.0/16")

    def node(self, number: int) -> IPv4Address:
        """Return the address of a real node."""
        return self.subnet[_FIRST_NODE + number]

    def node_pods(self, number: int) -> IPv4Network:
        """Return the pods of one node."""
        return IPv4Network(f"10.{128 + self.number}.{number}.0/24")

    def object_store(self, number: int) -> IPv4Address:
        """Return the address of a site's S3 server, which has its own so that all its ports can stay the usual ones."""
        return self.subnet[_FIRST_STORE + number]

    @property
    def api_server(self) -> str:
        """The API server's URL."""
        return f"https://{self.host}:6443"


def listened(number: int) -> bool:
    """Return whether another process listens at this cluster's etcd address: a cluster missing in our records."""
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((str(Addresses(number, bridged=False).loopback), ETCD_PORT))
        except OSError:
            return True
    return False


def free_number(taken: Iterable[int], routes: Iterable[IPv4Network]) -> int | None:
    """Return the lowest number whose networks nobody uses, or None."""
    used = set(taken)
    narrow = [route for route in routes if route.prefixlen >= _WIDEST_CONFLICT]
    for number in range(MOST_CLUSTERS):
        addresses = Addresses(number, bridged=True)
        ours = (addresses.subnet, addresses.pods, addresses.services)
        crossed = any(mine.overlaps(route) for mine in ours for route in narrow)
        if number not in used and not crossed and not listened(number):
            return number
    return None


def host_routes(table: str | None = None) -> list[IPv4Network]:
    """Return the networks that this machine has routes to, without the default; from the text of /proc/net/route."""
    lines = (Path("/proc/net/route").read_text() if table is None else table).splitlines()[1:]
    # Little-endian hexadecimal: 0000FEA9 is 169.254.0.0.
    pairs = ((line.split()[1], line.split()[7]) for line in lines)
    networks = (IPv4Network((_address(destination), str(IPv4Address(_address(mask))))) for destination, mask in pairs)
    return [network for network in networks if network.prefixlen]


def _address(text: str) -> int:
    return int.from_bytes(bytes.fromhex(text), "little")
