"""Sorts more entries than memory should hold: sorted runs in temporary files, merged as they are read back."""

import heapq
import struct
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import IO

from dataset_operator.listing.tally import Entry

# A run of fifty thousand entries takes some 15 MB while it is sorted; a million objects make twenty open files. Keys
# may be long, so that a run is bounded in bytes, too.
ENTRIES_IN_A_RUN = 50_000
_BYTES_IN_A_RUN = 8 * 1024 * 1024
_HEAD = struct.Struct(">IQI")  # lengths, because a key may contain any byte, the line feed too


def sorted_by_key(entries: Iterable[Entry], *, entries_in_a_run: int = ENTRIES_IN_A_RUN) -> Iterator[Entry]:
    """Yield the entries in bytewise order of their keys, each key once (a store may list one twice during a write).

    Args:
        entries: in any order.
        entries_in_a_run: how many are in memory at once; the rest is on disk, in the directory for temporary files.
    """
    with ExitStack() as stack:
        runs: list[Iterator[Entry]] = []
        run: list[Entry] = []
        run_bytes = 0
        for entry in entries:
            run.append(entry)
            run_bytes += len(entry[0]) + len(entry[2])
            if len(run) == entries_in_a_run or run_bytes > _BYTES_IN_A_RUN:
                runs.append(_read_back(_spill(run, stack)))
                run, run_bytes = [], 0
        run.sort()
        last: bytes | None = None
        for entry in heapq.merge(*runs, run):
            if entry[0] != last:
                last = entry[0]
                yield entry


def _spill(run: list[Entry], stack: ExitStack) -> IO[bytes]:
    run.sort()
    file = stack.enter_context(tempfile.TemporaryFile(prefix="moorage-listing-"))  # noqa: SIM115 - closed by the stack
    for key, size_bytes, etag in run:
        tag = etag.encode()
        file.write(_HEAD.pack(len(key), size_bytes, len(tag)))
        file.write(key)
        file.write(tag)
    file.seek(0)
    return file


def _read_back(file: IO[bytes]) -> Iterator[Entry]:
    while head := file.read(_HEAD.size):
        key_length, size_bytes, tag_length = _HEAD.unpack(head)
        yield file.read(key_length), size_bytes, file.read(tag_length).decode()
