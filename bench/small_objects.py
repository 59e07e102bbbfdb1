"""Many small objects in memory: puts and gets of one process in a second of its CPU time, and memory.

The peers put the same arrays: pickles that are published by a rename, as ours are, and blocks of
`multiprocessing.shared_memory`, which leave it to their users that a reader sees a whole one.
"""

import contextlib
import os
import pickle
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing import resource_tracker, shared_memory
from pathlib import Path
from typing import Any

import numpy as np

from bench.rows import Row
from moorage.memory import MemoryStore

OBJECTS = 100_000
_VALUES = 64
_AIM_PER_SECOND = 100_000
_NAME = "{number:06}"


def measure(objects: int = OBJECTS) -> Iterator[Row]:
    """Put them all, get them all, each way."""
    with tempfile.TemporaryDirectory(prefix="moorage-bench-", dir="/dev/shm") as shared:
        store = MemoryStore(shared)
        puts, gets, taken_bytes = _taken(objects, store.put, store.get, Path(shared))
        for name in store.names():
            store.delete(name)
    with tempfile.TemporaryDirectory(prefix="moorage-bench-", dir="/dev/shm") as shared:
        pickled = _taken(objects, *_pickles(Path(shared)), Path(shared))
    with contextlib.ExitStack() as closing:
        blocks = _taken(objects, *_blocks(closing), Path("/dev/shm"))  # noqa: S108
    for what, ours, its, block in (("puts", puts, pickled[0], blocks[0]), ("gets", gets, pickled[1], blocks[1])):
        yield row(what, objects, ours, its, block)
    yield Row(
        f"memory of an object of {8 * _VALUES} bytes",
        f"{taken_bytes:,.0f} bytes",
        f"pickle {pickled[2]:,.0f} bytes, multiprocessing.shared_memory {blocks[2]:,.0f} bytes",
    )


def row(what: str, objects: int, ours: float, pickled: float, blocks: float) -> Row:
    """One direction: of so many objects, how many in a second."""
    return Row(
        f"small objects: {what} of one process, {objects:,} of {8 * _VALUES} bytes",
        f"{ours:,.0f} in a second of CPU time",
        f"pickle by a rename {pickled:,.0f}, multiprocessing.shared_memory {blocks:,.0f}",
        f"{_AIM_PER_SECOND:,}",
        ours >= _AIM_PER_SECOND,
    )


def _taken(
    objects: int, put: Callable[[str, Any], object], get: Callable[[str], Any], where: Path
) -> tuple[float, float, float]:
    """Puts and gets in a second of CPU time, and the bytes that each object took there."""
    values = np.arange(_VALUES)
    names = [_NAME.format(number=number) for number in range(objects)]
    free_bytes = _free_bytes(where)
    began = time.process_time()
    for name in names:
        put(name, values)
    put_at = time.process_time()
    taken_bytes = free_bytes - _free_bytes(where)
    total, got_from = 0, time.process_time()
    for name in names:
        total += int(get(name)[-1])
    ended = time.process_time()
    if total != objects * (_VALUES - 1):
        raise ValueError("what was got is not what was put")
    return objects / (put_at - began), objects / (ended - got_from), taken_bytes / objects


def _free_bytes(where: Path) -> int:
    found = os.statvfs(where)
    return found.f_bfree * found.f_frsize


def _pickles(folder: Path) -> tuple[Callable[[str, Any], object], Callable[[str], Any]]:
    def put(name: str, value: Any) -> None:  # noqa: ANN401 - any object
        new = folder / f".{name}"
        new.write_bytes(pickle.dumps(value, protocol=5))
        new.rename(folder / name)

    return put, lambda name: pickle.loads((folder / name).read_bytes())  # noqa: S301 - our own


def _blocks(closing: contextlib.ExitStack) -> tuple[Callable[[str, Any], object], Callable[[str], Any]]:
    prefix = f"bench-{os.getpid()}-"

    def put(name: str, value: Any) -> None:  # noqa: ANN401 - an array
        block = shared_memory.SharedMemory(prefix + name, create=True, size=value.nbytes)
        np.ndarray(len(value), dtype=value.dtype, buffer=block.buf)[:] = value
        resource_tracker.unregister(f"/{block.name}", "shared_memory")
        block.close()
        closing.callback((Path("/dev/shm") / block.name).unlink)  # noqa: S108

    def get(name: str) -> Any:  # noqa: ANN401 - an array
        block = shared_memory.SharedMemory(prefix + name)
        resource_tracker.unregister(f"/{block.name}", "shared_memory")
        value = np.ndarray(_VALUES, dtype=np.int64, buffer=block.buf).copy()
        block.close()
        return value

    return put, get
