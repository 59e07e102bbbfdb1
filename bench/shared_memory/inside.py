"""Puts a table, or gets it and reads every value: `python inside.py WAY put|get|free PLACE ROWS`. Prints the seconds.

It stands alone, as another interpreter may run it; `moorage` is found by PYTHONPATH where it is wanted.
"""

import json
import os
import pickle
import sys
import time
from collections.abc import Callable
from importlib import import_module
from multiprocessing import shared_memory
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

COLUMNS = 4
MOST_BYTES = 1 << 30


def make(rows: int) -> pa.Table:
    """Make a table of numbers. A large one has one column several times, and so takes a part of the memory."""
    dice = np.random.default_rng(1)
    if rows * COLUMNS * 8 > MOST_BYTES:
        column = pa.array(dice.random(rows))
        return pa.table({f"c{number}": column for number in range(COLUMNS)})
    return pa.table({f"c{number}": dice.random(rows) for number in range(COLUMNS)})


def scan(table: pa.Table) -> float:
    """Read every value."""
    return float(sum(pc.sum(table.column(name)).as_py() for name in table.column_names))


def ours(place: str) -> tuple[Callable[[pa.Table], object], Callable[[], pa.Table]]:
    """Return the functions of `moorage.memory`."""
    from moorage.memory import MemoryStore  # noqa: PLC0415 - only here

    store = MemoryStore(place)
    return lambda table: store.put("table", table), lambda: store.get("table")


def pickled(place: str) -> tuple[Callable[[pa.Table], object], Callable[[], pa.Table]]:
    """Return the functions of a pickle in shared memory."""
    path = Path(place) / "table.pickle"

    def put(table: pa.Table) -> None:
        with path.open("wb") as file:
            pickle.dump(table, file, protocol=5)

    def get() -> pa.Table:
        with path.open("rb") as file:
            return pickle.load(file)  # noqa: S301 - our own

    return put, get


def blocks(place: str) -> tuple[Callable[[pa.Table], object], Callable[[], pa.Table]]:
    """Return the functions of `multiprocessing.shared_memory`, with Arrow's bytes in the block."""
    name = "bench-" + Path(place).name

    def put(table: pa.Table) -> None:
        size = pa.MockOutputStream()
        with pa.ipc.new_stream(size, table.schema) as writer:
            writer.write_table(table)
        block = shared_memory.SharedMemory(name, create=True, size=size.size())
        with pa.ipc.new_stream(pa.FixedSizeBufferWriter(pa.py_buffer(block.buf)), table.schema) as writer:
            writer.write_table(table)
        keep(block)

    def get() -> pa.Table:
        block = shared_memory.SharedMemory(name)
        keep(block)
        return pa.ipc.open_stream(pa.py_buffer(block.buf)).read_all()

    return put, get


def vineyard(place: str) -> tuple[Callable[[pa.Table], object], Callable[[], pa.Table]]:
    """Return the functions of vineyard's own table type; its daemon listens at a socket beside the place."""
    client = import_module("vineyard").connect(f"{place}/vineyard.sock")
    return lambda table: client.put(table, name="table", persist=True), lambda: client.get(name="table")


def parquet(place: str) -> tuple[Callable[[pa.Table], object], Callable[[], pa.Table]]:
    """Parquet in an S3 server on this machine; `place` is its endpoint."""
    import boto3  # noqa: PLC0415 - only here
    import pyarrow.parquet as pa_parquet  # noqa: PLC0415
    from botocore import UNSIGNED  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    config = Config(signature_version=UNSIGNED, request_checksum_calculation="when_required")
    store = boto3.client("s3", endpoint_url=place, region_name="us-east-1", config=config)

    def put(table: pa.Table) -> None:
        sink = pa.BufferOutputStream()
        pa_parquet.write_table(table, sink)
        store.put_object(Bucket="bench", Key="table.parquet", Body=sink.getvalue().to_pybytes())

    def get() -> pa.Table:
        body = store.get_object(Bucket="bench", Key="table.parquet")["Body"].read()
        return pa_parquet.read_table(pa.BufferReader(body))

    return put, get


_KEPT: list[object] = []


def keep(block: shared_memory.SharedMemory) -> None:
    """Keep the block until the end, and leave its removal by name to somebody else."""
    from multiprocessing import resource_tracker  # noqa: PLC0415 - else it removes what the other process reads

    resource_tracker.unregister(f"/{block.name}", "shared_memory")
    _KEPT.append(block)


WAYS: dict[str, Callable[[str], tuple[Callable[[pa.Table], object], Callable[[], pa.Table]]]] = {
    "ours": ours,
    "pickle": pickled,
    "blocks": blocks,
    "vineyard": vineyard,
    "parquet": parquet,
}


def free(way: str, place: str) -> None:
    """Give the memory back: a daemon keeps it when its name goes to another object."""
    if way == "vineyard":
        client = import_module("vineyard").connect(f"{place}/vineyard.sock")
        client.delete([client.get_name("table")], force=True, deep=True)
        client.drop_name("table")


def main(way: str, step: str, place: str, rows: str) -> None:
    """Do it once, and tell how long it took."""
    if step == "free":
        free(way, place)
        sys.stdout.write("{}\n")
        return
    put, get = WAYS[way](place)
    told: dict[str, Any]
    if step == "put":
        table = make(int(rows))
        began = time.perf_counter()
        put(table)
        told = {"seconds": time.perf_counter() - began}
    else:
        began = time.perf_counter()
        total = scan(get())
        told = {"seconds": time.perf_counter() - began, "total": total}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    os._exit(0)  # what is mapped is in use by nobody any more; Python would complain of the blocks


if __name__ == "__main__":
    main(*sys.argv[1:])
