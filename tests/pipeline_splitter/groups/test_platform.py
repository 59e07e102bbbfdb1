"""Labels, secrets, volumes and the workspace: what the platform document says holds in every group."""

from typing import Any

import pytest

from moorage.model import DatasetRef
from pipeline_splitter.hints import Defaults, Hints, InputHint, TaskHint
from tests.pipeline_splitter.groups import splitting
from tests.pipeline_splitter.groups.ir_faults import file_faults
from tests.pipeline_splitter.kfp import ir

CLAIMS = DatasetRef("steward", "claims")


def written(*documents: ir.Raw, hints: Hints | None = None, **sites: str) -> dict[str, list[Any]]:
    """The documents of each group; tasks are at eu-1, but for those whose first word says something else."""
    graph, pipeline = ir.read(*documents, hints=hints)
    files, groups = splitting.split(graph, pipeline, lambda _, name: sites.get(name.rpartition("/")[2], "eu-1"))
    for text in files.values():
        assert len(groups) == 1 or not file_faults(text)
    return {group.id: splitting.documents(files[group.file]) for group in groups}


def configuration(documents: list[Any], task: str) -> Any:  # noqa: ANN401 - raw JSON
    """What Kubernetes is told about the pod of a task at the root; None where nothing is said."""
    spec, *rest = documents
    component = spec["components"][spec["root"]["dag"]["tasks"][task]["componentRef"]["name"]]
    executors = rest[0]["platforms"]["kubernetes"]["deploymentSpec"]["executors"] if rest else {}
    return executors.get(component["executorLabel"])


def labels(documents: list[Any], task: str) -> Any:  # noqa: ANN401 - raw JSON
    """The labels of a task's pod."""
    return (configuration(documents, task) or {}).get("podMetadata", {}).get("labels", {})


TWINS = ir.spec(
    ir.dag({"a": ir.task("comp-twin"), "b": ir.task("comp-twin"), "c": ir.task("comp-twin")}),
    {"comp-twin": ir.leaf("exec-twin")},
)


def test_an_executor_that_tasks_share_is_doubled_before_their_labels_differ() -> None:
    """One hint labels one of three; the two others still share."""
    documents = written(TWINS, hints=Hints(tasks={"b": TaskHint(purpose="research")}))["eu-1-1"]
    assert [labels(documents, name) for name in "abc"] == [{}, {"moorage.dev/purpose": "research"}, {}]
    assert set(documents[0]["deploymentSpec"]["executors"]) == {"exec-twin", "exec-twin-2"}
    assert set(documents[0]["components"]) == {"comp-twin", "comp-twin-2"}


def test_a_nested_pipeline_that_runs_twice_is_doubled_where_one_gets_labels() -> None:
    """In the nested form of a whole pipeline, too: the way down to the labelled pod is its own."""
    spec = ir.spec(
        ir.dag({"one": ir.task("comp-nested"), "two": ir.task("comp-nested")}),
        {"comp-nested": ir.dag({"leaf": ir.task("comp-leaf")}), "comp-leaf": ir.leaf("exec-leaf")},
    )
    documents = written(spec, hints=Hints(tasks={"two/leaf": TaskHint(purpose="research")}))["eu-1-1"]
    again, pipeline = ir.read(*documents)
    one, two = (again.tasks[name].steps[0].reader for name in ("one/leaf", "two/leaf"))
    assert one
    assert two
    assert one.purpose is None
    assert two.purpose == "research"
    assert set(pipeline.components) == {"comp-nested", "comp-nested-2", "comp-leaf", "comp-leaf-2"}


ACCEPTS = TaskHint(accepts=frozenset({(CLAIMS, "pseudonymise"), (CLAIMS, "aggregate")}))
NAMED = {"dataset.3.id": "claims", "dataset.3.namespace": "steward"}


@pytest.mark.parametrize(
    ("own", "hints", "added"),
    [
        pytest.param({}, Hints(), {}, id="nothing is said"),
        pytest.param(
            {"app": "x"},
            Hints(defaults=Defaults(purpose="research")),
            {"moorage.dev/purpose": "research"},
            id="default",
        ),
        pytest.param(
            {"moorage.dev/purpose": "care"},
            Hints(tasks={"only": TaskHint(purpose="research")}),
            {"moorage.dev/purpose": "research"},
            id="a purpose that was planned for",
        ),
        pytest.param(
            {"moorage.dev/purpose": "care"}, Hints(defaults=Defaults(purpose="research")), {}, id="no default over it"
        ),
        pytest.param(
            {"dataset.0.id": "other", "dataset.0.useas": "mount", "dataset.2.id": "more"},
            Hints(tasks={"only": ACCEPTS}),
            {
                "dataset.1.accepts": "aggregate.pseudonymise",
                "dataset.1.id": "claims",
                "dataset.1.namespace": "steward",
            },
            id="the next free number",
        ),
        pytest.param(
            {**NAMED, "dataset.3.useas": "mount"},
            Hints(tasks={"only": ACCEPTS}),
            {"dataset.3.accepts": "aggregate.pseudonymise"},
            id="where the pipeline names it",
        ),
        pytest.param(
            NAMED,
            Hints(tasks={"only": ACCEPTS}),
            {"dataset.3.accepts": "aggregate.pseudonymise"},
            id="a label that only names it",
        ),
        pytest.param(
            {**NAMED, "dataset.3.accepts": "sample"},
            Hints(tasks={"only": ACCEPTS}),
            {"dataset.3.accepts": "aggregate.pseudonymise.sample"},
            id="what is accepted adds up",
        ),
        pytest.param(
            {**NAMED, "dataset.3.accepts": "pseudonymise.aggregate"},
            Hints(tasks={"only": ACCEPTS}),
            {},
            id="accepted already",
        ),
    ],
)
def test_labels_that_hints_add(own: dict[str, str], hints: Hints, added: dict[str, str]) -> None:
    """The pipeline's own stay, but for what a hint changes or adds to; what is added says no more than the hint."""
    spec = ir.spec(ir.dag({"only": ir.task("comp-only")}), {"comp-only": ir.leaf("exec-only")})
    documents = written(spec, ir.platform({"exec-only": ir.pod(own)}), hints=hints)["eu-1-1"]
    assert labels(documents, "only") == {**own, **added}


