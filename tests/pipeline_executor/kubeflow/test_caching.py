"""Which tasks Kubeflow's cache may serve: none that reads a dataset, and none that reads what such a task made."""

from typing import Any

import pytest

from pipeline_executor.runners.kubeflow.caching import without_unsafe_caching
from tests.pipeline_executor.spoke.pipelines import DATASET, shell, spec, task

Raw = dict[str, Any]

_OUT = {"artifacts": {"out": {"artifactType": DATASET}}, "parameters": {"n": {"parameterType": "NUMBER_INTEGER"}}}
_IN = {"artifacts": {"given": {"artifactType": DATASET, "isOptional": True}},
       "parameters": {"n": {"parameterType": "NUMBER_INTEGER", "isOptional": True}}}  # fmt: skip
_CACHED = {"cachingOptions": {"enableCache": True}}


def _from(name: str) -> Raw:
    return {"given": {"taskOutputArtifact": {"producerTask": name, "outputArtifactKey": "out"}}}


def _number(name: str) -> Raw:
    return {"n": {"taskOutputParameter": {"producerTask": name, "outputParameterKey": "n"}}}


def _inner(artifacts: Raw) -> Raw:
    """A nested pipeline of one task."""
    dag = {"tasks": {"inside": {**task("comp-plain", artifacts=artifacts), **_CACHED}}}
    return {"dag": dag, "inputDefinitions": _IN, "outputDefinitions": _OUT}


def _documents(tasks: Raw, labels: Raw | None = None, **components: Raw) -> list[Raw]:
    made = {
        "comp-plain": {"executorLabel": "exec-plain", "inputDefinitions": _IN, "outputDefinitions": _OUT},
        "comp-reads": {"executorLabel": "exec-reads", "inputDefinitions": _IN, "outputDefinitions": _OUT},
        "comp-import": {
            "executorLabel": "exec-import",
            "inputDefinitions": {"parameters": {"uri": {"parameterType": "STRING"}}},
            "outputDefinitions": {"artifacts": {"out": {"artifactType": DATASET}}},
        },
        **components,
    }
    importer = {"importer": {"artifactUri": {"runtimeParameter": "uri"}, "typeSchema": DATASET}}
    executors = {"exec-plain": shell("true"), "exec-reads": shell("true"), "exec-import": importer}
    root = {"inputDefinitions": {"parameters": {"threshold": {"parameterType": "NUMBER_INTEGER"}}}}
    first = spec({name: {**each, **_CACHED} for name, each in tasks.items()}, made, executors, root)
    pods = {"exec-reads": {"podMetadata": {"labels": labels or {"dataset.0.id": "claims"}}}}
    return [first, {"platforms": {"kubernetes": {"deploymentSpec": {"executors": pods}}}}]


def _still_cached(documents: list[Raw], imported: frozenset[str] = frozenset()) -> set[str]:
    changed = without_unsafe_caching(documents, imported, "pipeline")
    components = {"root": changed[0]["root"], **changed[0]["components"]}
    return {
        f"{name}/{key}".removeprefix("root/")
        for name, component in components.items()
        for key, each in component.get("dag", {}).get("tasks", {}).items()
        if each.get("cachingOptions", {}).get("enableCache")
    }


