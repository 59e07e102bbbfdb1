"""Wiring of a group's inputs, as IR writes it: a task beside it, a constant, or an input of the root."""

from dataclasses import dataclass, field
from typing import Any, NoReturn

from moorage.errors import InputError
from pipeline_splitter.groups.crossing import ARTIFACTS, PARAMETERS, Crossing
from pipeline_splitter.groups.nodes import Node
from pipeline_splitter.groups.splitting import Split
from pipeline_splitter.kfp.pipeline import Absent, Binding, Constant, FinalStatus, PipelineInput, Raw, TaskOutput

IMPORTED = "artifact"
"""The output of every importer."""
_ONLY_NESTED = "which only a nested pipeline can give: read them one by one, or keep the whole pipeline in one group"


@dataclass(slots=True)
class Wiring:
    """The inputs of one group's tasks.

    Attributes:
        present: paths in the group.
        inputs: of the root, as far as somebody asked for them: kind -> name -> definition.
    """

    split: Split
    group: str
    present: frozenset[str] = field(init=False)
    inputs: dict[str, dict[str, Raw]] = field(default_factory=lambda: {PARAMETERS: {}, ARTIFACTS: {}})

    def __post_init__(self) -> None:
        self.present = frozenset(self.split.members.of[self.group])

    def inputs_of(self, node: Node) -> dict[str, Any]:
        """Return a task's `inputs`; empty where it has none.

        Raises:
            InputError: one can't be given in a flat pipeline, or from another group.
        """
        parameters = {name: self.parameter(node, name, binding) for name, binding in sorted(node.parameters.items())}
        artifacts = {name: self._artifact(node, name, binding) for name, binding in sorted(node.artifacts.items())}
        given = {
            ARTIFACTS: {name: raw for name, raw in artifacts.items() if raw is not None},
            PARAMETERS: {name: raw for name, raw in parameters.items() if raw is not None},
        }
        return {kind: bindings for kind, bindings in given.items() if bindings}

    def parameter(self, node: Node, name: str, binding: Binding) -> Raw | None:
        """Return a parameter's binding here; None where the component's own default holds, or nothing."""
        source = binding.source
        if isinstance(source, Absent) or (isinstance(source, Constant) and binding.raw is None):
            return None
        written: Raw
        if isinstance(source, Constant):
            written = {"runtimeValue": {"constant": source.value}}
        elif isinstance(source, PipelineInput):
            written = {"componentInputParameter": self._pipeline_input(PARAMETERS, source.name)}
        elif isinstance(source, TaskOutput) and source.path in self.present:
            producer = self.split.names[source.path]
            written = {"taskOutputParameter": {"outputParameterKey": source.output, "producerTask": producer}}
        elif isinstance(source, TaskOutput):
            written = {"componentInputParameter": self._imported_parameter(source)}
        elif isinstance(source, FinalStatus) and source.path in self.present:
            written = {"taskFinalStatus": {"producerTask": self.split.names[source.path]}}
        elif isinstance(source, FinalStatus):
            self._fail(node, name, f"is how {source.path} ended, in another group: keep both in one group")
        else:
            self._fail(node, name, f"is one of several tasks' outputs, {_ONLY_NESTED}")
        if len(binding.selectors) > 1:
            self._fail(node, name, "has several parameterExpressionSelectors on its way: leave one")
        return {**written, "parameterExpressionSelector": binding.selectors[0]} if binding.selectors else written

    def waits_for(self, node: Node) -> list[str]:
        """Return the tasks here that must be done before: producers, importer tasks, and predecessors by order."""
        before = {self.split.names[path] for path in self._before(node, set())}
        for source in node.artifact_sources():
            if source.path not in self.present:
                before.add(self.split.crossings.tasks[Crossing(ARTIFACTS, source.path, source.output)])
        return sorted(before)

    def import_artifact(self, crossing: Crossing) -> str:
        """Return the root's parameter that carries an artifact's URI."""
        name = self.split.crossings.parameters[crossing]
        self.inputs[PARAMETERS][name] = {
            "description": f"URI of {self.split.maker(crossing)}.",
            "parameterType": "STRING",
        }
        return name

    def _before(self, node: Node, seen: set[str]) -> set[str]:
        """Paths in this group; through importers that are not in it."""
        found: set[str] = set()
        for path in node.predecessors():
            if path in self.present:
                found.add(path)
            elif path not in seen and path in self.split.nodes and self.split.nodes[path].is_importer:
                seen.add(path)
                found |= self._before(self.split.nodes[path], seen)
        return found

    def _artifact(self, node: Node, name: str, binding: Binding) -> Raw | None:
        source = binding.source
        if isinstance(source, Absent):
            return None
        if isinstance(source, PipelineInput):
            return {"componentInputArtifact": self._pipeline_input(ARTIFACTS, source.name)}
        if isinstance(source, TaskOutput):
            key, producer = source.output, self.split.names[source.path]
            if source.path not in self.present:
                key, producer = IMPORTED, self.split.crossings.tasks[Crossing(ARTIFACTS, source.path, source.output)]
            return {"taskOutputArtifact": {"outputArtifactKey": key, "producerTask": producer}}
        self._fail(node, name, f"is a list made of several tasks' artifacts, {_ONLY_NESTED}")

    def _pipeline_input(self, kind: str, name: str) -> str:
        definitions = (self.split.spec["root"].get("inputDefinitions") or {}).get(kind) or {}
        self.inputs[kind][name] = definitions[name]
        return name

    def _imported_parameter(self, source: TaskOutput) -> str:
        crossing = Crossing(PARAMETERS, source.path, source.output)
        name = self.split.crossings.parameters[crossing]
        self.inputs[PARAMETERS][name] = {
            "description": f"{self.split.maker(crossing)}.",
            "parameterType": self.split.definition(crossing).get("parameterType", "STRING"),
        }
        return name

    def _fail(self, node: Node, name: str, problem: str) -> NoReturn:
        raise InputError(f"pipeline {self.split.pipeline.name}", f"task {node.path}, input {name}", problem)
