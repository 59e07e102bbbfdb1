"""The neighbours of a fill, as the broker tells of them: asked again and again while the fill goes on."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from moorage.errors import BrokerError
from moorage.grants.grant import Grant
from moorage.grants.neighbours import Neighbourhood, Pass
from moorage.grants.question import GrantQuestion, PodIdentity
from moorage.model import DatasetRef
from moorage.refusal import NOT_FOUND, Refusal
from node_plugin.broker import Introducing
from node_plugin.caching.holding import VersionKey
from node_plugin.filler.exchange import Sharing, View

_log = logging.getLogger(__name__)

_ASK_SECONDS: Final = 2.0
_LATER_ASK_SECONDS: Final = 5.0
_SOON_SECONDS: Final = 60.0
_SETTLE_SECONDS: Final = 2.0
_MOST_UNSETTLED_SECONDS: Final = 8.0
_PASS_SECONDS: Final = 600.0


@dataclass(slots=True)
class Settling:
    """Whether those that began at the same time have had the time to be seen. Pure, but for what it remembers.

    Attributes:
        began: when the fill did.
        seen_at: when this node was seen first; None: not yet.
    """

    began: float
    seen_at: float | None = None

    def is_settled(self, told: Neighbourhood, now: float) -> bool:
        """Whether to go to the source for one's own share now."""
        if told.seen and self.seen_at is None:
            self.seen_at = now
        if told.others == 0 or any(each.whole for each in told.neighbours):
            return True
        long_seen = self.seen_at is not None and now - self.seen_at >= _SETTLE_SECONDS
        return long_seen or now - self.began >= _MOST_UNSETTLED_SECONDS


@dataclass(frozen=True, slots=True)
class Following:
    """Follows the neighbours of fills.

    Attributes:
        node: this one.
        ca_file: who signs the certificates of node plugins.
        is_served: whether this node serves neighbours itself; who gives nothing takes nothing.
    """

    node: str
    broker: Introducing
    ca_file: Path
    is_served: Callable[[], bool]

    def sharing(self, key: VersionKey, grant: Grant) -> Sharing | None:
        """What a filler is to know of neighbours; None where it has none to ask.

        A near source is as quick as a neighbour. Of an archive, nodes have the files and not the object.
        """
        if grant.local or grant.location.needs_copy or not self.is_served():
            return None
        try:
            authorities = self.ca_file.read_text(encoding="ascii")
        except (OSError, UnicodeError) as error:
            _log.warning("a fill asks no neighbours", extra={"cause": str(error)})
            return None
        return Sharing(me=self.node, dataset=key.ref, version=key.version, authorities=authorities)

    async def views(self, ref: DatasetRef, readers: Callable[[], Sequence[PodIdentity]]) -> AsyncIterator[View]:
        """Views of a fill's neighbours, as long as somebody wants them.

        Args:
            ref: what is filled.
            readers: the pods for which it is; whoever may read is asked for.
        """
        began = time.monotonic()
        settling = Settling(began)
        shown: Pass | None = None
        shown_at = float("-inf")
        last: View | None = None
        while True:
            now = time.monotonic()
            try:
                asked, told = await self._told(ref, readers())
                if isinstance(told, Neighbourhood) and told.neighbours and now - shown_at > _PASS_SECONDS:
                    given = await self.broker.ask_pass(asked)
                    shown, shown_at = (None, shown_at) if isinstance(given, Refusal) else (given, now)
            except BrokerError as error:
                _log.info("nobody tells of neighbours", extra={"dataset": str(ref), "cause": str(error)})
                told = None
            view = last if told is None else _view(told, shown, settling, now)
            if view is not None and view != last:
                last = view
                yield view
            await asyncio.sleep(_ASK_SECONDS if now - began < _SOON_SECONDS else _LATER_ASK_SECONDS)

    async def _told(
        self, ref: DatasetRef, readers: Sequence[PodIdentity]
    ) -> tuple[GrantQuestion | None, Neighbourhood | Refusal]:
        """What the broker tells for the first pod that may read the dataset still, and for which one.

        Raises:
            BrokerError: it can't be asked now.
        """
        told: Neighbourhood | Refusal = Refusal(NOT_FOUND, "", "no pod reads it any more")
        for pod in readers:
            asked = GrantQuestion(pod, ref)
            told = await self.broker.ask_neighbours(asked)
            if isinstance(told, Neighbourhood):
                return asked, told
        return None, told


def _view(told: Neighbourhood | Refusal, shown: Pass | None, settling: Settling, now: float) -> View:
    # What may not be held is asked for nowhere; the fill itself ends when the cache is looked after.
    if isinstance(told, Refusal):
        return View()
    is_settled = settling.is_settled(told, now)
    return View(
        neighbours=told.neighbours if shown is not None else (), shares=told.shares, settled=is_settled, shown=shown
    )
