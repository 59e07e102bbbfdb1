"""A Kedro pipeline as a Kubeflow pipeline: a task for each node, an artifact for each dataset between two nodes.

Pure: what there is of a project was gathered before, by `projects`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from moorage.errors import InputError
from moorage.model import MOST_DATASETS as MOST_GOVERNED

MOST_NODES: Final = 1_000
MOST_DATASETS: Final = 500
"""The most datasets of one node."""
_MOST_NAME: Final = 40
_PARAMS: Final = "params"


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the pipeline.

    Attributes:
        name: as Kedro has it.
        inputs: datasets and parameters.
        outputs: datasets.
        confirms: datasets that it confirms.
    """

    name: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    confirms: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Governed:
    """The Dataset that a catalogue's entry names: `metadata: {moorage: {dataset: ..., namespace: ...}}`."""

    dataset: str
    namespace: str = ""
    useas: str = "mount"


@dataclass(frozen=True, slots=True)
class Project:
    """The project that is compiled.

    Attributes:
        name: the name of the project and pipeline, for people.
        pipeline: its registered name.
        nodes: in the order in which they may run.
        named: datasets that the catalogue names.
        governed: those of them that lie in a Dataset of Moorage's.
    """

    name: str
    pipeline: str
    nodes: Sequence[Node]
    named: frozenset[str]
    governed: Mapping[str, Governed] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Container:
    """The container in which each node runs.

    Attributes:
        image: has the project, Kedro and Moorage.
        folder: where the project lies in it.
        env: Kedro's configuration environment; "": the project's own default.
        purpose: of reading what is governed; "": none.
    """

    image: str
    folder: str = "."
    env: str = ""
    purpose: str = ""


def is_parameter(dataset: str) -> bool:
    """Return whether a node's input is one of the project's parameters, which each container has."""
    return dataset == "parameters" or dataset.startswith("params:")


def compiled(project: Project, container: Container) -> list[dict[str, Any]]:
    """Return the documents of a Kubeflow pipeline, schema 2.1: the spec, and the platform's where tasks have labels.

    Raises:
        InputError: a node can't run in a container of its own; names it, and the remedy.
    """
    if not 0 < len(project.nodes) <= MOST_NODES:
        problem = f"has {len(project.nodes):,} nodes: 1 to {MOST_NODES:,} can be compiled; name a smaller one"
        raise InputError(project.name, "pipeline", problem)
    made_by = {dataset: node.name for node in project.nodes for dataset in node.outputs}
    for node in project.nodes:
        _check(project, node, made_by)
    tasks = {task.node.name: task for task in _tasks(project, made_by)}
    root: dict[str, Any] = {
        "dag": {"tasks": {each.name: _task(project, each, tasks, made_by) for each in tasks.values()}},
        "inputDefinitions": {
            "parameters": {_PARAMS: {"defaultValue": {}, "isOptional": True, "parameterType": "STRUCT"}}
        },
    }
    read = {dataset for node in project.nodes for dataset in node.inputs}
    given = {
        f"{each.name}-{key}": (each.name, key)
        for each in tasks.values()
        for dataset, key in each.outputs.items()
        if dataset not in read
    }
    if given:
        root["dag"]["outputs"] = {
            "artifacts": {
                name: {"artifactSelectors": [{"outputArtifactKey": key, "producerSubtask": task}]}
                for name, (task, key) in given.items()
            }
        }
        root["outputDefinitions"] = {"artifacts": _artifacts(given)}
    spec = {
        "components": {f"comp-{each.name}": _component(each) for each in tasks.values()},
        "deploymentSpec": {
            "executors": {
                f"exec-{each.name}": {"container": _executor(project, container, each)} for each in tasks.values()
            }
        },
        "pipelineInfo": {"name": _slug(project.name, "-")},
        "root": root,
        "schemaVersion": "2.1.0",
        "sdkVersion": "kfp-2.17.0",
    }
    labels = {
        f"exec-{each.name}": {"podMetadata": {"labels": found}}
        for each in tasks.values()
        if (found := _labels(project, container, each.node))
    }
    return [spec, {"platforms": {"kubernetes": {"deploymentSpec": {"executors": labels}}}}] if labels else [spec]


@dataclass(frozen=True, slots=True)
class _Task:
    """A node, and what Kubeflow calls it and its artifacts, by dataset."""

    name: str
    node: Node
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]


def _tasks(project: Project, made_by: Mapping[str, str]) -> list[_Task]:
    read = {dataset for node in project.nodes for dataset in node.inputs}
    made = []
    for name, node in zip(_unique((node.name for node in project.nodes), "-"), project.nodes, strict=True):
        inputs = list(dict.fromkeys(each for each in node.inputs if each in made_by))
        outputs = [each for each in node.outputs if each in read or each not in project.named]
        keys = dict(zip([*inputs, *outputs], _unique([*inputs, *outputs], "_"), strict=True))
        made.append(_Task(name, node, {each: keys[each] for each in inputs}, {each: keys[each] for each in outputs}))
    return made