@pytest.mark.parametrize(
    ("tasks", "cached"),
    [
        ({"a": task("comp-plain"), "b": task("comp-plain", artifacts=_from("a"))}, {"a", "b"}),
        ({"a": task("comp-reads")}, set()),
        ({"a": task("comp-reads"), "b": task("comp-plain", artifacts=_from("a"))}, set()),
        ({"a": task("comp-reads"), "b": task("comp-plain", parameters=_number("a"))}, set()),
        (
            {
                "a": task("comp-reads"),
                "b": task("comp-plain", artifacts=_from("a")),
                "c": task("comp-plain", artifacts=_from("b")),
                "d": task("comp-plain"),
            },
            {"d"},
        ),
        # Order alone carries no data.
        ({"a": task("comp-reads"), "b": task("comp-plain", after=("a",))}, {"b"}),
        # What an importer brings may be governed: its group's pipeline does not say.
        (
            {
                "a": task("comp-import", parameters={"uri": {"runtimeValue": {"constant": "s3://b/k"}}}),
                "b": task("comp-plain", artifacts=_from("a")),
            },
            set(),
        ),
        ({"a": task("comp-plain", parameters={"n": {"componentInputParameter": "threshold"}})}, {"a"}),
    ],
)
def test_what_may_be_cached(tasks: Raw, cached: set[str]) -> None:
    """Datasets are told by labels of pods; what flows from them follows artifacts and parameters."""
    assert _still_cached(_documents(tasks)) == cached


def test_a_parameter_of_another_group_is_governed() -> None:
    """The same parameter of a person's is not."""
    tasks = {"a": task("comp-plain", parameters={"n": {"componentInputParameter": "threshold"}})}
    assert _still_cached(_documents(tasks), frozenset({"threshold"})) == set()


def test_governed_data_is_followed_into_and_out_of_nested_pipelines() -> None:
    """A nested pipeline that is given governed data runs as a whole; so does all that reads what one made of it."""
    given = {"given": {"componentInputArtifact": "given"}}
    into = {"a": task("comp-reads"), "b": task("comp-inner", artifacts=_from("a"))}
    assert _still_cached(_documents(into, **{"comp-inner": _inner(artifacts=given)})) == set()
    apart = {"a": task("comp-plain"), "b": task("comp-inner", artifacts=_from("a"))}
    assert _still_cached(_documents(apart, **{"comp-inner": _inner(artifacts=given)})) == {
        "a",
        "b",
        "comp-inner/inside",
    }
    reads = {"dag": {"tasks": {"r": {**task("comp-reads"), **_CACHED}}}, "outputDefinitions": _OUT}
    out_of = {"a": task("comp-inner"), "b": task("comp-plain", artifacts=_from("a")), "c": task("comp-plain")}
    assert _still_cached(_documents(out_of, **{"comp-inner": reads})) == {"c"}


def test_a_component_that_is_used_twice_runs_for_both() -> None:
    """Its tasks are one text, so that one of the uses decides for the other."""
    given = {"given": {"componentInputArtifact": "given"}}
    tasks = {
        "a": task("comp-reads"),
        "b": task("comp-inner", artifacts=_from("a")),
        "p": task("comp-plain"),
        "q": task("comp-inner", artifacts=_from("p")),
    }
    assert _still_cached(_documents(tasks, **{"comp-inner": _inner(artifacts=given)})) == {"p"}


def test_a_volume_hands_on_what_no_input_shows() -> None:
    """Tasks that mount a claim run, once one of them reads governed data."""
    documents = _documents({"a": task("comp-reads"), "b": task("comp-plain")})
    pods = documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    pods["exec-reads"]["pvcMount"] = pods["exec-plain"] = {"pvcMount": [{"constant": "c", "mountPath": "/c"}]}
    pods["exec-reads"]["pvcMount"] = [{"constant": "c", "mountPath": "/c"}]
    assert _still_cached(documents) == set()
    del pods["exec-reads"]["pvcMount"]
    assert _still_cached(documents) == {"b"}


def test_the_given_documents_stay_as_they_are() -> None:
    """The embedded runner may be given them as well."""
    documents = _documents({"a": task("comp-reads")})
    before = repr(documents)
    without_unsafe_caching(documents, frozenset(), "pipeline")
    assert repr(documents) == before


def test_other_labels_mean_nothing() -> None:
    """Neither a purpose alone nor what looks like a dataset's label."""
    labels = {"moorage.dev/purpose": "research", "dataset": "x", "dataset.x.id": "y"}
    assert _still_cached(_documents({"a": task("comp-reads")}, labels)) == {"a"}
