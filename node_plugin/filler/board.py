"""What of a version is to be brought, and who brings it: shared by a filler's threads, planned anew as views change.

`sharing` decides; here it is remembered who has what, which neighbours were left, and what a thread is to do next.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from node_plugin.filler.etags import verifies
from node_plugin.filler.exchange import View
from node_plugin.filler.manifest import Entry
from node_plugin.filler.neighbour import Having
from node_plugin.filler.sharing import Where, bucket_of, choose, own_order

_WAIT_SECONDS: Final = 0.5
_UNSETTLED_SECONDS: Final = 15.0
_BUSY_SECONDS: Final = 1.0
_MOST_BUSY: Final = 30


@dataclass(frozen=True, slots=True)
class Work:
    """One object to bring.

    Attributes:
        number: in the manifest.
        node: from which neighbour; "": from the source.
    """

    entry: Entry
    number: int
    node: str = ""


class Board:
    """The work that is left.

    Args:
        entries: the manifest.
        missing: what of it is to be brought.
        me: this node; "": it asks no neighbours.
        left: hears of each neighbour that is asked no more.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        missing: Collection[Entry],
        me: str = "",
        left: Callable[[str, str], None] = lambda _node, _why: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._me = me
        self._tell_left = left
        self._clock = clock
        wanted = {entry.key for entry in missing}
        self._numbers = {entry.key: number for number, entry in enumerate(entries) if entry.key in wanted}
        self._waiting = {entry.key: entry for entry in sorted(missing, key=lambda entry: own_order(me, entry))}
        self._buckets = {key: bucket_of(key) for key in self._waiting} if me else {}
        self._from_source: deque[Work] = deque()
        self._from_near: deque[Work] = deque()
        self._awaited: frozenset[str] = frozenset()
        self._view = View(settled=not me)
        self._having: dict[str, Having] = {}
        self._left: set[str] = set()
        self._busy: dict[str, tuple[float, int]] = {}
        self._taken = 0
        self._began = clock()
        self._planned_at = float("-inf")
        self._stopped = False
        self._is_outdated = True
        self._condition = threading.Condition()

    # --- what is known ---

    def see(self, view: View) -> None:
        """The neighbours, as they are now."""
        with self._condition:
            self._view = view
            names = {each.node for each in view.neighbours}
            self._having = {node: having for node, having in self._having.items() if node in names}
            self._outdate()

    def told(self, node: str, having: Having) -> None:
        """A neighbour said what it has."""
        with self._condition:
            before = self._having.get(node)
            self._having[node] = having
            if before is None or before.objects != having.objects or bool(before.progress) != bool(having.progress):
                self._outdate()

    def leave(self, node: str, why: str) -> None:
        """Ask a neighbour no more; what it was to bring is others' now."""
        with self._condition:
            if node in self._left:
                return
            self._left.add(node)
            self._busy.pop(node, None)
            self._outdate()
        self._tell_left(node, why)

    def asked(self) -> list[str]:
        """The neighbours that are bringing the version, and are still asked what they have."""
        with self._condition:
            return (
                [each.node for each in self._view.neighbours if not each.whole and each.node not in self._left]
                if self._waiting
                else []
            )

    @property
    def awaited(self) -> frozenset[str]:
        """The neighbours that are to bring what this node waits for."""
        return self._awaited

    # --- work ---

    def next(self, *, near_first: bool = False) -> Work | None:
        """What a thread is to do next, which may take a while to say; None where nothing is left."""
        with self._condition:
            while not self._stopped and (self._waiting or self._taken):
                if self._is_settled and self._waiting:
                    self._plan_if_due()
                    first, then = self._from_source, self._from_near
                    queues = (then, first) if near_first else (first, then)
                    work = next((queue.popleft() for queue in queues if queue), None)
                    if work is not None:
                        del self._waiting[work.entry.key]
                        self._taken += 1
                        return work
                self._condition.wait(_WAIT_SECONDS)
        return None

    def done(self, work: Work) -> None:
        """An object is there."""
        with self._condition:
            self._taken -= 1
            self._busy.pop(work.node, None)
            self._condition.notify_all()

    def put_back(self, work: Work, *, busy: bool = False) -> None:
        """An object did not come: it is somebody else's, or comes later."""
        with self._condition:
            self._taken -= 1
            self._waiting[work.entry.key] = work.entry
            self._outdate()
            if not busy:
                return
            not_before, times = self._busy.get(work.node, (0.0, 0))
            now = self._clock()
            # Threads that asked side by side were refused once, together.
            if now >= not_before:
                times += 1
                self._busy[work.node] = now + _BUSY_SECONDS, times
                self._from_near = deque(each for each in self._from_near if each.node != work.node)
        if times >= _MOST_BUSY:
            self.leave(work.node, f"was busy {_MOST_BUSY} times in a row")

    def stop(self) -> None:
        """Nobody is to begin anything any more."""
        with self._condition:
            self._stopped = True
            self._condition.notify_all()

    @property
    def is_done(self) -> bool:
        """Whether all of it has come."""
        with self._condition:
            return not self._waiting and not self._taken

    @property
    def _is_settled(self) -> bool:
        return self._view.settled or self._clock() - self._began > _UNSETTLED_SECONDS

    def _outdate(self) -> None:
        self._is_outdated = True
        self._condition.notify_all()

    def _plan_if_due(self) -> None:
        """Plan where something changed; while there is work, not at every word of a neighbour."""
        waited = self._clock() - self._planned_at >= _WAIT_SECONDS
        has_work = bool(self._from_source or self._from_near)
        if (self._is_outdated and (waited or not has_work)) or (self._busy and waited):
            self._planned_at = self._clock()
            self._plan()

    def _plan(self) -> None:
        """Say of each object that is left where it comes from now."""
        self._is_outdated = False
        self._from_source, self._from_near = deque(), deque()
        if not self._me:
            self._from_source.extend(Work(entry, self._numbers[key]) for key, entry in self._waiting.items())
            return
        known = [each for each in self._view.neighbours if each.node not in self._left]
        whole = [each.node for each in known if each.whole]
        bringing = [each.node for each in known if not each.whole]
        now = self._clock()
        busy = {node for node, (not_before, _) in self._busy.items() if now < not_before}
        # A node that nobody sees brings what it needs: its own NodeCache may be late, or nobody can read it.
        sharing = [*bringing, self._me] if self._view.shares or not known else bringing
        having = {node: self._having[node] for node in bringing if node in self._having}
        # Who keeps a part has nothing under way: what it has is taken, and what it lacks is not waited for.
        sharing = [node for node in sharing if node not in having or having[node].progress]
        awaited: set[str] = set()
        for key, entry in self._waiting.items():
            number = self._numbers[key]
            if not verifies(entry):
                self._from_source.append(Work(entry, number))
                continue
            all_holders = [*whole, *(node for node, has in having.items() if number in has)]
            holders = [node for node in all_holders if node not in busy]
            if all_holders and not holders:
                continue  # it comes when one of them has time
            choice = choose(self._me, self._buckets[key], sharing, holders)
            if choice.where is Where.SOURCE:
                self._from_source.append(Work(entry, number))
            elif choice.where is Where.NEIGHBOUR:
                self._from_near.append(Work(entry, number, choice.node))
            else:
                awaited.add(choice.node)
        self._awaited = frozenset(awaited)
