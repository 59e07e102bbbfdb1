"""Which addresses are never called, whatever name leads there: those that no store has.

Link-local addresses are where clouds answer machines with the machines' own credentials. Whoever calls a store resolves
its name once, and calls the very address that was checked here. Pure.
"""

import ipaddress
from collections.abc import Sequence

from moorage.errors import SourceError
from moorage.sources.reasons import Reason

# Metadata services that are not link-local: Amazon's over IPv6, Alibaba's, Oracle's.
_METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200", "192.0.0.192")))
_MOST_TRIED = 3


def is_refused(address: str) -> bool:
    """Whether a connection to this address, as text, is refused."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ip.sixtofour or _of_nat64(ip) or ip
    return ip.is_link_local or ip.is_multicast or ip.is_unspecified or ip in _METADATA or _is_broadcast(ip)


def permitted(host: str, addresses: Sequence[str], named_in: str) -> list[str]:
    """Those of a host's addresses that may be called, the first few.

    Args:
        host: as it was named.
        addresses: its own.
        named_in: the field that names it, for the message.

    Raises:
        SourceError: `EndpointRefused`, none may.
    """
    allowed = [address for address in addresses if not is_refused(address)]
    if not allowed:
        raise SourceError(
            Reason.ENDPOINT_REFUSED,
            f"{host} is at {', '.join(addresses[:_MOST_TRIED])}, where no store can be (link-local, multicast or a "
            f"cloud's metadata service): correct {named_in}",
        )
    return allowed[:_MOST_TRIED]


def _of_nat64(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if ip in ipaddress.ip_network("64:ff9b::/96"):
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return None


def _is_broadcast(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return ip == ipaddress.IPv4Address("255.255.255.255")
