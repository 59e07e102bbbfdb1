"""A fill that was decided on, and when it is tried again. Pure, but for what it remembers."""

from dataclasses import dataclass
from typing import Final

from moorage.grants.question import PodIdentity
from moorage.queueing.backing_off import backoff_seconds
from node_plugin.caching.deciding import Unfillable
from node_plugin.filler.exchange import Ending

_FIRST_RETRY_SECONDS: Final = 30.0
_MOST_RETRY_SECONDS: Final = 600.0
_ROOM_RETRY_SECONDS: Final = 60.0
_TRIED_AGAIN: Final = frozenset({Ending.FAILED, Ending.CHANGED, Ending.FULL})


@dataclass(slots=True)
class Wish:
    """A fill that was decided on.

    Attributes:
        pod: that may read the dataset.
        tries: that failed.
        not_before: when it is tried again, by a clock that only goes forward.
        lacks_room: whether the last try found none.
    """

    pod: PodIdentity
    tries: int = 0
    not_before: float = 0.0
    lacks_room: bool = False

    def hurry(self) -> None:
        """Try at once whether there is room: where a new reader comes, others may have gone."""
        if self.lacks_room:
            self.not_before = 0.0

    def goes_on(self, ending: Ending | Unfillable | None, now: float) -> bool:
        """Note how a try ended; gives whether there will be another one."""
        self.lacks_room = ending is Unfillable.NO_ROOM
        if self.lacks_room:
            self.not_before = now + _ROOM_RETRY_SECONDS
            return True
        if ending in _TRIED_AGAIN:
            self.tries += 1
            self.not_before = now + backoff_seconds(self.tries, _FIRST_RETRY_SECONDS, _MOST_RETRY_SECONDS)
            return True
        return False
