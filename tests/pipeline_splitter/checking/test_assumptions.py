"""What nobody stated is told with its task, and the check counts it again."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pipeline_splitter.checking import examine
from pipeline_splitter.hints import Hints, TaskHint
from pipeline_splitter.planning.bounds import Branch, certify
from tests.builders import make_dataset
from tests.pipeline_splitter.checking.plans import Made, compiled, make
from tests.pipeline_splitter.kfp import ir

UNSIZED = make_dataset("claims").at("eu-1").for_consumers("default").obj()
MOUNTED = {"dataset.0.id": "claims", "dataset.0.namespace": "steward", "dataset.0.useas": "mount"}


def story() -> Made:
    """A mount of unknown size, an artifact that is read and one that nobody reads, a loop of unknown length."""
    tasks = {
        "make": ir.task("make"),
        "use": ir.task("use", artifacts={"a": ir.artifact_of("make")}),
        "loop": ir.group(
            "body",
            parameters={"list": ir.from_task("make")},
            parameterIterator={"itemInput": "item", "items": {"inputParameter": "list"}},
        ),
    }
    components = {
        "make": ir.leaf("exec-make", makes=["out", "unread"]),
        "use": ir.leaf("exec-use", artifacts=["a"]),
        "other": ir.leaf("exec-other"),
        "body": ir.dag({"other": ir.task("other")}, parameters=["list", "item"]),
    }
    pods = ir.platform({"exec-make": ir.pod(MOUNTED), "exec-use": ir.pod(MOUNTED)})
    hints = Hints(tasks={"use": TaskHint(seconds=5.0, cpu=2.0)})
    return make(compiled(ir.spec(ir.dag(tasks), components), pods, hints=hints, datasets=[UNSIZED]))


EXPECTED = {
    "loop": ["cpu", "iterations", "seconds"],
    "make": ["bytes of make.out", "bytes of steward/claims", "cpu", "seconds"],
    "use": ["bytes of steward/claims"],
}


def test_what_was_assumed_holds() -> None:
    """And is said to have been looked at."""
    made = story()
    assert _assumed(made.files["plan.json"]) == EXPECTED
    verdict = examine(made.files, made.inputs)
    assert verdict.findings == ()
    assert "what was assumed" in verdict.checked
    assert not any("assumed" in sentence for sentence in verdict.unchecked)


CHANGES: dict[str, tuple[str, Callable[[list[str]], Any]]] = {
    "seconds are forgotten": ("make", lambda words: words.remove("seconds")),
    "a size is forgotten": ("make", lambda words: words.remove("bytes of make.out")),
    "a dataset's size is forgotten": ("use", lambda words: words.clear()),
    "iterations are another word": ("loop", lambda words: words.__setitem__(1, "rounds")),
    "what nobody reads is told": ("make", lambda words: words.insert(0, "bytes of make.unread")),
    "another order": ("loop", lambda words: words.reverse()),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_was_not_assumed_is_found(name: str) -> None:
    """With the task."""
    task, change = CHANGES[name]
    made = story()
    plan = json.loads(made.files["plan.json"])
    change(next(each for each in plan["tasks"] if each["name"] == task)["assumed"])
    findings = made.findings(plan=json.dumps(plan))
    assert [finding.where for finding in findings] == [f"tasks[{task}].assumed"]


def _assumed(text: str) -> Mapping[str, list[str]]:
    return {task["name"]: task["assumed"] for task in json.loads(text)["tasks"]}


def branch(lower_bound: float, proven_bound: float, *, certified: bool = False) -> Branch:
    """One part of all choices."""
    return Branch((), (), (), lower_bound, certified=certified, proven_bound=proven_bound)


@pytest.mark.parametrize(
    ("branches", "certified", "bounds"),
    [
        ([branch(10, 10, certified=True), branch(20, 15)], True, [10, 15]),
        ([branch(10, 10, certified=True), branch(20, 9)], False, [10, 20]),
        ([branch(10, 8), branch(20, 15)], False, [10, 15]),
        ([branch(10, 10, certified=True), branch(20, float("-inf"))], False, [10, 20]),
    ],
    ids=["enough", "too little", "the least itself", "no multipliers"],
)
def test_a_bound_is_certified_where_every_branch_proves_that_much(
    branches: list[Branch], bounds: list[float], *, certified: bool
) -> None:
    """What a solver knows of the other branches besides is not at stake."""
    found = certify(branches)
    assert all(each.certified for each in found) is certified
    assert [each.lower_bound for each in found] == bounds
