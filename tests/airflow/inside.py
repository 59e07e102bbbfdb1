"""Runs in Airflow's environment, once for all tests: the DAGs, and the backend where things go wrong."""

import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from airflow.utils.db import initdb

from moorage.airflow import MemoryXCom
from moorage.airflow.backend import XComError
from tests.airflow.dags import MEMORY, Model, handing_on, mapped, retried, say


def put(key: str, value: object) -> Any:  # noqa: ANN401 - JSON
    """As a task does."""
    return MemoryXCom.serialize_value(value, key=key, task_id="t", dag_id="d", run_id="r", map_index=3)


def get(stored: object) -> Any:  # noqa: ANN401 - what was put
    """As a task does."""
    return MemoryXCom.deserialize_value(SimpleNamespace(value=stored))


def refusal(stored: object) -> str:
    """What is said in the place of a value."""
    try:
        return f"got {get(stored)}"
    except XComError as error:
        return str(error)


def main() -> None:
    """All of it."""
    old = put("old", np.arange(10))
    lies_at = next(path for path in Path(MEMORY).iterdir() if "old" in path.name)
    os.utime(lies_at, (time.time() - 8 * 86400,) * 2)
    model = put("model", Model(1.0))
    say("old", refusal(old))
    Path(MEMORY).chmod(0o777)
    say("untrusted", refusal(model))
    os.environ["AIRFLOW__MOORAGE__XCOM_TRUST_WRITERS"] = "True"
    say("trusted", get(model).mean)
    Path(MEMORY).chmod(0o700)
    try:
        put("lambda", lambda: None)
    except XComError as error:
        say("unkept", str(error))
    os.environ["AIRFLOW__MOORAGE__XCOM_THRESHOLD_BYTES"] = "3"
    say("threshold", [put("text", "a"), "moorage.memory" in put("text", "ab"), get(put("text", "ab"))])
    del os.environ["AIRFLOW__MOORAGE__XCOM_THRESHOLD_BYTES"]
    initdb()
    for dag in (handing_on, mapped, retried):
        say(dag.dag_id, str(dag.test().state))


if __name__ == "__main__":
    main()
