"""A real Airflow 3, in an environment of its own, that has run the DAGs once: what they said, and what they left."""

import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench import environments

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Told:
    """What a run of Airflow leaves.

    Attributes:
        said: by the tasks, by name.
        stored: in the table of XComs: (DAG, task, key, map index) and the value's JSON.
    """

    said: dict[str, Any]
    stored: dict[tuple[str, str, str, int], Any]


@pytest.fixture(scope="session")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Run all DAGs, with nothing but one setting that is not Airflow's own."""
    environment = environments.made("airflow")
    if environment.python is None:
        pytest.skip(f"there is no Airflow: {environment.trouble}")
    home = tmp_path_factory.mktemp("airflow")
    (home / "dags").mkdir()
    shutil.copy(HERE / "dags.py", home / "dags")
    memory = Path(tempfile.mkdtemp(prefix="moorage-test-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    settings = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__XCOM_BACKEND": "moorage.airflow.MemoryXCom",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "MOORAGE_MEMORY": str(memory),
        "PYTHONPATH": str(ROOT),
        "SAID": str(home / "said"),
    }
    try:
        done = subprocess.run(
            [environment.python, HERE / "inside.py"], env={**os.environ, **settings}, cwd=home, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        lines = (home / "said").read_text().splitlines()
        yield Told(dict(json.loads(line) for line in lines), _stored(home / "airflow.db"))
    finally:
        shutil.rmtree(memory)


def _stored(database: Path) -> dict[tuple[str, str, str, int], Any]:
    with sqlite3.connect(database) as connection:
        rows = connection.execute("select dag_id, task_id, key, map_index, value from xcom").fetchall()
    connection.close()
    # SQLite gives numbers of a column of JSON as numbers.
    return {tuple(place): json.loads(value) if isinstance(value, str) else value for *place, value in rows}
