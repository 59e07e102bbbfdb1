"""NodeCache: what this node holds, for the scheduler. Written when something moved, and not for every megabyte.

RBAC lets a node plugin write NodeCaches, and a ValidatingAdmissionPolicy no other than that of the node that its token
is bound to.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from moorage.errors import KubeError
from moorage.kube import NODE_CACHES, Client
from moorage.model import CachedDataset, DatasetRef, NodeCache, UnfilledDataset
from moorage.wire import write_node_cache
from node_plugin.caching.holding import Holding

_log = logging.getLogger(__name__)

MOST_TOLD: Final = 1024
MOST_UNFILLED: Final = 256
MOVED_SHARE: Final = 0.05
"""Of a version: less is told together with something else. So a fill costs twenty writes, whatever its size."""
TELL_AGAIN_SECONDS: Final = 10.0


def report_of(
    node: str, held: Iterable[Holding], unfilled: Mapping[DatasetRef, str] | None = None, address: str = ""
) -> NodeCache:
    """What to tell: the largest versions first where there are too many, then by name.

    Args:
        node: this node.
        held: what it holds, and what it has begun to bring.
        unfilled: what it was asked for in vain, and why.
        address: where it serves neighbours; "": it does not.
    """
    told = sorted((each for each in held if each.size_bytes or each.begun), key=lambda each: -each.size_bytes)
    entries = [CachedDataset(each.key.ref, each.key.version, each.size_bytes, each.near_bytes) for each in told]
    entries = entries[:MOST_TOLD]
    in_vain = sorted(UnfilledDataset(ref, reason) for ref, reason in (unfilled or {}).items())[:MOST_UNFILLED]
    return NodeCache(
        node, tuple(sorted(entries, key=lambda entry: (entry.ref, entry.version))), tuple(in_vain), address
    )


def is_news(told: NodeCache | None, now: NodeCache, held: Iterable[Holding], since_seconds: float) -> bool:
    """Whether the difference is worth a write.

    A version that came, went or became whole always is, and so is what can't be filled. Bytes that moved are if they
    are many, and not too often.

    Args:
        told: what was written last; None: nothing yet.
        now: what could be written.
        held: of which that is made.
        since_seconds: since the last write.
    """
    if told is None or told.unfilled != now.unfilled or told.address != now.address:
        return True
    before = {(entry.ref, entry.version): entry.size_bytes for entry in told.datasets}
    after = {(entry.ref, entry.version): entry.size_bytes for entry in now.datasets}
    if before.keys() != after.keys():
        return True
    changed = [
        each for each in held if (key := (each.key.ref, each.key.version)) in after and after[key] != before[key]
    ]
    if any(each.whole for each in changed):
        return True
    much = any(_moved_much(each, before[each.key.ref, each.key.version]) for each in changed)
    return much and since_seconds >= TELL_AGAIN_SECONDS


def _moved_much(held: Holding, told_bytes: int) -> bool:
    """Whether much of a version came or went since it was told; the first bytes count, as they draw pods."""
    is_first_or_last = not (held.size_bytes and told_bytes)
    return is_first_or_last or abs(held.size_bytes - told_bytes) > MOVED_SHARE * max(held.disk_bytes, 1)


class Reporter:
    """Writes this node's NodeCache.

    Args:
        client: the API server.
        node: this node's name.
        address: where it serves neighbours now; "": it does not.
    """

    def __init__(self, client: Client, node: str, address: Callable[[], str] = str) -> None:
        self._client = client
        self._node = node
        self._address = address
        self._told: NodeCache | None = None
        self._told_at = 0.0

    async def tell(self, held: Iterable[Holding], unfilled: Mapping[DatasetRef, str], now: float) -> bool:
        """Write, if it is news; gives whether it was written. An API server that refuses is asked again later.

        Args:
            held: what the store holds.
            unfilled: what it was asked for in vain, and why.
            now: seconds, of a clock that only goes forward.
        """
        holdings = list(held)
        report = report_of(self._node, holdings, unfilled, self._address())
        if not is_news(self._told, report, holdings, now - self._told_at):
            return False
        body = write_node_cache(report)
        try:
            await self._client.apply(NODE_CACHES, {"metadata": {"name": self._node}})
            await self._client.apply(NODE_CACHES, body, subresource="status")
        except KubeError as error:
            _log.warning("NodeCache is not written", extra={"node": self._node, "cause": str(error)})
            return False
        self._told, self._told_at = report, now
        return True
