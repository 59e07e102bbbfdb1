"""Nodes, each written as one task of a flat pipeline: an entry, or an inserted release."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pipeline_splitter.groups.units import DATASET_TYPE, Edit
from pipeline_splitter.kfp.pipeline import (
    Absent,
    Binding,
    Constant,
    Entry,
    FinalStatus,
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


def node_of(entry: Entry) -> Node:
    """Return an entry, with what the constants of nested pipelines around it mention among its parameters."""
    parameters = dict(entry.parameters)
    for name, binding in entry.parameters.items():
        parameters |= _mentioned(binding, parameters, name)
    return Node(entry.path, entry, parameters, entry.artifacts, entry.after)


def entry_definition(node: Node, components: Mapping[str, Raw], output: str, kind: str) -> Raw:
    """Return the definition of a component's output; `kind` is `parameters` or `artifacts`."""
    if node.entry is None:
        return {"artifactType": DATASET_TYPE}
    component = components[node.entry.component_name]
    definition: Raw = ((component.get("outputDefinitions") or {}).get(kind) or {}).get(output) or {}
    return definition


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
