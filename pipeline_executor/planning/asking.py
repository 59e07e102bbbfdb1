"""The parent: one planning process for one question, fed as it reads, ended when its time is over."""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from pipeline_executor.planning.question import Answer, Question, Unsettled, read_answer

_log = logging.getLogger(__name__)

_MOST_ANSWER_BYTES = 64 << 20
_MOST_COMPLAINT_BYTES = 16_384
_BESIDES_SECONDS = 60.0
"""The time for starting, reading and writing, besides the time limit of the plan."""
_KEPT = ("PATH", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "LANG", "LC_ALL", "TZ", "NUMBA_CACHE_DIR", "TMPDIR")
_ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one planning.

    Attributes:
        memory_bytes: address space, the solver's libraries included, which map about 1 GiB of it.
        seconds: the most that a run's `timeLimitSeconds` counts for.
    """

    memory_bytes: int = 2 << 30
    seconds: float = 600.0


async def ask(question: Question, objects: AsyncIterable[Mapping[str, Any]], limits: Limits) -> Answer:
    """Plan. Cancelling the caller ends the process.

    Args:
        question: the planning question.
        objects: the cluster's Sites, Datasets and Namespaces, raw.
        limits: what it may take; the question's time limit lies within them.

    Raises:
        KubeError: `objects` did.
        InputError: the process answered what can't be read.
    """
    seconds = int(question.time_limit_seconds + _BESIDES_SECONDS)
    # The child is no client of any cluster or store: it gets none of our settings.
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment |= dict.fromkeys(_ONE_THREAD, "1") | {"HOME": "/tmp"}  # noqa: S108 - nothing is kept there
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        __package__ or "pipeline_executor.planning",
        str(limits.memory_bytes),
        str(seconds),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(seconds + _BESIDES_SECONDS):
            told = asyncio.create_task(_bounded(child.stdout, _MOST_ANSWER_BYTES))
            complained = asyncio.create_task(_bounded(child.stderr, _MOST_COMPLAINT_BYTES))
            await _feed(child, question, objects)
            content, complaint = await told, await complained
            code = await child.wait()
    except TimeoutError:
        remedy = "lower timeLimitSeconds, or make the pipeline smaller"
        return Unsettled(f"planning did not end within {seconds} s: {remedy}")
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()
    if code != 0 or content is None:
        _log.warning("planning ended with %d: %s", code, (complaint or b"")[-2000:].decode(errors="replace"))
        gib = limits.memory_bytes / 2**30
        return Unsettled(
            f"planning was ended: it may have taken more than its {gib:g} GiB or {seconds} s; make the pipeline "
            "smaller, or have the hub's limits raised"
        )
    return read_answer(content)


async def _feed(
    child: asyncio.subprocess.Process, question: Question, objects: AsyncIterable[Mapping[str, Any]]
) -> None:
    """Write all of it; a child that ended meanwhile says why by its exit code."""
    sink = child.stdin
    if sink is None:
        return
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        sink.write(question.write())
        await sink.drain()
        async for raw in objects:
            sink.write(orjson.dumps(raw) + b"\n")
            await sink.drain()
        sink.close()
        await sink.wait_closed()


async def _bounded(stream: asyncio.StreamReader | None, most_bytes: int) -> bytes | None:
    """Return all that comes; None where that is more than so many bytes. It is read to its end either way."""
    if stream is None:
        return None
    content = bytearray()
    while piece := await stream.read(1 << 16):
        if len(content) <= most_bytes:
            content += piece
    return bytes(content) if len(content) <= most_bytes else None
