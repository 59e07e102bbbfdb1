"""Rate limits of one pod: requests a second, one at a time, and as many URLs as its attempt can need."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from moorage.errors import MoorageError
from moorage.grants.question import PodIdentity
from moorage.serving.rate_limit import RateLimit

_PER_SECOND: Final = 10.0
_AT_ONCE: Final = 300.0
_MOST_WAITING: Final = 8
_MOST_PODS: Final = 10_000
_PIECES_PER_FILE: Final = 4
"""The URLs that each piece may take: repeats after a restart, or of an expired URL, count again."""
_PIECES_BESIDES: Final = 100_000
"""Parts of large files: some 6 TB of them."""


class TooMuchAskedError(MoorageError):
    """A pod asks for more than its attempt can need, or too often; asking later may help."""


@dataclass(slots=True)
class _Pod:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0
    pieces: int = 0
    is_started: bool = False


class Pacing:
    """The rate limiter of pods' requests; a pod is forgotten after 10,000 others.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = RateLimit(_PER_SECOND, _AT_ONCE, clock)
        self._pods: OrderedDict[PodIdentity, _Pod] = OrderedDict()

    @asynccontextmanager
    async def turn(self, pod: PodIdentity) -> AsyncIterator[None]:
        """Wait until the pod's earlier requests are answered.

        Raises:
            TooMuchAskedError: it asks too often, or too many wait.
        """
        known = self._of(pod)
        if known.waiting >= _MOST_WAITING or not self._limit.admits(pod):
            raise TooMuchAskedError(f"pod {pod} asks too often; ask again later")
        known.waiting += 1
        try:
            async with known.lock:
                yield
        finally:
            known.waiting -= 1

    def count_pieces(self, pod: PodIdentity, pieces: int, most_files: int) -> None:
        """Count URLs that are about to be given out.

        Raises:
            TooMuchAskedError: they are more than an attempt can need.
        """
        known = self._of(pod)
        if known.pieces + pieces > most_files * _PIECES_PER_FILE + _PIECES_BESIDES:
            raise TooMuchAskedError(f"pod {pod} asked for more uploads than an attempt may have")
        known.pieces += pieces

    def begins(self, pod: PodIdentity) -> bool:
        """Return whether the pod was not noted as started yet."""
        return not self._of(pod).is_started

    def note_started(self, pod: PodIdentity) -> None:
        """Note that the pod has started."""
        self._of(pod).is_started = True

    def _of(self, pod: PodIdentity) -> _Pod:
        known = self._pods.setdefault(pod, _Pod())
        self._pods.move_to_end(pod)
        if len(self._pods) > _MOST_PODS:
            # One that has a request under way keeps its own object until that is answered.
            self._pods.popitem(last=False)
        return known
