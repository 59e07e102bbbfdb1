"""One round of bringing: ask the nodes what lies there, decide, bring it, drop what is at its home no more."""

import logging
import os
import ssl
import threading
import time
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
from node_plugin.neighbours.credit import Credit
from node_plugin.neighbours.memory_calling import NeighbourMemory, WrittenError

_log = logging.getLogger(__name__)

_TRIES: Final = 4
"""In a row, without a byte that came; then the node is left, for all objects."""
_SILENT_SECONDS: Final = 30.0
_BUSY_SECONDS: Final = 120.0
"""A node that serves others is waited for longer than one that does not answer."""
_LEAST_EARNED_BYTES: Final = 64 << 10
"""What the smallest object counts as: it takes a question and an answer, too."""
_MOST_ENTRIES: Final = 300_000
"""Of all listings that are held at once."""
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
        refused: how many this node's kernel refused.
        trouble: why something could not be brought, by node.
    """

    objects: int = 0
    size_bytes: int = 0
    without_room: int = 0
    refused: int = 0
    trouble: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Patience:
    """With one node, in one round.

    Attributes:
        silent: while it is asked and little comes.
        busy: while it says that it serves others, or that somebody writes to what it has.
        is_over: it was left.
    """

    silent: Credit
    busy: Credit
    is_over: bool = False


@dataclass(slots=True)
class Round:
    """One round.

    Attributes:
        addresses: of the nodes that have something, by name.
        context: towards them.
        came_bytes: so far.
        moved_at: when something came last, or a node asked for patience; seconds, monotonic.
        silent_seconds: that a node may be silent.
        busy_seconds: that it may serve others.
    """

    key: MemoryKey
    folder: Path
    node: str
    addresses: Mapping[str, str]
    context: ssl.SSLContext
    came_bytes: int = 0
    moved_at: float = field(default_factory=time.monotonic)
    silent_seconds: float = _SILENT_SECONDS
    busy_seconds: float = _BUSY_SECONDS
    _stopped: threading.Event = field(default_factory=threading.Event)
    _changed: threading.Event = field(default_factory=threading.Event)
    _brought: Brought = field(default_factory=Brought)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _room: threading.Lock = field(default_factory=threading.Lock)
    _lines: threading.local = field(default_factory=threading.local)
    _all_lines: list[NeighbourMemory] = field(default_factory=list)
    _patience: dict[str, _Patience] = field(default_factory=dict)
    _entries: int = 0

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
                self._entries = 0
                others = list(threads.map(self._ask, self.addresses))
                own = shelf.told()
                plan = lying.plan(own, [told for told in others if told is not None], time.time_ns())
                for each in plan.dropped:
                    self._drop(shelf, each)
                wanted = lying.fitting(plan.brought, *shelf.free())
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
        """This thread's connection to a node.

        Raises:
            TryAgainError: the round has been stopped.
        """
        lines: dict[str, NeighbourMemory] = self._lines.__dict__
        if node not in lines:
            line = NeighbourMemory(node, self.addresses[node], self.context, self.key)
            with self._lock:
                if self._stopped.is_set():
                    message = "nobody waits for it any more"
                    raise TryAgainError(message)
                self._all_lines.append(line)
            lines[node] = line
        return lines[node]

    def _with(self, node: str) -> _Patience:
        with self._lock:
            if node not in self._patience:
                self._patience[node] = _Patience(Credit(self.silent_seconds), Credit(self.busy_seconds))
            return self._patience[node]

    def _leave(self, node: str, cause: str) -> None:
        """Ask a node no more in this round; whoever waits for it wakes up."""
        self._with(node).is_over = True
        with self._lock:
            self._brought.trouble.setdefault(node, cause)
            for line in self._all_lines:
                if line.node == node:
                    line.shut()

    def _wait(self, patience: _Patience, began: float) -> None:
        """A node asked for patience."""
        self._stopped.wait(_PAUSE_SECONDS)
        patience.busy.spend(began)
        self.moved_at = time.monotonic()

    def _ask(self, node: str) -> Told | None:
        patience, rest = self._with(node), _TRIES
        while not self._stopped.is_set() and not patience.is_over:
            began = time.monotonic()
            try:
                told = self._line(node).told()
            except BusyError:
                self._wait(patience, began)
                if patience.busy.is_spent:
                    self._leave(node, f"node {node} serves others")
            except TryAgainError as error:
                rest -= 1
                self._stopped.wait(_PAUSE_SECONDS)
                patience.silent.spend(began)
                if not rest or patience.silent.is_spent:
                    self._leave(node, str(error))
            else:
                self.moved_at = time.monotonic()
                return told if told is None or self._has_place(told) else None
        return None

    def _has_place(self, told: Told) -> bool:
        """Whether this listing can be held beside the others."""
        with self._lock:
            has_place = self._entries + len(told.objects) <= _MOST_ENTRIES
            self._entries += len(told.objects) if has_place else 0
        if not has_place:
            facts = {"dataset": str(self.key.ref), "neighbour": told.home.node, "objects": len(told.objects)}
            _log.warning("other nodes have too many objects, so those of one are not brought", extra=facts)
        return has_place

    def _drop(self, shelf: MemoryShelf, each: Lying) -> None:
        try:
            shelf.drop(each)
        except OSError as error:
            self._refuse(each, error)

    def _bring(self, shelf: MemoryShelf, own: Told, wanted: Wanted) -> None:
        """Bring one object from the first node that gives it."""
        if self._stopped.is_set():
            return
        each, nodes = wanted
        try:
            with self._room:  # so that what one takes is seen by the next
                descriptor = shelf.begin(each)
            try:
                instead = own.objects.get(each.name)
                if self._fetch(each, descriptor, nodes) and shelf.publish(each, descriptor, instead):
                    with self._lock:
                        self._brought.objects += 1
                        self._brought.size_bytes += each.size_bytes
            finally:
                os.close(descriptor)
        except NoRoomError:
            with self._lock:
                self._brought.without_room += 1
        except OSError as error:
            self._refuse(each, error)

    def _fetch(self, each: Lying, descriptor: int, nodes: tuple[str, ...]) -> bool:
        """Whether all of it came. What came stays when a line breaks, or the next node is asked."""
        offset = 0
        for node in nodes:
            patience, tries, written = self._with(node), _TRIES, _TRIES
            while written and not patience.is_over and not self._stopped.is_set():
                began = time.monotonic()
                try:
                    came = self._line(node).bring(each, descriptor, offset, self._stopped.is_set)
                except ChangedError:
                    patience.silent.spend(began)
                    self._changed.set()  # replaced or deleted meanwhile: what is there now is asked
                    return False
                except (BusyError, WrittenError) as error:
                    written -= isinstance(error, WrittenError)
                    self._wait(patience, began)
                    if patience.busy.is_spent:
                        self._leave(node, f"node {node} serves others, or what it has is being written")
                    continue
                except TryAgainError:  # stopped
                    return False
                self._count(patience, began, came - offset, is_whole=came == each.size_bytes)
                if came == each.size_bytes:
                    return True
                tries, offset = (_TRIES if came > offset else tries - 1), came
                self._stopped.wait(_PAUSE_SECONDS)
                if not tries or patience.silent.is_spent:
                    self._leave(node, f"node {node} does not give object {each.name}")
            if not written:
                return False  # it will be another one
        return False

    def _count(self, patience: _Patience, began: float, came_bytes: int, *, is_whole: bool) -> None:
        patience.silent.spend(began, max(came_bytes, _LEAST_EARNED_BYTES) if is_whole else came_bytes)
        with self._lock:
            self.came_bytes += came_bytes
            if came_bytes or is_whole:
                self.moved_at = time.monotonic()

    def _refuse(self, each: Lying, error: OSError) -> None:
        """The kernel takes one object not; that is no reason to do without the others."""
        with self._lock:
            self._brought.refused += 1
            is_first = self._brought.refused == 1
        if is_first:  # there may be very many
            facts = {"dataset": str(self.key.ref), "object": each.name, "cause": error.strerror or str(error)}
            _log.warning("an object is not brought to memory", extra=facts)
