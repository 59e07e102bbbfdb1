"""Labels in groups' files: those that hints add or replace hold, any other change is found."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from moorage.model import DatasetRef
from moorage.wire.pod import read_usage
from pipeline_splitter.checking import check
from pipeline_splitter.hints import Defaults, Hints, InputHint, TaskHint
from tests.builders import make_dataset
from tests.pipeline_splitter.checking.plans import Made, compiled, make
from tests.pipeline_splitter.kfp import ir

PURPOSE = "moorage.dev/purpose"
CLAIMS = DatasetRef("steward", "claims")
READS = {"dataset.0.id": "claims", "dataset.0.namespace": "steward", "dataset.0.useas": "mount"}
DATASET = make_dataset("claims").at("eu-1").for_consumers("default").for_purposes("research", "care").obj()


def made(labels: dict[str, str], hints: Hints, **sites: str) -> Made:
    """Two tasks that share an executor, and a third that reads an artifact input; each where it is told to be."""
    tasks = {"a": ir.task("twin"), "b": ir.task("twin"), "c": ir.task("c", artifacts={"rows": ir.artifact_input("in")})}
    spec = ir.spec(
        ir.dag(tasks, artifacts=["in"]), {"twin": ir.leaf("exec-twin"), "c": ir.leaf("exec-c", artifacts=["rows"])}
    )
    pinned = {
        name: TaskHint(
            purpose=hints.tasks.get(name, TaskHint()).purpose, sites=frozenset({sites[name]}) if name in sites else None
        )
        for name in tasks
    }
    hints = Hints(inputs=hints.inputs, tasks=pinned, defaults=hints.defaults)
    pods = ir.platform({"exec-twin": ir.pod({**labels, "team": "red"}, {"note": "kept"})})
    return make(compiled(spec, pods, hints=hints, datasets=[DATASET]))


@pytest.mark.parametrize(
    ("labels", "hints"),
    [
        ({PURPOSE: "care"}, Hints(tasks={"a": TaskHint(purpose="research")})),
        ({**READS, PURPOSE: "care"}, Hints(tasks={"b": TaskHint(purpose="research")})),
        (READS, Hints(defaults=Defaults(purpose="research"))),
        ({}, Hints(inputs={"in": InputHint(CLAIMS)}, defaults=Defaults(purpose="care"))),
    ],
    ids=["purpose", "purpose of one of two", "default", "input"],
)
@pytest.mark.parametrize("sites", [{}, {"a": "eu-1", "b": "ch-1", "c": "us-1"}], ids=["one group", "several"])
def test_labels_that_hints_change_hold(labels: dict[str, str], hints: Hints, sites: dict[str, str]) -> None:
    """In the whole pipeline's form and cut into groups; an executor may be shared."""
    assert made(labels, hints, **sites).findings() == ()


def _set(name: str, value: str) -> Callable[[Any], None]:
    return lambda pod: pod["labels"].update({name: value})


def _drop(name: str) -> Callable[[Any], object]:
    return lambda pod: pod["labels"].pop(name)


