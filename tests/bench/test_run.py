"""What `bench run` says of its figures, and what must hold of them."""

import json

import pytest

from bench.run.checks import BenchCheckError, check_groups, check_released_once
from bench.run.in_flight import Figures
from bench.run.in_flight import rows as in_flight_rows
from bench.run.overhead import chain
from bench.run.overhead import rows as overhead_rows
from bench.run.plans import Plan


def test_overheads_are_what_is_left() -> None:
    """Of a group: what the split run takes longer; of a task: what neither its pod nor a run of one takes. Medians."""
    taken = {
        "split": [40.0, 31.0, 30.0],
        "whole": [11.0, 90.0, 10.0],
        "single": [1.0, 1.0, 9.0],
        "bare": [6.0, 6.0, 1.0],
    }
    group, task, single = overhead_rows(6, taken)
    assert group.value == "4.00 s each (31.0 s in 6 groups)"
    assert (group.against, group.met) == ("the same in one group: 11.0 s (2.8x)", True)
    assert (task.value, task.against, task.met) == ("1.00 s beyond its pod (2.00 s)", "a bare pod: 1.00 s", True)
    assert single.value == "1.0 s"
    missed = overhead_rows(2, {"split": [20.0], "whole": [10.0], "single": [2.0], "bare": [2.0]})
    assert [row.met for row in missed] == [False, False, None]


def test_a_reaction_above_the_aim_is_missed() -> None:
    """By the 99th of a hundred."""
    few = Figures(20, 1.0, 0.5, 6.0, 100 << 20, [0.1] * 20, 0.02)
    many = Figures(1000, 60.0, 0.5, 6.5, 150 << 20, [0.2] * 980 + [3.0] * 20, 0.02)
    found = {row.what.rpartition(": ")[2]: row for row in in_flight_rows(few, many)}
    assert found["the same, p99"].met is False
    assert found["memory"].value == "150 MiB"
    assert found["memory"].against == "20 runs: 100 MiB (1.50x)"


def test_figures_of_a_wrong_run_are_none() -> None:
    """Twice, not at all, somebody else's; or in another number of groups."""
    check_released_once(["a", "b"], {"a", "b"})
    for released, problem in ((["a", "a", "b"], "twice"), (["a"], "not released: b"), (["a", "b", "c"], "not of this")):
        with pytest.raises(BenchCheckError, match=problem):
            check_released_once(released, {"a", "b"})
    check_groups({"split": 6, "whole": 1}, {"split": 6, "whole": 1})
    with pytest.raises(BenchCheckError):
        check_groups({"split": 5, "whole": 1}, {"split": 6, "whole": 1})


def test_a_plan_moves_to_other_sites() -> None:
    """Also to each other's, and the digests are those of the new files."""
    plan_json = {"groups": [{"id": "a-1", "file": "groups/a-1.yaml"}, {"id": "b-1", "file": "groups/b-1.yaml"}]}
    inputs = {"groups": {"a-1": {"sha256": ""}, "b-1": {"sha256": ""}}}
    files = {"plan.json": json.dumps(plan_json), "inputs.json": json.dumps(inputs), "report.html": "a"}
    plan = Plan(files | {"groups/a-1.yaml": "at a-", "groups/b-1.yaml": "at b-"}, ("a-", "b-"))
    moved = plan.at(("b-", "a-"))
    assert (moved["groups/b-1.yaml"], moved["groups/a-1.yaml"]) == ("at b-", "at a-")
    assert "report.html" not in moved
    assert all(each["sha256"] for each in json.loads(moved["inputs.json"])["groups"].values())


def test_a_chain_writes_what_the_next_one_reads() -> None:
    """In containers that the played nodes can run."""
    document = json.loads(chain(3))
    executors = document["deploymentSpec"]["executors"]
    assert {each["container"]["image"] for each in executors.values()} == {"shell"}
    assert document["root"]["dag"]["tasks"]["step-2"]["dependentTasks"] == ["step-1"]
    assert executors["exec-step-0"]["container"]["args"] == ["{{$.outputs.artifacts['data'].path}}"]
