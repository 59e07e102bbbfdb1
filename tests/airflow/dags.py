"""DAGs as people write them: nothing in them knows where their XComs lie. Airflow's environment runs them."""

import datetime as dt
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from airflow.sdk import DAG, task
from airflow.sdk.execution_time.xcom import XCom

ROWS = 200_000
MEMORY = os.environ["MOORAGE_MEMORY"]


def say(name: str, value: object) -> None:
    """Tell the test."""
    with Path(os.environ["SAID"]).open("a") as file:
        file.write(json.dumps([name, value]) + "\n")


def lies_in_memory(array: Any) -> bool:
    """Whether an array lies in a file of the memory."""
    address = array.__array_interface__["data"][0]
    files = [line.split()[0] for line in Path("/proc/self/maps").read_text().splitlines() if MEMORY in line]
    spans = [[int(end, 16) for end in span.split("-")] for span in files]
    return any(begin <= address < end for begin, end in spans)


class Model:
    """Of a type that Airflow can't keep."""

    def __init__(self, mean: float) -> None:
        self.mean = mean


with DAG("handing_on", schedule=None) as handing_on:

    @task
    def make() -> Any:
        """A frame."""
        return pd.DataFrame({"delay": np.arange(ROWS), "carrier": pd.Categorical(["b", "a"] * (ROWS // 2))})

    @task
    def change(frame: Any) -> Any:
        """A frame and an array among other things; its own frame is changed."""
        delay = frame["delay"].to_numpy()
        say("shared", [lies_in_memory(delay), list(frame["carrier"].cat.categories)])
        frame["delay"] = frame["delay"] * 2
        return {"doubled": frame, "when": "now", "raw": delay}

    @task
    def change_in_place(many: Any) -> int:
        """What it changes, nobody else sees."""
        many["raw"] += 1
        return int(many["raw"].sum())

    @task
    def tell(frame: Any, many: Any, added: int) -> None:
        """All sums."""
        say("sums", [int(frame["delay"].sum()), int(many["doubled"]["delay"].sum()), int(many["raw"].sum()), added])

    @task
    def long_list() -> Any:
        """What Airflow can keep, and is too long for a database."""
        return [dt.date(2026, 1, 1), *("é" * 10 for _ in range(20_000))]

    @task
    def model() -> Any:
        """What Airflow can't keep."""
        return Model(3.5)

    @task
    def small() -> Any:
        """What stays in the database."""
        return {"count": 1, "at": dt.date(2026, 1, 1)}

    @task
    def like_a_reference() -> Any:
        """A value of a task's own that looks like what stands in the database."""
        return {"moorage.memory": {"name": "airflow-x"}}

    @task
    def tell_others(many: Any, model: Any, small: Any, like: Any) -> None:
        """What has come."""
        say("list", [len(many), str(many[0]), many[-1]])
        say("others", [model.mean, small["count"], str(small["at"]), like])

    made = make()
    changed = change(made)
    tell(made, changed, change_in_place(changed))
    tell_others(long_list(), model(), small(), like_a_reference())

with DAG("mapped", schedule=None) as mapped:

    @task
    def sizes() -> list[int]:
        """Of tables."""
        return [10, 20]

    @task
    def table(size: int) -> Any:
        """Each in a task of its own."""
        return pa.table({"x": range(size)})

    @task
    def tell_tables(tables: Any) -> None:
        """All of them."""
        say("tables", [each.num_rows for each in tables])

    tell_tables(table.expand(size=sizes()))

with DAG("retried", schedule=None) as retried:

    @task(retries=1, retry_delay=dt.timedelta(0))
    def twice(ti: Any = None) -> Any:
        """It fails once, after it has handed on something."""
        ti.xcom_push(f"try {ti.try_number}", np.arange(5000))
        ti.xcom_push("shared", np.full(5000, ti.try_number))
        if ti.try_number == 1:
            say("objects of the first try", len([each for each in os.listdir(MEMORY) if "retried" in each]))  # noqa: PTH208
            raise RuntimeError("once more")

    @task
    def after(ti: Any = None) -> None:
        """What the second try left; then an XCom is deleted."""
        say("second try", int(ti.xcom_pull(task_ids="twice", key="shared")[0]))
        there = {each for each in os.listdir(MEMORY) if "retried" in each}  # noqa: PTH208 - names are all we want
        XCom.delete(key="shared", task_id="twice", dag_id=ti.dag_id, run_id=ti.run_id, map_index=-1)
        say("objects of the second try", [len(there), len(there - set(os.listdir(MEMORY)))])  # noqa: PTH208

    twice() >> after()
