"""Grants of volumes that were just published, for the sidecar's first request, which follows within seconds.

They hold keys: each is given once, and gone after half a minute. Whoever comes later asks the broker again.
"""

import asyncio
from typing import Final

from node_plugin.grants import Grant

_FRESH_SECONDS: Final = 30.0


class FreshGrants:
    """At most one for each target; used on the event loop only."""

    def __init__(self) -> None:
        self._grants: dict[str, tuple[Grant, asyncio.TimerHandle]] = {}

    def put(self, target: str, grant: Grant) -> None:
        """Keep a grant for a short time."""
        self.take(target)
        timer = asyncio.get_running_loop().call_later(_FRESH_SECONDS, self._grants.pop, target, None)
        self._grants[target] = (grant, timer)

    def take(self, target: str) -> Grant | None:
        """Give it away, if it is still there."""
        kept = self._grants.pop(target, None)
        if kept is None:
            return None
        grant, timer = kept
        timer.cancel()
        return grant
