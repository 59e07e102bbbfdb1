"""What is written as one task of a flat pipeline: entries, with inserted releases put in front of their readers.

An inserted task has no entry in the pipeline; what it reads is what its readers read before.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from moorage.errors import InputError
from pipeline_splitter.graph import Graph
from pipeline_splitter.groups.units import CHANNEL, Edit, Use, uses
from pipeline_splitter.kfp.pipeline import (
    Absent,
    Binding,
    Constant,
    Entry,
    FinalStatus,
    KfpPipeline,
    Raw,
    TaskOutput,
)
from pipeline_splitter.kfp.pipeline import Several as SeveralOutputs

DATA, RELEASED = "data", "released"
"""The input and the output of every release's container."""


@dataclass(frozen=True, slots=True)
class Node:
    """One task to be.

    Attributes:
        path: the plan's name of it (an importer's path).
        entry: None for an inserted release.
        parameters, artifacts: by input name; what constants of enclosing pipelines mention is among the parameters.
        after: paths, order only.
        edit: what its unit's inside needs, besides renamed channels.
    """

    path: str
    entry: Entry | None
    parameters: Mapping[str, Binding] = field(default_factory=dict)
    artifacts: Mapping[str, Binding] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    edit: Edit = field(default_factory=Edit)

    @property
    def is_importer(self) -> bool:
        """Whether it is an importer outside of every unit."""
        return self.entry is not None and self.entry.is_importer

    def parameter_sources(self) -> Iterator[TaskOutput]:
        """Outputs that it reads as parameters, its platform configuration's references included."""
        references = self.entry.references if self.entry is not None else ()
        bindings = [*self.parameters.values(), *(each.binding for each in references if each.binding is not None)]
        for binding in bindings:
            yield from _outputs(binding)

    def artifact_sources(self) -> Iterator[TaskOutput]:
        """Outputs that it reads as artifacts."""
        for binding in self.artifacts.values():
            yield from _outputs(binding)

    def predecessors(self) -> Iterator[str]:
        """Paths of all that must be done before."""
        yield from self.after
        for source in (*self.parameter_sources(), *self.artifact_sources()):
            yield source.path
        for binding in self.parameters.values():
            if isinstance(binding.source, FinalStatus):
                yield binding.source.path


def _outputs(binding: Binding) -> Iterator[TaskOutput]:
    if isinstance(binding.source, TaskOutput):
        yield binding.source
    elif isinstance(binding.source, SeveralOutputs):
        yield from binding.source.sources


def make_nodes(pipeline: KfpPipeline, graph: Graph) -> dict[str, Node]:
    """All nodes by path: entries in the pipeline's order, then inserted releases.

    Raises:
        InputError: a release stands where none can be written.
    """
    rewired = _rewired(graph)
    inserted: dict[str, Node] = {}
    nodes: dict[str, Node] = {}
    for path, entry in pipeline.entries.items():
        parameters = dict(entry.parameters)
        for name, binding in entry.parameters.items():
            parameters |= _mentioned(binding, parameters, name)
        node = Node(path, entry, parameters, entry.artifacts, entry.after)
        nodes[path] = _with_releases(pipeline, node, rewired.get(path, {}), inserted)
    for name, task in graph.tasks.items():
        if task.inserted and name in inserted:
            nodes[name] = inserted[name]
    return nodes


def _rewired(graph: Graph) -> dict[str, dict[Use, str]]:
    """By task: which of its steps' inputs come from which inserted task."""
    inserted = {step.name: task.name for task in graph.tasks.values() if task.inserted for step in task.steps}
    found: dict[str, dict[Use, str]] = {}
    for task in graph.tasks.values():
        if task.inserted:
            continue
        for step in task.steps:
            for read in step.reads:
                if read.step in inserted:
                    found.setdefault(task.name, {})[step.name, read.input] = inserted[read.step]
    return found


def _with_releases(pipeline: KfpPipeline, node: Node, rewired: Mapping[Use, str], inserted: dict[str, Node]) -> Node:
    """The node, reading released forms; what it read before is what the inserted tasks read."""
    artifacts = dict(node.artifacts)
    released: dict[Use, str] = {}
    entry = node.entry
    assert entry is not None  # noqa: S101 - for the type: inserted tasks read no released form
    for (step, input_name), release in sorted(rewired.items()):
        if step == node.path:
            own = input_name
            artifacts[own] = Binding(TaskOutput(release, RELEASED))
        else:
            own = _own_input(pipeline, entry, step, input_name)
            channel = f"{CHANNEL}{release}-{RELEASED}"
            artifacts[channel] = Binding(TaskOutput(release, RELEASED))
            released[step, input_name] = channel
        inserted[release] = Node(release, None, {}, {DATA: node.artifacts[own]})
    if released:
        component = entry.component
        iterated = ((entry.task.get("artifactIterator") or {}).get("items") or {}).get("inputArtifact")
        for name in node.artifacts:
            found = list(uses(component, name, node.path, pipeline.components))
            if found and name != iterated and all(use in released for use in found):
                del artifacts[name]
    return Node(node.path, entry, node.parameters, artifacts, node.after, Edit(released=released))


def _own_input(pipeline: KfpPipeline, entry: Entry, step: str, input_name: str) -> str:
    """Through which of a unit's own artifact inputs a step inside of it reads."""
    if "dag" in entry.component:
        for name in sorted(entry.artifacts):
            if (step, input_name) in uses(entry.component, name, entry.path, pipeline.components):
                return name
    raise InputError(
        f"pipeline {pipeline.name}",
        f"task {step}, input {input_name}",
        f"is made inside of {entry.path}, where no release can be put in front of it: leave out what makes it accept "
        "the released form, or import the artifact outside",
    )


def _mentioned(binding: Binding, taken: Mapping[str, Binding], input_name: str) -> dict[str, Binding]:
    """Inputs that a constant of an enclosing pipeline's task mentions, and the constant with their names here."""
    if not isinstance(binding.source, Constant) or not binding.placeholders:
        return {}
    added: dict[str, Binding] = {}
    value = binding.source.value
    for name, mentioned in sorted(binding.placeholders.items()):
        if isinstance(mentioned.source, Absent):
            continue
        here, number = name, 2
        while here in taken or here in added:
            here, number = f"{name}-{number}", number + 1
        value = _with_text(value, f"$.inputs.parameters['{name}']", f"$.inputs.parameters['{here}']")
        added[here] = Binding(mentioned.source, mentioned.selectors, mentioned.raw or {})
        added |= _mentioned(mentioned, {**taken, **added}, here)
    return {**added, input_name: Binding(Constant(value), binding.selectors, binding.raw or {})}


def _with_text(value: object, old: str, new: str) -> object:
    if isinstance(value, str):
        return value.replace(old, new)
    if isinstance(value, list):
        return [_with_text(item, old, new) for item in value]
    if isinstance(value, Mapping):
        return {key: _with_text(item, old, new) for key, item in value.items()}
    return value


def entry_definition(node: Node, components: Mapping[str, Raw], output: str, kind: str) -> Raw:
    """What a node's component says of one of its outputs; `kind` is `parameters` or `artifacts`."""
    if node.entry is None:
        return {"artifactType": {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}}
    component = components[node.entry.component_name]
    definition: Raw = ((component.get("outputDefinitions") or {}).get(kind) or {}).get(output) or {}
    return definition
