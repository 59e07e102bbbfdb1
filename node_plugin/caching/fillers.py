"""The processes that fill, one a version: started without rights, listened to, ended with us."""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from moorage.errors import InputError
from moorage.serving import metrics
from node_plugin.filler.exchange import (
    MOST_LINE_BYTES,
    Done,
    Ended,
    Ending,
    Job,
    Left,
    Listed,
    Unpacked,
    View,
    read_line,
    write_job,
    write_view,
)

_log = logging.getLogger(__name__)

_KILL_SECONDS: Final = 2.0
# All that it may inherit: where the code is, and who signs certificates.
_INHERITED: Final = ("PATH", "PYTHONPATH", "SSL_CERT_FILE", "SSL_CERT_DIR")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What a fill came to.

    Attributes:
        objects: that the version has; 0 where it was not listed.
        size_bytes: of them.
        unpacked: what came out of an archive; None: it was none.
        near_bytes: that came from neighbours.
        far_bytes: that came from the source.
    """

    ended: Ended
    objects: int = 0
    size_bytes: int = 0
    unpacked: Unpacked | None = None
    near_bytes: int = 0
    far_bytes: int = 0


async def run_filler(  # noqa: PLR0913 - each is a keyword
    folder: Path,
    job: Job,
    *,
    user: int | None,
    reused: Path | None,
    tell: Callable[[int, int, int], None],
    views: AsyncIterator[View] | None = None,
) -> Filled:
    """Fill a folder and wait for the end; cancelled, the process is killed.

    Args:
        folder: to fill; the process's own.
        job: with what; where `reused` is given, its descriptor is filled in.
        user: as whom; None: as we are.
        reused: an older version's folder.
        tell: hears how many bytes are whole, how many lie on the disk, and how many came from neighbours.
        views: of the neighbours, as they change; None: there are none.
    """
    with contextlib.ExitStack() as open_folders:
        descriptors: tuple[int, ...] = ()
        if reused is not None:
            descriptor = os.open(reused, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            open_folders.callback(os.close, descriptor)
            descriptors = (descriptor,)
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            # Never from the folder that it is in, where a store may have put anything.
            "-P",
            "-m",
            "node_plugin.filler",
            cwd=folder,
            env=environment | {"PYTHONDONTWRITEBYTECODE": "1"},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=descriptors,
            limit=MOST_LINE_BYTES,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )
    viewing = None if views is None else asyncio.create_task(_show(child, views), name="neighbours of a fill")
    try:
        return await _hear(child, write_job(_with_descriptor(job, descriptors)), tell)
    finally:
        if viewing is not None:
            viewing.cancel()
            await asyncio.gather(viewing, return_exceptions=True)
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await asyncio.shield(child.wait())


def _with_descriptor(job: Job, descriptors: tuple[int, ...]) -> Job:
    return replace(job, reused=descriptors[0] if descriptors else None)


async def _show(child: asyncio.subprocess.Process, views: AsyncIterator[View]) -> None:
    """Pass views on as they come."""
    async for view in views:
        if child.stdin is None:
            return
        with contextlib.suppress(ConnectionError):
            child.stdin.write(write_view(view))
            await child.stdin.drain()


async def _hear(child: asyncio.subprocess.Process, job: bytes, tell: Callable[[int, int, int], None]) -> Filled:
    listed, done = Listed(0, 0), Done(0)
    unpacked: Unpacked | None = None
    ended = Ended(Ending.FAILED, "the filler ended without a word")
    if child.stdin is None or child.stdout is None:
        return Filled(ended=ended)
    with contextlib.suppress(ConnectionError):
        child.stdin.write(job)
        await child.stdin.drain()
    try:
        while line := await child.stdout.readline():
            match read_line(line):
                case Listed() as listed:
                    pass
                case Done() as done:
                    tell(min(done.size_bytes, listed.size_bytes), 0, done.near_bytes)
                case Left(node, why):
                    metrics.NEIGHBOURS_LEFT.inc()
                    _log.warning("a neighbour is asked no more", extra={"neighbour": node, "cause": why})
                case Unpacked() as some:
                    unpacked = some
                    tell(max(0, listed.size_bytes - 1), listed.size_bytes + some.size_bytes, 0)
                case Ended() as ended:
                    break
    except (InputError, ValueError) as error:
        _log.warning("a filler says what can't be understood", extra={"cause": str(error)})
        return Filled(ended=Ended(Ending.FAILED, "the filler says what can't be understood"))
    if ended.ending is Ending.WHOLE:
        ended = await _confirmed(child, ended)
    return Filled(
        ended=ended,
        objects=listed.objects,
        size_bytes=listed.size_bytes,
        unpacked=unpacked,
        near_bytes=min(done.near_bytes, listed.size_bytes),
        far_bytes=min(done.far_bytes, listed.size_bytes),
    )


async def _confirmed(child: asyncio.subprocess.Process, ended: Ended) -> Ended:
    """What it says last counts only if it ends as it says."""
    try:
        async with asyncio.timeout(_KILL_SECONDS * 10):
            if await child.wait() != 0:
                return Ended(Ending.FAILED, "the filler did not end well")
    except TimeoutError:
        return Ended(Ending.FAILED, "the filler did not end")
    return ended
