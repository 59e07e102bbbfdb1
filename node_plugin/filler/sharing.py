"""Which object comes from where, when several nodes of a site want the same version. Pure.

Every node decides alone, by the same rule: of the nodes that are bringing the version, each object has one that
fetches it from the source, by rendezvous hashing; the others wait for that one and copy from it. What a neighbour has
already is copied from it at once. A node that comes or goes moves its own share of the objects, and no other.
"""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final

from node_plugin.filler.manifest import Entry

BUCKETS: Final = 4096
"""Objects of one bucket have one bringer, so that 200,000 of them cost no more hashing than this."""


class Where(StrEnum):
    """What to do about an object now."""

    SOURCE = "source"
    NEIGHBOUR = "neighbour"
    LATER = "later"


@dataclass(frozen=True, slots=True)
class Choice:
    """Where an object comes from.

    Attributes:
        node: the neighbour to copy from, or the one to wait for; "" where it is the source.
    """

    where: Where
    node: str = ""


def bucket_of(key: str) -> int:
    """The bucket of an object's key."""
    digest = hashlib.blake2b(key.encode(errors="surrogateescape"), digest_size=4).digest()
    return int.from_bytes(digest) % BUCKETS


@cache
def weight(node: str, bucket: int) -> int:
    """How near a node is to a bucket: the same for whoever asks."""
    return int.from_bytes(hashlib.blake2b(f"{node}\0{bucket}".encode(), digest_size=8).digest())


def bringer_of(bucket: int, sharing: Iterable[str]) -> str:
    """The node that fetches a bucket's objects from the source; "" where nobody shares."""
    return max(sharing, key=lambda node: (weight(node, bucket), node), default="")


def choose(me: str, bucket: int, sharing: Collection[str], holders: Collection[str]) -> Choice:
    """Where an object comes from.

    Args:
        me: this node.
        bucket: of the object.
        sharing: the nodes that share the bringing, this one included where it does.
        holders: neighbours that have the object.
    """
    if holders:
        # Readers spread over the holders, each in an order of its own.
        return Choice(Where.NEIGHBOUR, max(holders, key=lambda node: (weight(f"{me} {node}", bucket), node)))
    bringer = bringer_of(bucket, sharing)
    return Choice(Where.SOURCE) if bringer in {me, ""} else Choice(Where.LATER, bringer)


def own_order(me: str, entry: Entry) -> tuple[int, int]:
    """Sorts what a node brings: the large first, so that none is left alone at the end.

    Of those alike, the ones that it brings whoever else comes: where neighbours are seen late, little comes twice.
    """
    return -entry.size_bytes.bit_length(), -weight(me, bucket_of(entry.key))
