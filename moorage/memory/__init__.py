"""Objects in a node's memory: put by one process, got by another without a copy.

    from moorage import memory

    memory.put("features", table)
    memory.get("features")

The objects lie in the directory that `MOORAGE_MEMORY` names, or in one of the user's own in `/dev/shm`. They stay when
their writer ends, need no daemon, and are removed by `delete`. A table is an Arrow IPC file, which any Arrow program
reads. `MOORAGE_MEMORY=vineyard:///run/vineyard.sock` has them lie in a vineyard daemon's memory instead.

Tables and arrays of pyarrow, arrays of numpy, frames and series of pandas and polars, sparse matrices of scipy, and
dicts, lists and tuples of them come back equal, and without a copy where their type permits that: such values can't be
written to, unless they were asked for with `writable=True`.
Anything else is pickled, and unpickled for those alone who say that they trust the writer: `trust=True`.

    store      put, get, delete and list, in one place
    objects    between a value and its bytes; objects in files of any name
    space      what holds whole objects under names
    files      files in shared memory do
    vineyard/  blobs of a vineyard daemon do
    layout     what an object's bytes are
    kinds/     which types are kept, a file each and one table
"""

import asyncio
import functools
from typing import Any

from moorage.memory.store import MemoryStore, default_place

__all__ = ["MemoryStore", "aget", "aput", "default_place", "delete", "get", "list_names", "put"]


@functools.cache
def _default() -> MemoryStore:
    return MemoryStore(default_place())


def put(name: str, value: Any) -> int:  # noqa: ANN401 - any Python object
    """Put an object under a name, in place of what was there; see `MemoryStore.put`."""
    return _default().put(name, value)


def get(name: str, *, trust: bool = False, writable: bool = False) -> Any:  # noqa: ANN401 - what was put
    """Get an object; see `MemoryStore.get`."""
    return _default().get(name, trust=trust, writable=writable)


def delete(name: str) -> bool:
    """Delete an object; see `MemoryStore.delete`."""
    return _default().delete(name)


def list_names() -> list[str]:
    """The names of all objects, sorted."""
    return _default().names()


async def aput(name: str, value: Any) -> int:  # noqa: ANN401 - any Python object
    """`put` in a thread, for a program with an event loop."""
    return await asyncio.to_thread(put, name, value)


async def aget(name: str, *, trust: bool = False, writable: bool = False) -> Any:  # noqa: ANN401 - what was put
    """`get` in a thread, for a program with an event loop."""
    return await asyncio.to_thread(get, name, trust=trust, writable=writable)
