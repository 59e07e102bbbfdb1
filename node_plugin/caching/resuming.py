"""Interrupted fills go on after a restart of the node plugin: decided anew, for the volumes that stream."""

import asyncio
import logging
from typing import Final

from moorage.errors import BrokerError
from moorage.grants.grant import Grant
from moorage.grants.question import GrantQuestion
from moorage.model import DatasetRef
from node_plugin.caching.fills import Fills
from node_plugin.caching.state import CacheState

_log = logging.getLogger(__name__)

_FIRST_DELAY_SECONDS: Final = 1.0
_MOST_DELAY_SECONDS: Final = 60.0


async def resume(state: CacheState, fills: Fills) -> None:
    """Decide for each dataset that a pod streams; where the broker can't be asked, as after a power cut, ask again."""
    decided: set[DatasetRef] = set()
    delay_seconds = _FIRST_DELAY_SECONDS
    while True:
        try:
            await _resume_the_rest(state, fills, decided)
        except BrokerError as error:
            _log.info("interrupted fills wait for the broker", extra={"cause": str(error)})
        else:
            return
        await asyncio.sleep(delay_seconds)
        delay_seconds = min(2 * delay_seconds, _MOST_DELAY_SECONDS)


async def _resume_the_rest(state: CacheState, fills: Fills, decided: set[DatasetRef]) -> None:
    """Decide for the datasets that are not among those decided, and add them.

    Raises:
        BrokerError: it can't be asked now.
    """
    for volume in state.journal:
        if not volume.needs_server or volume.writable or volume.dataset in decided:
            continue
        answer = await state.broker.ask(GrantQuestion(volume.pod, volume.dataset))
        if isinstance(answer, Grant):
            decided.add(volume.dataset)
            # The reader itself is among those that were seen.
            fills.consider(volume, answer, max(0, state.usage.seen(volume.dataset) - 1))
