"""Concurrency slots, in all and for each caller: for slow work that strangers ask for."""

from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager


class Slots:
    """Slots that are taken and given back. For one event loop.

    Args:
        most: of all callers.
        most_of_one: of one caller.
    """

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._by_caller: Counter[Hashable] = Counter()

    @property
    def count(self) -> int:
        """The number of taken slots."""
        return self._by_caller.total()

    @contextmanager
    def taken(self, who: Hashable) -> Iterator[bool]:
        """Take one while the block runs, if there is one: the block is told."""
        if self.count >= self._most or self._by_caller[who] >= self._most_of_one:
            if not self._by_caller[who]:
                del self._by_caller[who]
            yield False
            return
        self._by_caller[who] += 1
        try:
            yield True
        finally:
            self._by_caller[who] -= 1
            if not self._by_caller[who]:
                del self._by_caller[who]