CHANGES: dict[str, tuple[Callable[[Any], object], str]] = {
    "the purpose of the label, not the hint's": (_set(PURPOSE, "care"), "is 'care', expected 'research'"),
    "no purpose": (_drop(PURPOSE), "is None, expected 'research'"),
    "another use": (_set("dataset.0.useas", "cache"), "lack dataset.0.useas"),
    "one release more": (_set("dataset.0.accepts", "totals"), "useas mount, accepts totals, expected useas mount"),
    "another dataset": (_set("dataset.1.id", "other"), "name dataset default/other, which"),
    "no dataset": (lambda pod: [pod["labels"].pop(name) for name in READS], "do not name dataset steward/claims"),
    "a key that nobody knows": (_set("dataset.0.use", "x"), "can't be read"),
    "another team": (_set("team", "blue"), "lack team"),
    "a label of nobody's": (_set("crew", "blue"), "have crew, which nothing asks for"),
    "an annotation": (lambda pod: pod["annotations"].clear(), "expected {'annotations': {'note': 'kept'}}"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_other_labels_are_found(name: str) -> None:
    """The finding names the task's file, and what was expected."""
    change, words = CHANGES[name]
    plan = made({**READS, PURPOSE: "care"}, Hints(tasks={"a": TaskHint(purpose="research")}), a="eu-1", b="ch-1")
    path = "groups/eu-1-1.yaml"
    documents = list(yaml.safe_load_all(plan.files[path]))
    ((_, configuration),) = documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"].items()
    assert configuration["podMetadata"]["labels"][PURPOSE] == "research"
    change(configuration["podMetadata"])
    findings = check({**plan.files, path: yaml.safe_dump_all(documents)}, plan.inputs)
    assert findings
    assert all(each.where.startswith(path) for each in findings)
    assert any(words in each.problem for each in findings)


ACCEPTING = TaskHint(accepts=frozenset({(CLAIMS, "totals")}))
NAMED = {"dataset.0.id": "claims", "dataset.0.namespace": "steward"}


@pytest.mark.parametrize("labels", [NAMED, {}, READS], ids=["named", "nothing", "mounted"])
def test_a_hint_that_accepts_is_a_label_that_accepts(labels: dict[str, str]) -> None:
    """The pod means the same to admission and scheduler as to the plan; who shares its executor goes on reading."""
    spec = ir.spec(ir.dag({"a": ir.task("twin"), "b": ir.task("twin")}), {"twin": ir.leaf("exec-twin")})
    dataset = make_dataset("claims").at("eu-1").for_consumers("default").staying_in("DE", "CH").obj()
    hints = Hints(tasks={"a": ACCEPTING})
    plan = make(compiled(spec, ir.platform({"exec-twin": ir.pod(labels)}), hints=hints, datasets=[dataset]))
    assert plan.findings() == ()
    graph = plan.inputs.graph
    written = [document for name in plan.files if name.startswith("groups/") for document in _documents(plan, name)]
    pods = [raw for each in written for raw in _pods(each).values()]
    (usage,) = (read_usage(pod, "default", "pod") for pod in pods if "dataset.0.accepts" in pod)
    (step,) = graph.tasks["a"].steps
    assert {(use.ref, use.use_as, use.release, use.accepts, use.reads) for use in usage.uses} == {
        (use.ref, use.use_as, use.release, use.accepts, use.reads) for use in step.uses
    }
    assert [use.reads for use in step.uses] == [labels == READS]
    assert [use.reads for use in graph.tasks["b"].steps[0].uses] == ([True] if labels else [])


def test_a_hint_that_accepts_what_nobody_declares_is_a_label_that_does() -> None:
    """Neither counts as a read, whatever is declared; the plan says that nothing of that name is."""
    spec = ir.spec(ir.dag({"a": ir.task("twin")}), {"twin": ir.leaf("exec-twin")})
    dataset = make_dataset("claims").at("eu-1").for_consumers("default").staying_in("DE", "CH").obj()
    by_hint = compiled(
        spec, ir.platform({"exec-twin": ir.pod(NAMED)}), hints=Hints(tasks={"a": ACCEPTING}), datasets=[dataset]
    )
    by_label = compiled(
        spec, ir.platform({"exec-twin": ir.pod({**NAMED, "dataset.0.accepts": "totals"})}), datasets=[dataset]
    )
    plans = [make(request) for request in (by_hint, by_label)]
    told = [json.loads(plan.files["plan.json"]) for plan in plans]
    assert [(plan["tasks"][0]["site"], plan["tasks"][0]["governance"]) for plan in told] == [("us-1", {})] * 2
    assert _documents(plans[0], "groups/us-1-1.yaml") == _documents(plans[1], "groups/us-1-1.yaml")
    warning = (
        "task a accepts release totals of dataset steward/claims, which declares no such release (declared: none): "
        "name one, or declare it"
    )
    assert [plan["warnings"] for plan in told] == [[warning]] * 2


def _documents(plan: Made, name: str) -> list[Any]:
    return list(yaml.safe_load_all(plan.files[name]))


def _pods(document: Any) -> dict[str, dict[str, str]]:  # noqa: ANN401 - a document
    kubernetes = document.get("platforms", {}).get("kubernetes", {})
    executors = kubernetes.get("deploymentSpec", {}).get("executors", {})
    return {name: raw["podMetadata"]["labels"] for name, raw in executors.items()}
