"""Logs of tasks that run, written to the store in parts, so that whoever may read the store can follow them.

So many logs are read from the API server at once; where more tasks run, they take turns. A part is written where there
is something new, the more seldom the more parts there are. What is in the parts are the first bytes of what the task
printed, so a spoke that restarts goes on where the parts end.
"""

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from moorage.errors import MoorageError, NotFoundError
from moorage.grants.question import PodIdentity
from moorage.kube import Client
from pipeline_executor.runners.task_records import TaskRecords

_log = logging.getLogger(__name__)

_PIECES: Final = 8
"""Pieces of a log that wait to be written; each has 64 KiB or so."""
_PARTS_AT_A_PACE: Final = 60
_SLOWEST: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveLogSettings:
    """The settings of live logs.

    Attributes:
        at_once: logs that are read at the same time; 0: no parts are written.
        pause_seconds: between two parts, while there are few of them.
        turn_seconds: after so long a log makes way for one that waits.
        most_bytes: of all parts of a log.
    """

    at_once: int = 32
    pause_seconds: float = 5.0
    turn_seconds: float = 60.0
    most_bytes: int = 16 << 20


def pause_seconds(parts: int, first: float) -> float:
    """Return the pause before the next part; from 5 s, a task that prints all day gets about 1,800 parts."""
    return first * min(1 + parts // _PARTS_AT_A_PACE, _SLOWEST)


@dataclass(frozen=True, slots=True)
class Speaker:
    """A task that runs, and prints.

    Attributes:
        container: the task's own, of the pod.
        task: its path.
        records: where its parts are written.
    """

    pod: PodIdentity
    container: str
    task: str
    attempt: int
    records: TaskRecords


class LiveLogs:
    """The follower of running tasks' logs; `async with` ends it.

    Args:
        client: the API server.
        settings: its settings.
    """

    def __init__(self, client: Client, settings: LiveLogSettings) -> None:
        self._client = client
        self._settings = settings
        self._waiting: OrderedDict[str, Speaker] = OrderedDict()
        self._running: dict[str, asyncio.Task[None]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting.clear()
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def follow(self, speaker: Speaker) -> None:
        """Follow the log of a task that runs; saying so again changes nothing."""
        uid = speaker.pod.uid
        if self._settings.at_once and uid not in self._running:
            self._waiting.setdefault(uid, speaker)
            self._start()

    async def stop(self, pod_uid: str) -> None:
        """Write no more of this pod's log: it has ended, and all of it is about to be written."""
        self._waiting.pop(pod_uid, None)
        task = self._running.get(pod_uid)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _start(self) -> None:
        while self._waiting and len(self._running) < self._settings.at_once:
            uid, speaker = self._waiting.popitem(last=False)
            task = self._running[uid] = asyncio.create_task(self._write(speaker), name=f"log of {speaker.pod.name}")
            task.add_done_callback(lambda _, uid=uid: self._over(uid))  # type: ignore[misc]

    def _over(self, uid: str) -> None:
        self._running.pop(uid, None)
        self._start()

    async def _write(self, speaker: Speaker) -> None:
        """Write parts until all that may be in parts is written, the pod is gone, or it is another's turn."""
        ends = time.monotonic() + self._settings.turn_seconds
        with contextlib.suppress(NotFoundError):
            while await self._session(speaker, ends):
                if self._makes_way(ends):
                    self._waiting[speaker.pod.uid] = speaker
                    return
                await asyncio.sleep(self._settings.pause_seconds)

    def _makes_way(self, ends: float) -> bool:
        return bool(self._waiting) and time.monotonic() >= ends

    async def _session(self, speaker: Speaker, ends: float) -> bool:
        """Follow the log as long as one connection lasts; whether to go on with another."""
        records, task, attempt = speaker.records, speaker.task, speaker.attempt
        parts, offset = records.log_parts(task, attempt)
        room = self._settings.most_bytes - offset
        if room <= 0:
            return False
        pieces: asyncio.Queue[bytes] = asyncio.Queue(_PIECES)
        reading = asyncio.create_task(self._read(speaker, offset, pieces), name=f"reads {speaker.pod.name}")
        rest = b""
        try:
            while not self._makes_way(ends):
                await asyncio.wait({reading}, timeout=pause_seconds(parts, self._settings.pause_seconds))
                if reading.done():
                    # Either the task has ended, and all of its log is written soon, or the connection broke, and what
                    # is not in a part yet is read again.
                    await reading
                    return True
                content, rest = _whole_lines(rest + _drained(pieces))
                if content:
                    if not await records.write_log_part(task, attempt, content[:room]):
                        return True
                    parts += 1
                    room -= len(content)
                    if room <= 0:
                        return False
        except NotFoundError:
            raise
        except MoorageError as error:
            _log.debug("the log of task %s, attempt %d, can't be followed now: %s", task, attempt, error)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        return True

    async def _read(self, speaker: Speaker, offset: int, pieces: asyncio.Queue[bytes]) -> None:
        """Read what the container prints, from a byte on."""
        pod = speaker.pod
        async with self._client.follow_log(pod.name, pod.namespace, speaker.container) as coming:
            async for piece in coming:
                skipped = min(offset, len(piece))
                offset -= skipped
                if piece[skipped:]:
                    await pieces.put(piece[skipped:])


def _drained(pieces: asyncio.Queue[bytes]) -> bytes:
    found = []
    with contextlib.suppress(asyncio.QueueEmpty):
        while True:
            found.append(pieces.get_nowait())
    return b"".join(found)


def _whole_lines(content: bytes) -> tuple[bytes, bytes]:
    """Split content after its last line break; all of it comes first where there is none."""
    end = content.rfind(b"\n") + 1
    return (content[:end], content[end:]) if end else (content, b"")
