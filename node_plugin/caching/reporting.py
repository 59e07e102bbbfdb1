"""NodeCache: what this node holds, for the scheduler. Written when something moved, and not for every megabyte.

RBAC lets a node plugin write NodeCaches, and a ValidatingAdmissionPolicy no other than that of the node that its token
is bound to.
"""

import logging
from collections.abc import Iterable
from typing import Final

from moorage.errors import KubeError
from moorage.kube import NODE_CACHES, Client
from moorage.model import CachedDataset, NodeCache
from moorage.wire import write_node_cache
from node_plugin.caching.holding import Holding

_log = logging.getLogger(__name__)

MOST_TOLD: Final = 1024
MOVED_SHARE: Final = 0.1
"""Of what was told of a version, or of a GiB: less is told together with something else."""
_LEAST_MOVED_BYTES: Final = 1 << 30
TELL_AGAIN_SECONDS: Final = 30.0


def report_of(node: str, held: Iterable[Holding]) -> NodeCache:
    """What to tell: the largest versions first where there are too many, then by name."""
    told = sorted((each for each in held if each.size_bytes), key=lambda each: -each.size_bytes)[:MOST_TOLD]
    entries = [CachedDataset(each.key.ref, each.key.version, each.size_bytes) for each in told]
    return NodeCache(node, tuple(sorted(entries, key=lambda entry: (entry.ref, entry.version))))


def is_news(told: NodeCache | None, now: NodeCache, whole: frozenset[tuple[str, str]], since_seconds: float) -> bool:
    """Whether the difference is worth a write.

    A version that came, went or became whole always is. Bytes that moved are if they are many, and not too often.

    Args:
        told: what was written last; None: nothing yet.
        now: what could be written.
        whole: dataset and version of what is whole now.
        since_seconds: since the last write.
    """
    if told is None:
        return True
    before = {(str(entry.ref), entry.version): entry.size_bytes for entry in told.datasets}
    after = {(str(entry.ref), entry.version): entry.size_bytes for entry in now.datasets}
    if before.keys() != after.keys():
        return True
    changed = {key for key in after if after[key] != before[key]}
    if changed & whole:
        return True
    many = any(abs(after[key] - before[key]) > _enough(before[key]) for key in changed)
    return many and since_seconds >= TELL_AGAIN_SECONDS


def _enough(told_bytes: int) -> float:
    return max(MOVED_SHARE * told_bytes, _LEAST_MOVED_BYTES * MOVED_SHARE)


class Reporter:
    """Writes this node's NodeCache.

    Args:
        client: the API server.
        node: this node's name.
    """

    def __init__(self, client: Client, node: str) -> None:
        self._client = client
        self._node = node
        self._told: NodeCache | None = None
        self._told_at = 0.0

    async def tell(self, held: Iterable[Holding], now: float) -> bool:
        """Write, if it is news; gives whether it was written. An API server that refuses is asked again later.

        Args:
            held: what the store holds.
            now: seconds, of a clock that only goes forward.
        """
        holdings = list(held)
        report = report_of(self._node, holdings)
        whole = frozenset((str(each.key.ref), each.key.version) for each in holdings if each.whole)
        if not is_news(self._told, report, whole, now - self._told_at):
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
