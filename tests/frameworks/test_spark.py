"""A real Spark: it reads the mounted files of a table, and hands tables over with Python tasks in memory."""

import json
import os
import subprocess
from pathlib import Path

import pyarrow as pa
import pytest

from bench.environments import REPOSITORY
from moorage.memory import MemoryStore
from tests.frameworks import data
from tests.frameworks.conftest import EXAMPLES, Platform, seen, spark_settings
from tests.frameworks.test_examples import march_minutes


@pytest.mark.real
def test_spark_reads_the_files_of_a_table(platform: Platform, frameworks: Path, spark: Path) -> None:
    """One that is partitioned, as Hive writes it: columns of other partitions stay where they are."""
    with platform.mounted("flights-by-month") as mounted:
        before = mounted.brought_bytes
        settings = spark_settings(spark, seen(frameworks), at="/mnt/programs")
        answer = mounted.run(seen(frameworks), "with_spark.py", settings, programs=spark)
        assert json.loads(answer) == march_minutes()
        assert 0 < mounted.brought_bytes - before < sum(map(len, data.flights_by_month().values())) / 2


@pytest.mark.plane
def test_spark_and_python_hand_tables_over_in_memory(frameworks: Path, spark: Path, memory: Path) -> None:
    """What a Python task put is what Spark reads, and what Spark puts is what a Python task gets."""
    store, table = MemoryStore(str(memory)), data.flights_table()
    store.put("flights", table.select(["carrier", "delay"]))
    settings = spark_settings(spark, str(frameworks)) | {"MOORAGE_MEMORY": str(memory)}
    settings["PYTHONPATH"] += f":{REPOSITORY}"
    command = [str(frameworks), str(EXAMPLES / "spark_and_memory.py"), "flights", "totals"]
    done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    got = pa.concat_tables(store.get(part) for part in store.get("totals"))
    asked = table.group_by("carrier").aggregate([("delay", "sum")]).rename_columns(["carrier", "minutes"])
    assert got.sort_by("carrier") == asked.select(["carrier", "minutes"]).sort_by("carrier")
