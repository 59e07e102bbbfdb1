"""Takes events, and makes lines of them at once; seals, stores and publishes them in the background.

A line is in the process's log before `record` returns, so before whatever it tells of has an effect. Storing follows
within seconds. While the store does not answer, lines wait in memory; when no more may wait, `record` raises, and what
the event would have told of must not happen.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self

from moorage.errors import BrokerError, MoorageError, StoreError
from moorage.evidence.chain import Chain, chain_name
from moorage.evidence.heads import Head
from moorage.evidence.line import Event, Line, Link, What
from moorage.evidence.places import Batch
from moorage.evidence.signing import SealingKey
from moorage.kube import Client
from moorage.recording.earlier import earlier_heads
from moorage.recording.keeping import EvidenceStore
from moorage.recording.outbox import Outbox
from moorage.recording.publishing import Places, publish, settled_key
from moorage.serving import metrics
from moorage.serving.logs import mask

_log = logging.getLogger("moorage.audit")
_log.setLevel(logging.INFO)  # whatever the rest of the process is told to keep quiet about
_BEGIN_SECONDS: Final = 5.0
_END_SECONDS: Final = 8.0
_LONGEST_PAUSE_SECONDS: Final = 60.0
_UNIMPORTANT_SHARE: Final = 0.5
_MASKED: Final = (
    "dataset",
    "pod",
    "uid",
    "account",
    "purpose",
    "node",
    "site",
    "version",
    "rule",
    "reason",
    "address",
    "run",
    "artifact",
)
_IMPORTANT: Final = frozenset({What.GRANTED, What.TRANSFER})


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits on waiting lines.

    Attributes:
        pause_seconds: between two batches.
        waiting_bytes: how much may wait for the store.
    """

    pause_seconds: float = 5.0
    waiting_bytes: int = 16 << 20


_USUAL: Final = Limits()


class Recorder:
    """The evidence of one process. `async with` begins its chain, and ends it.

    Args:
        client: the API server.
        component: whose, as `broker`.
        places: of key and heads.
        store: None: lines are in the log only.
        limits: how they wait.
        now: the time.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what a process has, once each
        self,
        client: Client,
        component: str,
        places: Places,
        store: EvidenceStore | None = None,
        limits: Limits = _USUAL,
        now: Callable[[], datetime] = lambda: datetime.now(tz=UTC),
    ) -> None:
        self._client = client
        self._component = component
        self._places = places
        self._store = store
        self._limits = limits
        self._chain = Chain(component, chain_name(now(), secrets.token_bytes(6)), now)
        self._outbox = Outbox(limits.waiting_bytes)
        self._key: SealingKey | None = None
        self._kept: Link | None = None
        self._sealed: Link | None = None
        self._published: Link | None = None
        self._linked = store is None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        before: tuple[Link, ...] = ()
        try:
            async with asyncio.timeout(_BEGIN_SECONDS):
                before = await self._earlier()
        except (MoorageError, TimeoutError) as error:
            _failed("Unlinked", f"what came before is not known yet: {error or 'the store takes its time'}")
        self._write(self._chain.begin(before), "evidence begins")
        metrics.EVIDENCE_WAITING.set_function(lambda: len(self._outbox))
        metrics.EVIDENCE_WAITING_SECONDS.set_function(lambda: self._outbox.oldest_seconds)
        self._task = asyncio.create_task(self._run(), name=f"evidence of {self._component}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._write(self._chain.append(Event(what=What.ENDED)), "evidence ends")
        try:
            async with asyncio.timeout(_END_SECONDS):
                await self._settle()
        except (MoorageError, TimeoutError) as problem:
            _failed("Ended", f"{len(self._outbox)} lines are not in the store: {problem or 'no time was left'}")
        if self._store is not None:
            await self._store.close()

    def record(self, event: Event, message: str) -> None:
        """Write a line.

        Args:
            event: what happened. What looks like a credential is masked.
            message: a sentence for people who read the log.

        Raises:
            BrokerError: no more lines may wait for the store. Half of the room is for grants and transfers alone, so
                that nobody who is refused again and again keeps others from being served.
        """
        if not self.has_room(event.what):
            metrics.EVIDENCE_UNANSWERED.inc()
            problem = "nothing is given out while evidence can't be kept: its store has not answered for long"
            raise BrokerError(problem)
        self._write(self._chain.append(_masked(event)), message)

    def has_room(self, what: What) -> bool:
        """Return whether such an event can be recorded now."""
        share = 1.0 if what in _IMPORTANT else _UNIMPORTANT_SHARE
        return self._store is None or self._outbox.has_room(share)

    def _write(self, line: Line, message: str) -> None:
        metrics.EVIDENCE_LINES.labels(line.event.what.value).inc()
        _log.info(message, extra={"audit": line.document()})
        if self._store is None:
            self._kept = line.link
        else:
            self._outbox.put(line)

    async def _run(self) -> None:
        pause = 0.0
        while True:
            await asyncio.sleep(pause)
            try:
                await self._settle()
            except MoorageError as error:
                reason = error.reason if isinstance(error, StoreError) else type(error).__name__
                _failed(reason, f"evidence waits ({len(self._outbox)} lines): {error}")
                pause = min(max(pause, 1.0) * 2, _LONGEST_PAUSE_SECONDS)
            else:
                pause = self._limits.pause_seconds

    async def _settle(self) -> None:
        """Seal what there is, store it, publish how far it goes.

        Raises:
            MoorageError: one of these is to be tried again.
        """
        problem: MoorageError | None = None
        try:
            if self._key is None:
                self._key = await settled_key(self._client, self._places)
        except MoorageError as error:
            problem = error
        if not self._linked:
            self._write(self._chain.append(Event(what=What.LINKED, chains=await self._earlier())), "evidence is linked")
        self._seal()
        if self._store is not None:
            await self._keep(self._store)
        if problem is not None:
            raise problem
        await self._publish()

    def _seal(self) -> None:
        head = self._chain.head
        if self._key is not None and head is not None and head != self._sealed:
            line = self._chain.append(self._key.seal(head))
            self._write(line, "evidence is sealed")
            self._sealed = line.link

    async def _keep(self, store: EvidenceStore) -> None:
        while (batch := self._outbox.batch()) is not None:
            await store.keep(Batch(self._component, self._chain.name, batch.first), batch.content)
            self._outbox.stored()
            self._kept = batch.last
            metrics.EVIDENCE_STORED.inc(batch.lines)

    async def _publish(self) -> None:
        if self._key is None or self._kept is None or self._kept == self._published:
            return
        head: Head = self._key.sign(self._kept)
        location = None if self._store is None else self._store.location
        await publish(self._client, self._places, self._key, head, location)
        self._published = head.link

    async def _earlier(self) -> tuple[Link, ...]:
        if self._store is None:
            return ()
        found = await earlier_heads(await self._store.reading(), self._store.prefix, self._component)
        self._linked = True
        return tuple(link for link in found if link.chain != self._chain.name)


def _failed(reason: str, message: str) -> None:
    metrics.EVIDENCE_FAILURES.labels(reason).inc()
    logging.getLogger(__name__).warning(message)


def _masked(event: Event) -> Event:
    """Mask what looks like a credential, as the log does, so that its lines are those of the chain."""
    values: dict[str, Any] = {name: getattr(event, name) for name in _MASKED}
    masked: dict[str, Any] = {name: mask(text) for name, text in values.items() if text is not None}
    if event.source is not None:
        masked["source"] = {name: mask(text) for name, text in event.source.items()}
    return replace(event, **masked)
