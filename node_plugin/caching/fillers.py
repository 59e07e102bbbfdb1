"""The processes that fill, one a version: started without rights, listened to, ended with us."""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from moorage.errors import InputError
from node_plugin.filler.exchange import (
    MOST_LINE_BYTES,
    Done,
    Ended,
    Ending,
    Job,
    Listed,
    Unpacked,
    read_line,
    write_job,
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
    """

    ended: Ended
    objects: int = 0
    size_bytes: int = 0
    unpacked: Unpacked | None = None


async def run_filler(
    folder: Path, job: Job, *, user: int | None, reused: Path | None, tell: Callable[[int, int], None]
) -> Filled:
    """Fill a folder and wait for the end; cancelled, the process is killed.

    Args:
        folder: to fill; the process's own.
        job: with what; where `reused` is given, its descriptor is filled in.
        user: as whom; None: as we are.
        reused: an older version's folder.
        tell: hears how many bytes are whole, and how many lie on the disk.
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
    try:
        return await _hear(child, write_job(_with_descriptor(job, descriptors)), tell)
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await asyncio.shield(child.wait())


def _with_descriptor(job: Job, descriptors: tuple[int, ...]) -> Job:
    return Job(
        grant=job.grant,
        connections=job.connections,
        most_objects=job.most_objects,
        most_bytes=job.most_bytes,
        reused=descriptors[0] if descriptors else None,
        spare_bytes=job.spare_bytes,
    )


async def _hear(child: asyncio.subprocess.Process, job: bytes, tell: Callable[[int, int], None]) -> Filled:
    listed = Listed(0, 0)
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
                case Done(size_bytes):
                    tell(min(size_bytes, listed.size_bytes), 0)
                case Unpacked() as some:
                    unpacked = some
                    tell(max(0, listed.size_bytes - 1), listed.size_bytes + some.size_bytes)
                case Ended() as ended:
                    break
    except (InputError, ValueError) as error:
        _log.warning("a filler says what can't be understood", extra={"cause": str(error)})
        return Filled(ended=Ended(Ending.FAILED, "the filler says what can't be understood"))
    if ended.ending is Ending.WHOLE:
        ended = await _confirmed(child, ended)
    return Filled(ended=ended, objects=listed.objects, size_bytes=listed.size_bytes, unpacked=unpacked)


async def _confirmed(child: asyncio.subprocess.Process, ended: Ended) -> Ended:
    """What it says last counts only if it ends as it says."""
    try:
        async with asyncio.timeout(_KILL_SECONDS * 10):
            if await child.wait() != 0:
                return Ended(Ending.FAILED, "the filler did not end well")
    except TimeoutError:
        return Ended(Ending.FAILED, "the filler did not end")
    return ended
