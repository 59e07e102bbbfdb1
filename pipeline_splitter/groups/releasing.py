"""Inserted releases, put in front of their readers.

An inserted task has no entry in the pipeline; what it reads is what its readers read before. A reader inside of a unit
gets the released form through a channel of its own. Where what it read before is imported inside of the unit, the
importer stands beside the inserted task too.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from moorage.errors import InputError
from pipeline_splitter.graph import Graph
from pipeline_splitter.groups.nodes import DATA, RELEASED, Node, node_of
from pipeline_splitter.groups.units import CHANNEL, Edit, Use, uses
from pipeline_splitter.kfp.pipeline import Binding, Constant, Entry, EntryKind, KfpPipeline, Raw, TaskOutput


def make_nodes(pipeline: KfpPipeline, graph: Graph) -> dict[str, Node]:
    """Make all nodes by path: entries in the pipeline's order, then inserted releases with importers of their own.

    Raises:
        InputError: a release stands where none can be written.
    """
    rewired = _rewired(graph)
    added: dict[str, Node] = {}
    nodes = {path: node_of(entry) for path, entry in pipeline.entries.items()}
    for path in rewired:
        nodes[path] = _with_releases(pipeline, nodes[path], rewired[path], added)
    return nodes | dict(sorted(added.items()))


def _rewired(graph: Graph) -> dict[str, dict[Use, str]]:
    """Return for each task which of its steps' inputs come from which inserted task."""
    inserted = {step.name: task.name for task in graph.tasks.values() if task.inserted for step in task.steps}
    found: dict[str, dict[Use, str]] = {}
    for task in graph.tasks.values():
        for step in () if task.inserted else task.steps:
            for read in step.reads:
                if read.step in inserted:
                    found.setdefault(task.name, {})[step.name, read.input] = inserted[read.step]
    return found


def _with_releases(pipeline: KfpPipeline, node: Node, rewired: Mapping[Use, str], added: dict[str, Node]) -> Node:
    """Return the node, reading released forms; the inserted tasks, which read its former inputs, go into `added`."""
    entry = node.entry
    if entry is None:
        return node
    artifacts = dict(node.artifacts)
    released: dict[Use, str] = {}
    for (step, input_name), release in sorted(rewired.items()):
        if step == node.path:
            before = node.artifacts[input_name]
            artifacts[input_name] = Binding(TaskOutput(release, RELEASED))
        else:
            before = _read_before(pipeline, node, entry, (step, input_name), added)
            released[step, input_name] = f"{CHANNEL}{release}-{RELEASED}"
            artifacts[released[step, input_name]] = Binding(TaskOutput(release, RELEASED))
        added[release] = Node(release, None, {}, {DATA: before})
    iterated = ((entry.task.get("artifactIterator") or {}).get("items") or {}).get("inputArtifact")
    for name in node.artifacts if released else ():
        found = list(uses(entry.component, name, node.path, pipeline.components))
        if found and name != iterated and all(use in released for use in found):
            del artifacts[name]
    return replace(node, artifacts=artifacts, edit=Edit(released=released))


def _read_before(pipeline: KfpPipeline, node: Node, entry: Entry, use: Use, added: dict[str, Node]) -> Binding:
    """Return the binding of a step's input inside of a unit, in terms of the unit's outside."""
    step, name = use
    way = list(_way(pipeline, entry, step))
    for level in range(len(way) - 1, -1, -1):
        binding = ((way[level].get("inputs") or {}).get("artifacts") or {}).get(name) or {}
        if outer := binding.get("componentInputArtifact"):
            name = outer
            continue
        producer = (binding.get("taskOutputArtifact") or {}).get("producerTask")
        if producer is not None:
            path = "/".join((*step.split("/")[: len(entry.path.split("/")) + level], producer))
            if (importer := _importer(pipeline, node, entry, path)) is not None:
                added[path] = importer
                return Binding(TaskOutput(path, binding["taskOutputArtifact"]["outputArtifactKey"]))
        raise InputError(
            f"pipeline {pipeline.name}",
            f"task {step}, input {use[1]}",
            f"is made inside {entry.path}, where no release can be put in front of it: leave out what makes the "
            "task accept the released form, or bring the artifact in from outside",
        )
    return node.artifacts[name]


def _importer(pipeline: KfpPipeline, node: Node, entry: Entry, path: str) -> Node | None:
    """Return an importer inside of a unit, as it would stand outside; None where it takes something from inside."""
    way = list(_way(pipeline, entry, path))
    task = way[-1]
    name = task["componentRef"]["name"]
    component = pipeline.components[name]
    executor = str(component.get("executorLabel"))
    if "importer" not in pipeline.executors.get(executor, {}):
        return None
    parameters = {}
    for input_name, binding in ((task.get("inputs") or {}).get("parameters") or {}).items():
        outer = _from_outside(node, way, binding)
        if outer is None:
            return None
        parameters[input_name] = outer
    made = Entry(path, EntryKind.IMPORTER, name, component, (name,), (executor,), task, (), parameters)
    return Node(path, made, parameters)


def _from_outside(node: Node, way: list[Raw], binding: Raw) -> Binding | None:
    for level in range(len(way) - 2, -2, -1):
        if "runtimeValue" in binding:
            return Binding(Constant(binding["runtimeValue"].get("constant")), raw=binding)
        outer = binding.get("componentInputParameter")
        if outer is None or "parameterExpressionSelector" in binding:
            return None
        if level < 0:
            given = node.parameters.get(outer)
            return None if given is None else replace(given, raw=given.raw or {})
        binding = ((way[level].get("inputs") or {}).get("parameters") or {}).get(outer) or {}
    return None


def _way(pipeline: KfpPipeline, entry: Entry, path: str) -> Iterator[Raw]:
    """Yield the task specs from the unit's dag down to the task at `path`."""
    component = entry.component
    for name in path[len(entry.path) + 1 :].split("/"):
        task: Raw = component["dag"]["tasks"][name]
        yield task
        component = pipeline.components[task["componentRef"]["name"]]
