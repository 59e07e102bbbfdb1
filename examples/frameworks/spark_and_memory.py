"""Spark reads a table that a Python task put, and puts what a Python task gets: totals by carrier.

Usage: spark_and_memory.py flights totals. Both are names of objects in `MOORAGE_MEMORY`.
"""

import sys
from collections.abc import Iterator

import pyarrow as pa
from pyspark import TaskContext
from pyspark.sql import DataFrame, SparkSession

from moorage import memory

PARTS = 4


def from_memory(spark: SparkSession, name: str, columns: str) -> DataFrame:
    """The table, each part read where it lies by the task that needs it."""

    def read(parts: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        table = memory.get(name)
        rows = -(-table.num_rows // PARTS)
        for part in parts:
            for number in part["id"].to_pylist():
                yield from table.slice(number * rows, rows).to_batches()

    return spark.range(0, PARTS, 1, PARTS).mapInArrow(read, columns)


def to_memory(frame: DataFrame, name: str) -> None:
    """Put the frame: an object of each part, and under the name the list of them."""

    def put(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        if kept := list(batches):
            part = f"{name}-{TaskContext.get().partitionId()}"
            memory.put(part, pa.Table.from_batches(kept))
            yield pa.RecordBatch.from_pydict({"part": [part]})

    memory.put(name, [row.part for row in frame.mapInArrow(put, "part string").collect()])


source, target = sys.argv[1:]
session = SparkSession.builder.master("local[2]").getOrCreate()
flights = from_memory(session, source, "carrier string, delay long")
to_memory(flights.groupBy("carrier").sum("delay").toDF("carrier", "minutes"), target)
