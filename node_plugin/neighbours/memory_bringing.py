"""Brings what other nodes of the site have in a Dataset's memory to this one, before a pod is shown it.

Each object comes once, however many pods wait. A pod that comes while objects are brought waits for another look, which
begins after it came: so it sees all that was put before it.
"""

import asyncio
import errno
import logging
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from moorage.errors import MountError, NotYetError
from moorage.grants.neighbours import Neighbour, Pass
from moorage.grants.question import GrantQuestion, PodIdentity
from moorage.objectives import format_bytes
from moorage.refusal import Refusal
from moorage.serving import metrics
from node_plugin.broker import Introducing
from node_plugin.filler.neighbour import client_context
from node_plugin.memory.holding import MemoryKey
from node_plugin.memory.shared import SharedMemory
from node_plugin.neighbours.memory_round import Brought, Round

_log = logging.getLogger(__name__)

# The kubelet gives a call two minutes.
_WAIT_SECONDS: Final = 60.0
_PATIENCE_SECONDS: Final = 60.0
_MOST_WAITING: Final = 1024
_STOP_SECONDS: Final = 20.0
_AT_ONCE: Final = 4


@dataclass(slots=True)
class _Look:
    """One look at what others have.

    Attributes:
        has_begun: others may join it no more.
    """

    task: "asyncio.Task[Brought]"
    has_begun: asyncio.Event
    round: Round | None = None


