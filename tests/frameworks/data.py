"""What the examples read, the same in each run, and what they should find."""

import io
import tarfile
from collections.abc import Callable
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROWS_A_MONTH, SHARD_ROWS, SHARDS = 5_000, 100, 4


@cache
def flights() -> dict[str, bytes]:
    """A Parquet file for each of four months; most of their bytes are in a column that no example reads."""
    return {f"2013-{month:02}.parquet": _parquet(_month(month)) for month in range(1, 5)}


@cache
def flights_by_month() -> dict[str, bytes]:
    """The same as a table that is partitioned, as Hive and Spark write one."""
    return {f"month={month}/part-0.parquet": _parquet(_month(month).drop_columns("month")) for month in range(1, 5)}


@cache
def flights_table() -> pa.Table:
    """All of them."""
    return pa.concat_tables([_month(month) for month in range(1, 5)])


@cache
def _month(month: int) -> pa.Table:
    chosen = np.random.default_rng(month)
    first = ROWS_A_MONTH * (month - 1)
    return pa.table({
        "flight": np.arange(first, first + ROWS_A_MONTH),
        "month": np.full(ROWS_A_MONTH, month),
        "carrier": chosen.choice(["AA", "B6", "UA"], ROWS_A_MONTH),
        "delay": chosen.integers(-20, 300, ROWS_A_MONTH),
        "remarks": [chosen.bytes(600).hex() for _ in range(ROWS_A_MONTH)],
    })  # fmt: skip


def _parquet(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


@cache
def images() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """The digits: 8 by 8 pixels each; the label of the n-th is n modulo 10."""
    return np.random.default_rng(0).integers(0, 16, (SHARDS * SHARD_ROWS, 8, 8), dtype=np.uint8)


@cache
def digits() -> dict[str, bytes]:
    """Tar shards of single digits, as webdataset wants them, and files of their pixels alone."""
    made = {}
    for shard in range(SHARDS):
        rows = range(shard * SHARD_ROWS, (shard + 1) * SHARD_ROWS)
        made[f"digits-{shard:02}.tar"] = _tar({
            name: body
            for row in rows
            for name, body in ((f"{row:06}.npy", _npy(images()[row])), (f"{row:06}.cls", b"%d" % (row % 10)))
        })  # fmt: skip
        made[f"digits-{shard:02}.bin"] = images()[rows.start : rows.stop].tobytes()
    return made


def _npy(array: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _tar(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, body in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))
    return file.getvalue()


DATASETS: dict[str, Callable[[], dict[str, bytes]]] = {
    "flights": flights,
    "flights-by-month": flights_by_month,
    "digits": digits,
}