def _component(task: _Task) -> dict[str, Any]:
    inputs: dict[str, Any] = {"parameters": {_PARAMS: {"isOptional": True, "parameterType": "STRUCT"}}}
    if task.inputs:
        inputs["artifacts"] = _artifacts(task.inputs.values())
    made: dict[str, Any] = {"executorLabel": f"exec-{task.name}", "inputDefinitions": inputs}
    if task.outputs:
        made["outputDefinitions"] = {"artifacts": _artifacts(task.outputs.values())}
    return made


def _artifacts(names: Iterable[str]) -> dict[str, Any]:
    # An object each: YAML would write one that stands at two places as an alias.
    return {name: {"artifactType": {"schemaTitle": "system.Artifact", "schemaVersion": "0.0.1"}} for name in names}


def _executor(project: Project, container: Container, task: _Task) -> dict[str, Any]:
    said = [
        f"--project={container.folder}",
        f"--pipeline={project.pipeline}",
        *([f"--env={container.env}"] if container.env else []),
        f"--params={{{{$.inputs.parameters['{_PARAMS}']}}}}",
        f"--node={task.node.name}",
    ]
    for side, option, keys in (("inputs", "input", task.inputs), ("outputs", "output", task.outputs)):
        said += [
            f"--{option}={quote(dataset, safe=':.@')}={{{{$.{side}.artifacts['{key}'].path}}}}"
            for dataset, key in keys.items()
        ]
    return {"image": container.image, "command": ["python", "-m", "moorage.kedro.task"], "args": said}


def _task(project: Project, task: _Task, tasks: Mapping[str, _Task], made_by: Mapping[str, str]) -> dict[str, Any]:
    # Data outside of the pipeline may have changed, or may have to be written again.
    is_closed = project.named.isdisjoint((*task.node.inputs, *task.node.outputs))
    inputs: dict[str, Any] = {"parameters": {_PARAMS: {"componentInputParameter": _PARAMS}}}
    made: dict[str, Any] = {
        "cachingOptions": {"enableCache": True} if is_closed else {},
        "componentRef": {"name": f"comp-{task.name}"},
        "inputs": inputs,
        "taskInfo": {"name": task.name},
    }
    makers = {dataset: tasks[made_by[dataset]] for dataset in task.inputs}
    if makers:
        made["dependentTasks"] = sorted({maker.name for maker in makers.values()})
        inputs["artifacts"] = {
            task.inputs[dataset]: {
                "taskOutputArtifact": {"outputArtifactKey": maker.outputs[dataset], "producerTask": maker.name}
            }
            for dataset, maker in makers.items()
        }
    return made


def _labels(project: Project, container: Container, node: Node) -> dict[str, str]:
    """Return the labels of the task's pod: each Dataset once, and the purpose, which derived data need too."""
    made = {"moorage.dev/purpose": container.purpose} if container.purpose else {}
    for number, each in enumerate(_touched(project, node)):
        made[f"dataset.{number}.id"] = each.dataset
        made[f"dataset.{number}.useas"] = each.useas
        if each.namespace:
            made[f"dataset.{number}.namespace"] = each.namespace
    return made


def _touched(project: Project, node: Node) -> list[Governed]:
    named = dict.fromkeys((*node.inputs, *node.outputs))
    return list(dict.fromkeys(project.governed[each] for each in named if each in project.governed))


def _check(project: Project, node: Node, made_by: Mapping[str, str]) -> None:
    """Refuse what would not give the same in containers as in one process."""
    where = f"{project.name}: node {node.name}"
    if len(node.inputs) + len(node.outputs) > MOST_DATASETS:
        raise InputError(where, "inputs", f"has more than {MOST_DATASETS} datasets: split the node")
    if node.confirms:
        problem = "are confirmed where no later run sees it: confirm them in a run of Kedro's own"
        raise InputError(where, "confirms", f"{', '.join(node.confirms)} {problem}")
    stems = {dataset.partition("@")[0]: other for dataset, other in made_by.items()}
    for dataset in node.inputs:
        if dataset in made_by or is_parameter(dataset):
            continue
        other = stems.get(dataset.partition("@")[0])
        if other is not None:
            problem = f"{dataset!r} is what node {other} writes in another form, to a place of its container's own"
            raise InputError(where, "inputs", f"{problem}: have both name the dataset alike, without a part after @")
        if dataset not in project.named:
            problem = f"{dataset!r} is made by no node, and the catalogue does not name it"
            raise InputError(where, "inputs", f"{problem}: put it into the catalogue, or compile the nodes before, too")
    if len(_touched(project, node)) > MOST_GOVERNED:
        raise InputError(where, "inputs", f"uses more than {MOST_GOVERNED} governed Datasets: split the node")


def _unique(names: Iterable[str], joint: str) -> list[str]:
    """Return names that Kubeflow takes, in order, each once."""
    made: list[str] = []
    taken: set[str] = set()
    for name in names:
        slug, number = _slug(name, joint), 1
        while (candidate := slug if number == 1 else f"{slug}{joint}{number}") in taken:
            number += 1
        taken.add(candidate)
        made.append(candidate)
    return made


def _slug(name: str, joint: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", joint, name.lower()).strip(joint)[:_MOST_NAME].strip(joint)
    return slug if slug[:1].isalpha() else f"n{joint}{slug}".strip(joint)
