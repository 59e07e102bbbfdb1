"""Which values go to memory, what their objects are called, and what is taken for a reference."""

import datetime as dt
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.airflow.deciding import MOST_LOOKED_AT, Keep, keep
from moorage.airflow.references import MARK, Coordinates, Reference
from moorage.memory.space import MOST_NAME_BYTES

COORDINATES = st.builds(
    Coordinates, st.text(max_size=300), st.text(), st.text(), st.integers(-1, 2000), st.text(max_size=300)
)
REFERENCE = Reference("airflow-a", "object", "pandas.DataFrame", 7, "host", "/dev/shm/x")


@pytest.mark.parametrize(
    "value",
    [
        pd.DataFrame({"a": [1]}),
        pd.Series([1]),
        pd.Index([1]),
        np.zeros(1),
        pa.table({"a": [1]}),
        pa.array([1]),
        sp.csr_array(np.eye(2)),
        {"a": [1, (2, np.zeros(3))]},
    ],
)
def test_frames_tables_and_arrays_go_to_memory(value: object) -> None:
    """However small they are, and in whatever they lie."""
    assert keep(value) is Keep.AS_OBJECT


@pytest.mark.parametrize(
    "value",
    [
        None,
        1,
        "text",
        {"a": [1, 2.0]},
        dt.date(2026, 1, 1),
        np.float64(1),
        np.str_("text"),
        np.datetime64(1, "s"),
        pd.Timestamp("2026-01-01"),
        pa.scalar(1),
        {1, 2},
    ],
)
def test_scalars_stay_airflows(value: object) -> None:
    """Those of the libraries, too."""
    assert keep(value) is Keep.AS_AIRFLOW_DOES


def test_no_more_is_looked_at() -> None:
    """So a value of a million things costs no more than one of ten thousand, and one that holds itself ends."""
    many: list[Any] = [0] * MOST_LOOKED_AT
    assert keep([*many, np.zeros(1)]) is Keep.AS_AIRFLOW_DOES
    assert keep({**dict.fromkeys(range(MOST_LOOKED_AT), 0), "late": np.zeros(1)}) is Keep.AS_AIRFLOW_DOES
    many.append(many)
    assert keep(many) is Keep.AS_AIRFLOW_DOES


@settings(deadline=None)
@given(COORDINATES, COORDINATES)
def test_each_xcom_has_one_name(one: Coordinates, other: Coordinates) -> None:
    """No two share one, none is too long, and all are plain ASCII."""
    assert (one.object_name == other.object_name) is (one == other)
    assert len(one.object_name) <= MOST_NAME_BYTES
    assert one.object_name.isascii()
    assert "%" not in one.object_name
    assert "/" not in one.object_name


def test_parts_of_a_name_do_not_run_together() -> None:
    """Neither by what stands between them nor by what is left out of what people read."""
    one = Coordinates("d", "r", "a-b", -1, "c")
    assert one.object_name != replace(one, task_id="a", key="b-c").object_name
    assert one.object_name != replace(one, task_id="a.b").object_name


def test_a_reference_is_read_back() -> None:
    """From what the database has."""
    assert Reference.read(REFERENCE.encoded()) == REFERENCE


@pytest.mark.parametrize(
    "value",
    [
        None,
        "airflow-a",
        {},
        {MARK: None},
        {MARK: {"name": "airflow-a"}},
        {MARK: {**asdict(REFERENCE), "name": "another-program's"}},
        {MARK: {**asdict(REFERENCE), "name": 7}},
        {MARK: {**asdict(REFERENCE), "size_bytes": "7"}},
        {MARK: {**asdict(REFERENCE), "host": "x" * 1001}},
        {MARK: {**asdict(REFERENCE), "more": ""}},
    ],
)
def test_nothing_else_is_a_reference(value: object) -> None:
    """Whoever writes an XCom by Airflow's API names no object of another program."""
    assert Reference.read(value) is None
