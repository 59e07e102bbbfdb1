"""One round of bringing: ask the nodes what lies there, decide, bring it, drop what is at its home no more."""

import os
import ssl
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from moorage.calling.failures import ChangedError, TryAgainError
from node_plugin.filler.neighbour import BusyError
from node_plugin.memory import lying
from node_plugin.memory.holding import MemoryKey
from node_plugin.memory.lying import Lying, Told, Wanted
from node_plugin.memory.shelf import MemoryShelf, NoRoomError
from node_plugin.neighbours.memory_calling import NeighbourMemory, WrittenError

_TRIES: Final = 4
"""In a row, without a byte that came; then the next node that has it is asked."""
_BUSY_TRIES: Final = 1200
"""A node that serves others waits for its turn; so much longer than a pod waits for a node that does not answer."""
_LOOKS: Final = 3
_AT_ONCE: Final = 8
_PAUSE_SECONDS: Final = 0.5


@dataclass(slots=True)
class Brought:
    """What came of a round.

    Attributes:
        objects: that came.
        size_bytes: of them.
        without_room: how many had no room here.
        trouble: why something could not be brought, by node.
    """

    objects: int = 0
    size_bytes: int = 0
    without_room: int = 0
    trouble: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Round:
    """One round.

    Attributes:
        addresses: of the nodes that have something, by name.
        context: towards them.
        came_bytes: so far.
    """

    key: MemoryKey
    folder: Path
    node: str
    addresses: Mapping[str, str]
    context: ssl.SSLContext
    came_bytes: int = 0
    _stopped: threading.Event = field(default_factory=threading.Event)
    _changed: threading.Event = field(default_factory=threading.Event)
    _brought: Brought = field(default_factory=Brought)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _room: threading.Lock = field(default_factory=threading.Lock)
    _lines: threading.local = field(default_factory=threading.local)
    _all_lines: list[NeighbourMemory] = field(default_factory=list)

    def run(self) -> Brought:
        """Do it, in this thread and some more.

        Raises:
            OSError: the memory is gone.
        """
        with ExitStack() as closing:
            shelf = MemoryShelf(self.folder, self.node)
            closing.callback(shelf.close)
            closing.callback(self._close)
            threads = closing.enter_context(ThreadPoolExecutor(_AT_ONCE, "bring memory"))
            closing.callback(self.stop)
            for _ in range(_LOOKS):
                self._changed.clear()
                others = list(threads.map(self._ask, self.addresses))
                own = shelf.told()
                plan = lying.plan(own, [told for told in others if told is not None])
                for each in plan.dropped:
                    shelf.drop(each)
                wanted = lying.fitting(plan.brought, shelf.free_bytes())
                self._brought.without_room = len(plan.brought) - len(wanted)
                list(threads.map(partial(self._bring, shelf, own), wanted))
                if not self._changed.is_set():
                    break
        return self._brought

    def stop(self) -> None:
        """Have it end soon; from any thread."""
        self._stopped.set()
        with self._lock:
            for line in self._all_lines:
                line.shut()

    def _close(self) -> None:
        for line in self._all_lines:
            line.close()

    def _line(self, node: str) -> NeighbourMemory:
        """This thread's connection to a node."""
        lines: dict[str, NeighbourMemory] = self._lines.__dict__
        if node not in lines:
            lines[node] = NeighbourMemory(node, self.addresses[node], self.context, self.key)
            with self._lock:
                self._all_lines.append(lines[node])
        return lines[node]

    def _ask(self, node: str) -> Told | None:
        for rest in reversed(range(_TRIES)):
            try:
                return self._line(node).told()
            except TryAgainError as error:
                if self._stopped.wait(_PAUSE_SECONDS) or not rest:
                    self._trouble(node, str(error))
                    return None
        return None

    def _bring(self, shelf: MemoryShelf, own: Told, wanted: Wanted) -> None:
        """Bring one object from the first node that gives it."""
        if self._stopped.is_set():
            return
        each, nodes = wanted
        try:
            with self._room:  # so that what one takes is seen by the next
                descriptor = shelf.begin(each)
        except NoRoomError:
            self._no_room()
            return
        try:
            instead = own.objects.get(each.name)
            if self._fetch(each, descriptor, nodes) and shelf.publish(each, descriptor, instead):
                with self._lock:
                    self._brought.objects += 1
                    self._brought.size_bytes += each.size_bytes
        except NoRoomError:
            self._no_room()
        finally:
            os.close(descriptor)

    def _fetch(self, each: Lying, descriptor: int, nodes: tuple[str, ...]) -> bool:
        """Whether all of it came. What came stays when a line breaks, or the next node is asked."""
        offset = 0
        for node in nodes:
            tries, busy, written = _TRIES, _BUSY_TRIES, _TRIES
            while tries and busy and not self._stopped.is_set():
                try:
                    came = self._line(node).bring(each, descriptor, offset, self._stopped.is_set)
                except ChangedError:
                    self._changed.set()  # replaced or deleted meanwhile: what is there now is asked
                    return False
                except BusyError:
                    busy -= 1
                    self._stopped.wait(_PAUSE_SECONDS)
                    continue
                except WrittenError:
                    written -= 1
                    if not written:
                        return False
                    self._stopped.wait(_PAUSE_SECONDS)
                    continue
                with self._lock:
                    self.came_bytes += came - offset
                if came == each.size_bytes:
                    return True
                tries, offset = (_TRIES if came > offset else tries - 1), came
                self._stopped.wait(_PAUSE_SECONDS)
            self._trouble(node, f"node {node} does not give object {each.name}")
        return False

    def _no_room(self) -> None:
        with self._lock:
            self._brought.without_room += 1

    def _trouble(self, node: str, cause: str) -> None:
        with self._lock:
            self._brought.trouble.setdefault(node, cause)
