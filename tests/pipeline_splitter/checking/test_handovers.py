"""What a task is handed counts as read, whatever the reading of the pipeline made of it."""

import json
from dataclasses import replace

import pytest

from pipeline_splitter.checking import check
from pipeline_splitter.hints import Hints, TaskHint
from tests.builders import make_dataset
from tests.pipeline_splitter.checking.plans import Made, compiled, make
from tests.pipeline_splitter.kfp import ir

CLAIMS = make_dataset("claims").at("eu-1").for_consumers("default")
SOURCE = ir.platform(
    {"exec-make": ir.pod({"dataset.0.id": "claims", "dataset.0.namespace": "steward", "dataset.0.useas": "mount"})}
)
ALWAYS = {"triggerPolicy": {"condition": "'a' == 'a'"}}
COMPONENTS = {
    "make": ir.leaf("exec-make"),
    "other": ir.leaf("exec-other"),
    "body": ir.dag({"other": ir.task("other")}, parameters=["p"], artifacts=["a"]),
}


def handed(*what: str) -> ir.Raw:
    """A condition that is handed what a reader of the dataset makes, and whose insides do not look at it."""
    given = {
        "parameters": {"p": ir.from_task("make")} if "parameter" in what else {},
        "artifacts": {"a": ir.artifact_of("make")} if "artifact" in what else {},
    }
    return ir.spec(ir.dag({"make": ir.task("make"), "if": ir.group("body", **given, **ALWAYS)}), COMPONENTS)


@pytest.mark.parametrize("what", ["parameter", "artifact"])
def test_what_is_handed_over_takes_its_rules_along(what: str) -> None:
    """The cheapest site, where the rules refuse, is not a place for who is handed it, though nothing inside looks."""
    request = compiled(handed(what), SOURCE, datasets=[CLAIMS.staying_in("DE", "CH").obj()])
    made = make(request)
    plan = {task["name"]: task for task in json.loads(made.files["plan.json"])["tasks"]}
    assert plan["if"]["site"] != "us-1"
    assert plan["if"]["governance"]["steward/claims"]["residency"] == ["CH", "DE"]
    assert made.findings() == ()


def test_a_task_that_is_handed_nothing_is_free() -> None:
    """The same condition goes to the cheapest site."""
    made = make(compiled(handed(), SOURCE, datasets=[CLAIMS.staying_in("DE", "CH").obj()]))
    plan = {task["name"]: task for task in json.loads(made.files["plan.json"])["tasks"]}
    assert (plan["if"]["site"], plan["if"]["governance"]) == ("us-1", {})


@pytest.mark.parametrize("what", ["parameter", "artifact"])
def test_what_the_reading_forgets_is_found(what: str) -> None:
    """A graph in which nobody reads it, and a plan that says so: the pipeline itself tells better."""
    hints = Hints(tasks={"if": TaskHint(sites=frozenset({"us-1"}))})
    made = make(compiled(handed(what), SOURCE, hints=hints, datasets=[CLAIMS.obj()]))
    graph = made.inputs.graph
    task = graph.tasks["if"]
    blind = replace(task, steps=tuple(step for step in task.steps if step.reader is not None))
    assert blind.steps != task.steps
    datasets = {CLAIMS.obj().ref: CLAIMS.staying_in("DE", "CH").obj()}
    inputs = replace(made.inputs, graph=replace(graph, tasks={**graph.tasks, "if": blind}), datasets=datasets)
    forgetful = Made({**made.files, "plan.json": _without_rules(made.files["plan.json"], "if")}, inputs)
    findings = {(each.where, each.problem) for each in check(forgetful.files, inputs)}
    key = "make.Output" if what == "parameter" else "make.out"
    assert ("tasks[if].governance", f"lacks rules of steward/claims: it is given {key}") in findings
    assert ("tasks[if].site", f"is given {key}, which is denied there by ResidencyViolated") in findings


def _without_rules(text: str, name: str) -> str:
    plan = json.loads(text)
    for task in plan["tasks"]:
        if task["name"] == name:
            task["governance"] = {}
    return json.dumps(plan)