def test_an_artifact_input_that_a_hint_calls_a_dataset_is_named_on_its_readers() -> None:
    """Whoever reads it directly reads the dataset, at admission too."""
    spec = ir.spec(
        ir.dag(
            {
                "first": ir.task("comp-first", artifacts={"rows": ir.artifact_input("claims")}),
                "second": ir.task("comp-second", artifacts={"rows": ir.artifact_of("first")}, after=["first"]),
            },
            artifacts=["claims"],
        ),
        {
            "comp-first": ir.leaf("exec-first", artifacts=["rows"]),
            "comp-second": ir.leaf("exec-second", artifacts=["rows"]),
        },
    )
    documents = written(spec, hints=Hints(inputs={"claims": InputHint(CLAIMS)}), second="us-1")
    assert labels(documents["eu-1-1"], "first") == {"dataset.0.id": "claims", "dataset.0.namespace": "steward"}
    assert labels(documents["us-1-1"], "second") == {}


SECRET = ir.spec(
    ir.dag(
        {"nested": ir.task("comp-nested", parameters={"name": ir.from_input("root_name")})}, parameters=["root_name"]
    ),
    {
        "comp-nested": ir.dag(
            {"make": ir.task("comp-make"), "use": ir.task("comp-use", after=["make"])}, parameters=["name"]
        ),
        "comp-make": ir.leaf("exec-make"),
        "comp-use": ir.leaf("exec-use"),
    },
)


@pytest.mark.parametrize(
    ("site", "group", "secret"),
    [
        ("eu-1", "eu-1-1", ir.from_task("nested-make")),
        ("us-1", "us-1-1", ir.from_input("nested_make_Output")),
    ],
)
def test_references_follow_what_they_name(site: str, group: str, secret: ir.Raw) -> None:
    """A task by its new name, a parameter that crosses by the pipeline parameter that carries it."""
    platform = ir.platform(
        {
            "exec-use": {
                "secretAsEnv": [{"secretNameParameter": ir.from_task("make"), "keyToEnv": []}],
                "tolerations": [{"tolerationJson": ir.from_input("name")}],
                "configMapAsEnv": [{"configMapName": "fixed", "optional": False}],
            }
        }
    )
    spec = {**SECRET, "root": {**SECRET["root"]}}
    spec["root"]["dag"] = {"tasks": {**SECRET["root"]["dag"]["tasks"], "other": ir.task("comp-make")}}
    documents = written(spec, platform, use=site, other="ap-1")
    assert configuration(documents[group], "nested-use") == {
        "secretAsEnv": [{"secretNameParameter": secret, "keyToEnv": []}],
        "tolerations": [{"tolerationJson": ir.from_input("root_name")}],
        "configMapAsEnv": [{"configMapName": "fixed", "optional": False}],
    }
    waits = documents[group][0]["root"]["dag"]["tasks"]["nested-use"].get("dependentTasks")
    assert waits == (["nested-make"] if site == "eu-1" else None)


def test_the_workspace_goes_with_those_who_use_it() -> None:
    """One group has it; the other starts without a volume."""
    spec = ir.spec(
        ir.dag(
            {
                "uses": ir.task("comp-uses", parameters={"folder": ir.constant("{{$.workspace_path}}/x")}),
                "other": ir.task("comp-other"),
            }
        ),
        {"comp-uses": ir.leaf("exec-uses", parameters=["folder"]), "comp-other": ir.leaf("exec-other")},
    )
    workspace = {"size": "1Gi"}
    platform = {"platforms": {"kubernetes": {"pipelineConfig": {"workspace": workspace}}}}
    documents = written(spec, platform, other="us-1")
    assert documents["eu-1-1"][1]["platforms"]["kubernetes"]["pipelineConfig"] == {"workspace": workspace}
    assert len(documents["us-1-1"]) == 1
