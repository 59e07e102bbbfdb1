"""Small compiled pipelines for tests, as parsed documents.

A component is named by its task's last word: `component("train", ...)` is `comp-train`, run by `exec-train`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from moorage.model import Dataset, DatasetRef
from pipeline_splitter.graph import Graph, Read, Step
from pipeline_splitter.hints import Hints
from pipeline_splitter.kfp import KfpPipeline, read_pipeline

Raw = dict[str, Any]


def constant(value: Any) -> Raw:  # noqa: ANN401 - any JSON value
    """A parameter binding: a constant."""
    return {"runtimeValue": {"constant": value}}


def from_task(task: str, output: str = "Output") -> Raw:
    """A parameter binding: an output of a task beside it."""
    return {"taskOutputParameter": {"producerTask": task, "outputParameterKey": output}}


def from_input(name: str) -> Raw:
    """A parameter binding: an input of the component around it."""
    return {"componentInputParameter": name}


def artifact_of(task: str, output: str = "out") -> Raw:
    """An artifact binding: an output of a task beside it."""
    return {"taskOutputArtifact": {"producerTask": task, "outputArtifactKey": output}}


def artifact_input(name: str) -> Raw:
    """An artifact binding: an input of the component around it."""
    return {"componentInputArtifact": name}


def task(
    component: str,
    *,
    parameters: Mapping[str, Raw] | None = None,
    artifacts: Mapping[str, Raw] | None = None,
    after: Sequence[str] = (),
    **more: Any,  # noqa: ANN401 - raw fields of a task spec
) -> Raw:
    """A task spec; `more` are further raw fields, as triggerPolicy."""
    return {
        "cachingOptions": {"enableCache": True},
        "componentRef": {"name": component},
        "inputs": {"parameters": dict(parameters or {}), "artifacts": dict(artifacts or {})},
        **({"dependentTasks": list(after)} if after else {}),
        **more,
    }


def group(component: str, **fields: Any) -> Raw:  # noqa: ANN401
    """A task spec of a group that the SDK made: a loop, a condition, an exit handler; without caching options."""
    raw = task(component, **fields)
    del raw["cachingOptions"]
    return raw


def _inputs(parameters: Mapping[str, Raw] | Sequence[str], artifacts: Mapping[str, Raw] | Sequence[str]) -> Raw:
    def each(definitions: Mapping[str, Raw] | Sequence[str], otherwise: Raw) -> Raw:
        return dict(definitions) if isinstance(definitions, Mapping) else dict.fromkeys(definitions, otherwise)

    return {
        "parameters": each(parameters, {"parameterType": "STRING"}),
        "artifacts": each(artifacts, {"artifactType": {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}}),
    }


def leaf(
    executor: str,
    *,
    parameters: Mapping[str, Raw] | Sequence[str] = (),
    artifacts: Mapping[str, Raw] | Sequence[str] = (),
    gives: Sequence[str] = ("Output",),
    makes: Mapping[str, Raw] | Sequence[str] = ("out",),
) -> Raw:
    """A component that an executor runs."""
    return {
        "executorLabel": executor,
        "inputDefinitions": _inputs(parameters, artifacts),
        "outputDefinitions": _inputs(gives, makes),
    }


def dag(  # noqa: PLR0913 - a component has this many sides
    tasks: Mapping[str, Raw],
    *,
    parameters: Mapping[str, Raw] | Sequence[str] = (),
    artifacts: Mapping[str, Raw] | Sequence[str] = (),
    gives: Mapping[str, Raw] | None = None,
    makes: Mapping[str, Sequence[tuple[str, str]]] | None = None,
    lists: Sequence[str] = (),
) -> Raw:
    """A component made of tasks. `gives`: raw parameter outputs; `makes`: artifact outputs, (task, output) each."""
    outputs = {
        name: {"artifactSelectors": [{"producerSubtask": each, "outputArtifactKey": key} for each, key in choice]}
        for name, choice in (makes or {}).items()
    }
    return {
        "dag": {"tasks": dict(tasks), "outputs": {"parameters": dict(gives or {}), "artifacts": outputs}},
        "inputDefinitions": _inputs(parameters, artifacts),
        "outputDefinitions": _inputs(
            list(gives or {}), {name: {"isArtifactList": name in lists} for name in (makes or {})}
        ),
    }


def container(image: str = "python:3.11", **more: Any) -> Raw:  # noqa: ANN401 - raw fields
    """An executor with a container."""
    return {"container": {"image": image, **more}}


def importer(uri: Raw, **more: Any) -> Raw:  # noqa: ANN401 - raw fields
    """An executor with an importer; `uri`: `{constant: ...}` or `{runtimeParameter: ...}`."""
    return {"importer": {"artifactUri": uri, "typeSchema": {"schemaTitle": "system.Dataset"}, **more}}


def spec(root: Raw, components: Mapping[str, Raw], executors: Mapping[str, Raw] | None = None) -> Raw:
    """A pipeline spec; executors that are not given run a container of their own image."""
    known = dict(executors or {})
    for component in components.values():
        label = component.get("executorLabel")
        if label is not None:
            known.setdefault(label, container(f"registry/{label}"))
    return {
        "pipelineInfo": {"name": "small"},
        "components": dict(components),
        "deploymentSpec": {"executors": known},
        "root": root,
        "schemaVersion": "2.1.0",
        "sdkVersion": "kfp-2.17.0",
    }


def platform(executors: Mapping[str, Raw]) -> Raw:
    """A platform document."""
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": dict(executors)}}}}


def pod(labels: Mapping[str, str] | None = None, annotations: Mapping[str, str] | None = None, **more: Any) -> Raw:  # noqa: ANN401
    """One executor's configuration."""
    return {"podMetadata": {"labels": dict(labels or {}), "annotations": dict(annotations or {})}, **more}


def read(
    *documents: Raw, hints: Hints | None = None, datasets: Mapping[DatasetRef, Dataset] | None = None
) -> tuple[Graph, KfpPipeline]:
    """The graph and the entries."""
    return read_pipeline(list(documents), hints or Hints(), datasets or {}, "small.yaml")


def step(graph: Graph, name: str) -> Step:
    """The step of that name, inside or outside of tasks."""
    steps = [*graph.importers, *(each for task in graph.tasks.values() for each in task.steps)]
    return next(each for each in steps if each.name == name)


def read_of(graph: Graph, name: str, input_name: str) -> tuple[Read, ...]:
    """What a step reads as an input."""
    return tuple(each for each in step(graph, name).reads if each.input == input_name)
