"""Real DAGs, run by a real Airflow 3 with one setting: what is large lies in memory, and comes back as it was."""

import pytest

from tests.airflow.conftest import Told

ROWS = 200_000
SUM = ROWS * (ROWS - 1) // 2


@pytest.mark.parametrize("dag", ["handing_on", "mapped", "retried"])
def test_dags_run_unchanged(airflow: Told, dag: str) -> None:
    """Every task of them succeeds."""
    assert airflow.said[dag] == "success"


def test_a_frame_is_not_copied(airflow: Told) -> None:
    """Its numbers lie in the file; its categories keep their order."""
    assert airflow.said["shared"] == [True, ["a", "b"]]


def test_tasks_may_change_what_they_get(airflow: Told) -> None:
    """As with Airflow's own backend: each has a value of its own, and no other task sees what it does to it."""
    assert airflow.said["sums"] == [SUM, 2 * SUM, SUM, SUM + ROWS]


def test_what_the_database_keeps(airflow: Told) -> None:
    """References for what is large or of a library's type; small values as Airflow writes them."""
    tables = airflow.stored[("mapped", "table", "return_value", 1)]["moorage.memory"]
    assert (tables["type"], tables["form"]) == ("pyarrow.lib.Table", "object")
    made = airflow.stored[("handing_on", "make", "return_value", -1)]["moorage.memory"]
    assert made["size_bytes"] > 8 * ROWS
    assert airflow.stored[("handing_on", "change_in_place", "return_value", -1)] == SUM + ROWS
    assert airflow.stored[("mapped", "sizes", "return_value", -1)] == [10, 20]
    assert "moorage.memory" not in airflow.stored[("handing_on", "small", "return_value", -1)]
    assert airflow.stored[("handing_on", "long_list", "return_value", -1)]["moorage.memory"]["form"] == "json"


def test_other_values_come_back(airflow: Told) -> None:
    """A long list of what Airflow can keep, an object that it can't, and one that looks like a reference."""
    assert airflow.said["list"] == [20_001, "2026-01-01", "é" * 10]
    assert airflow.said["others"] == [3.5, 1, "2026-01-01", {"moorage.memory": {"name": "airflow-x"}}]


def test_mapped_tasks_have_an_object_each(airflow: Told) -> None:
    """And who takes all of them gets them in order."""
    assert airflow.said["tables"] == [10, 20]


def test_a_retry_replaces_and_a_deletion_deletes(airflow: Told) -> None:
    """The objects of a try that failed go before the next one begins; an XCom's object goes with it."""
    assert airflow.said["objects of the first try"] == 2
    assert airflow.said["second try"] == 2
    assert airflow.said["objects of the second try"] == [2, 1]


def test_what_is_not_there_says_where_it_was(airflow: Told) -> None:
    """An old object is gone; the sentence names the XCom's host and directory, and what to do."""
    said = airflow.said["old"]
    assert "there is no object 'airflow-d-t-old-" in said
    assert "numpy.ndarray, " in said
    assert "MOORAGE_MEMORY, or clear the task" in said


def test_pickles_are_for_those_who_trust_the_writer(airflow: Told) -> None:
    """A directory that others may write to is not trusted unless a setting says so."""
    assert "it was pickled" in airflow.said["untrusted"]
    assert airflow.said["trusted"] == 1.0


def test_what_cannot_be_kept_names_the_xcom(airflow: Told) -> None:
    """And the reason."""
    assert airflow.said["unkept"].startswith("XCom 'lambda' of task d.t (run r, map index 3): an object of type ")


def test_the_threshold_is_a_setting(airflow: Told) -> None:
    """Of the bytes of Airflow's own form."""
    assert airflow.said["threshold"] == ["a", True, "ab"]