@dataclass(slots=True)
class MemoryBringer:
    """Brings objects to one node.

    Attributes:
        node: this one.
        broker: tells who has what, and gives passes.
        ca_file: who signs the certificates of node plugins.
        patience_seconds: that a pod waits for a node that does not answer.
    """

    node: str
    broker: Introducing
    ca_file: Path
    memory: SharedMemory
    patience_seconds: float = _PATIENCE_SECONDS
    _looks: dict[MemoryKey, list[_Look]] = field(default_factory=dict)
    _since: dict[tuple[str, MemoryKey], float] = field(default_factory=dict)
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_AT_ONCE, "bring memory"))

    async def bring(self, key: MemoryKey, size_bytes: int, pod: PodIdentity) -> None:
        """Have everything here that other nodes have; what has no room stays away.

        Raises:
            BrokerError: nobody says who has what.
            NotYetError: it is being brought; asking again will help.
            MountError: there is no room for the memory, or the kernel refused.
        """
        self.memory.make(key, size_bytes)
        since = self._waits_since(key, pod)
        with self.memory.waiting(key):
            look = self._joined(key, pod)
            try:
                async with asyncio.timeout(_WAIT_SECONDS):
                    brought = await asyncio.shield(look.task)
            except TimeoutError:
                if time.monotonic() - since >= self.patience_seconds and await self._has_stopped(key):
                    self._since.pop((pod.uid, key), None)
                    _log.warning("a pod starts without objects that no node gives", extra={"pod": str(pod)})
                    return
                came = 0 if look.round is None else look.round.came_bytes
                said = (
                    f"dataset {key.ref}: what other nodes have in memory is brought to this one before the pod starts"
                )
                raise NotYetError(f"{said}; {format_bytes(came)} have come") from None
        left_seconds = self.patience_seconds - (time.monotonic() - since)
        if brought.trouble and left_seconds > 0:
            said = f"dataset {key.ref}: not all that other nodes have in memory can be brought to this one"
            causes = "; ".join(brought.trouble.values())
            raise NotYetError(f"{said} ({causes}). The pod starts without it in {left_seconds:.0f} s")
        self._since.pop((pod.uid, key), None)
        if brought.trouble or brought.without_room or brought.refused:
            facts = {"dataset": str(key.ref), "pod": str(pod), "without_room": brought.without_room}
            facts["refused"] = brought.refused
            _log.warning("a pod starts without objects that other nodes have", extra={**facts, **brought.trouble})

    async def close(self) -> None:
        """End what is being brought."""
        tasks = [look.task for looks in self._looks.values() for look in looks]
        for looks in self._looks.values():
            for look in looks:
                if look.round is not None:
                    look.round.stop()
                look.task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _joined(self, key: MemoryKey, pod: PodIdentity) -> _Look:
        """A look that has not begun yet."""
        looks = self._looks.setdefault(key, [])
        if looks and not looks[-1].has_begun.is_set():
            return looks[-1]
        begun = asyncio.Event()
        look = _Look(asyncio.create_task(self._look(key, pod, begun, looks[-1].task if looks else None)), begun)
        looks.append(look)
        look.task.add_done_callback(lambda _: self._ended(key, look))
        return look

    def _ended(self, key: MemoryKey, look: _Look) -> None:
        looks = self._looks[key]
        looks.remove(look)
        if not looks:
            del self._looks[key]
        if not look.task.cancelled():
            look.task.exception()  # whoever waits for it hears of it; perhaps nobody does any more

    def _waits_since(self, key: MemoryKey, pod: PodIdentity) -> float:
        """Since when a pod waits for this memory; of very many, those that came first are forgotten."""
        while len(self._since) >= _MOST_WAITING and (pod.uid, key) not in self._since:
            self._since.pop(next(iter(self._since)))
        return self._since.setdefault((pod.uid, key), time.monotonic())

    async def _has_stopped(self, key: MemoryKey) -> bool:
        """Whether nothing has come for so long that what is under way was ended."""
        look = next((look for look in self._looks.get(key, ()) if look.round is not None), None)
        if look is None or look.round is None or time.monotonic() - look.round.moved_at < self.patience_seconds:
            return False
        look.round.stop()
        await asyncio.wait([look.task], timeout=_STOP_SECONDS)
        return look.task.done()

    async def _look(
        self, key: MemoryKey, pod: PodIdentity, begun: asyncio.Event, before: "asyncio.Task[Brought] | None"
    ) -> Brought:
        if before is not None:
            await asyncio.wait([before])
        begun.set()
        asked = GrantQuestion(pod, key.ref)
        told = await self.broker.ask_neighbours(asked)
        if isinstance(told, Refusal) or not told.neighbours:
            if isinstance(told, Refusal):
                _log.info("nothing is brought to memory", extra={"dataset": str(key.ref), "cause": told.message})
            return Brought()
        given = await self.broker.ask_pass(asked)
        if isinstance(given, Refusal):
            _log.info("nothing is brought to memory", extra={"dataset": str(key.ref), "cause": given.message})
            return Brought()
        return await self._bring(key, told.neighbours, given)

    async def _bring(self, key: MemoryKey, neighbours: Iterable[Neighbour], given: Pass) -> Brought:
        try:
            authorities = self.ca_file.read_text(encoding="ascii")
            context = client_context(authorities, given)
        except (OSError, UnicodeError) as error:
            message = f"the authority of node plugins can't be read: {error}"
            raise MountError(message) from error
        addresses: Mapping[str, str] = {each.node: each.address for each in neighbours}
        bringing = Round(key, self.memory.folder(key), self.node, addresses, context)
        for look in self._looks.get(key, ()):
            if look.task is asyncio.current_task():
                look.round = bringing
        try:
            brought = await asyncio.get_running_loop().run_in_executor(self._threads, bringing.run)
        except OSError as error:
            if error.errno == errno.ENOTSUP:
                _log.warning("this kernel keeps no attributes in memory, so objects stay on their node")
                return Brought()
            message = f"dataset {key.ref}: the node's memory can't be used: {error}"
            raise MountError(message) from error
        finally:
            bringing.stop()
        if brought.objects:
            metrics.MEMORY_BROUGHT_BYTES.inc(brought.size_bytes)
            facts = {"dataset": str(key.ref), "objects": brought.objects, "bytes": brought.size_bytes}
            _log.info("objects were brought to memory", extra=facts)
        return brought
