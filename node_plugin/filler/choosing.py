"""Which objects of a version a node keeps that has no room for all of them. Pure.

Every node decides alone, by the same rule as for who brings what (`sharing`): each prefers the objects for which its
own weight is above that of the others by most. So two nodes that keep a half each keep all of it together, and a node
that comes or goes changes little of what the others prefer.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from node_plugin.filler.manifest import Entry
from node_plugin.filler.sharing import bucket_of, weight

_BLOCK_BYTES: Final = 4096


def choose_part(
    entries: Sequence[Entry], there: Collection[str], me: str, others: Collection[str], most_bytes: int
) -> list[Entry]:
    """The objects to keep, in the manifest's order: as many whole ones as there is room for.

    Args:
        entries: of the version.
        there: keys of those that the node has already; they stay, as far as there is room.
        me: this node.
        others: the nodes of the site that keep some of it, too, or bring all of it.
        most_bytes: of the disk.
    """
    margins = _Margins(me, others)
    order = sorted(entries, key=lambda entry: (entry.key not in there, -margins.of(entry.key), entry.sort_key))
    left_bytes, kept = most_bytes, set()
    for entry in order:
        takes_bytes = entry.size_bytes + _BLOCK_BYTES
        if takes_bytes <= left_bytes:
            left_bytes -= takes_bytes
            kept.add(entry.key)
    return [entry for entry in entries if entry.key in kept]


class _Margins:
    """By how much this node's weight for a key's bucket is above that of any other."""

    def __init__(self, me: str, others: Iterable[str]) -> None:
        self._me = me
        self._others = sorted(set(others) - {me})
        self._known: dict[int, int] = {}

    def of(self, key: str) -> int:
        """Of one key."""
        bucket = bucket_of(key)
        if bucket not in self._known:
            others = max((weight(node, bucket) for node in self._others), default=0)
            self._known[bucket] = weight(self._me, bucket) - others
        return self._known[bucket]
