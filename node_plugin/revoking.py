"""Ends what running pods may not read any more, where the dataset's steward wants that at once. Level-triggered.

The broker is asked about every volume that is shown, again and again; it answers of those that must end. A stream is
cut off from its server, so that open files give errors, too; whatever the node itself shows (a copy, NFS, a folder) is
covered, so that every later open fails.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from moorage.errors import BrokerError, MountError
from moorage.grants.question import GrantQuestion
from moorage.grants.review import Review
from moorage.serving import metrics
from node_plugin import mounts
from node_plugin.journal import Volume
from node_plugin.publishing import NodeState

_log = logging.getLogger(__name__)

# A record of the journal is bounded, and a rule may list many places.
_MOST_TOLD: Final = 1024


class Revoker:
    """Looks at all volumes of the node.

    Args:
        state: the driver's.
        every_seconds: between two looks.
    """

    def __init__(self, state: NodeState, every_seconds: float) -> None:
        self._state = state
        self._every_seconds = every_seconds

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(self._every_seconds)
            try:
                await self.look()
            except Exception:  # noqa: BLE001 - it is logged whole, and the next look begins anew
                _log.exception("the volumes were not reviewed")

    async def look(self) -> None:
        """Ask about all that is shown, and end what must end."""
        shown = [volume for volume in self._state.journal if not volume.ended]
        if not shown:
            return
        try:
            reviews = await self._state.watcher.ask_reviews([_question(volume) for volume in shown])
        except BrokerError as error:
            _log.warning("the broker does not say which volumes must end", extra={"cause": str(error)})
            return
        for volume, review in zip(shown, reviews, strict=True):
            if review.rule:
                await self._end(volume, review)

    async def _end(self, volume: Volume, review: Review) -> None:
        async with self._state.locks.hold(volume.target):
            if self._state.journal.get(volume.target) is not volume:
                return  # it was unpublished, or became another one: it is asked about again
            try:
                _cut_off(volume)
            except (MountError, OSError) as error:
                _log.error("a volume goes on that must end", extra={"volume": volume.target, "cause": str(error)})
                return
            self._state.journal.add(replace(volume, ended=(review.message or review.rule)[:_MOST_TOLD]))
        metrics.REVOCATIONS.labels(review.rule).inc()
        facts = {"pod": str(volume.pod), "dataset": str(volume.dataset), "rule": review.rule}
        _log.info("a volume was ended", extra=facts)


def _cut_off(volume: Volume) -> None:
    target = Path(volume.target)
    if volume.needs_server:
        # Its sidecar then asks for another mount, and is refused as any new one would be.
        mounts.abort_fuse(target)
    else:
        mounts.mount_dead_fuse(target)


def _question(volume: Volume) -> GrantQuestion:
    return GrantQuestion(volume.pod, volume.dataset)


@asynccontextmanager
async def revoking(state: NodeState, every_seconds: float) -> AsyncIterator[None]:
    """Look after the volumes while the block runs."""
    task = asyncio.create_task(Revoker(state, every_seconds).run(), name="end what may not be read any more")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
