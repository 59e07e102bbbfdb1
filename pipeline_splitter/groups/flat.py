"""One group of several: its tasks, flattened, as a pipeline of its own.

What a real Kubeflow backend does decides the form: `dependentTasks` name all producers too (nothing else orders tasks
there), `taskInfo.name` is the task's own name where it was before (older drivers find outputs by it), importers take
their URI from a parameter and `reimport` is false, and labels stand at executors, whose pods alone get them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from moorage.errors import InputError
from moorage.model import Component, Dataset, DatasetRef
from pipeline_splitter.graph import Graph, Step
from pipeline_splitter.groups.catalogue import Catalogue
from pipeline_splitter.groups.crossing import ARTIFACTS, PARAMETERS, Crossing, Crossings, Members
from pipeline_splitter.groups.modern import is_old, modern_task
from pipeline_splitter.groups.names import Names, task_name
from pipeline_splitter.groups.nodes import DATA, RELEASED, Node, entry_definition
from pipeline_splitter.groups.references import rewritten
from pipeline_splitter.groups.units import CHANNEL, DATASET_TYPE, Edit, named_channels
from pipeline_splitter.kfp.pipeline import (
    Absent,
    Binding,
    Constant,
    FinalStatus,
    KfpPipeline,
    PipelineInput,
    Raw,
    Several,
    TaskOutput,
)
from pipeline_splitter.plan import Group

_ARTIFACT = "artifact"
_URI = "uri"
_WORKSPACE = "{{$.workspace_path}}"


@dataclass(frozen=True, slots=True)
class Split:
    """What all groups' files are made of.

    Attributes:
        spec: the pipeline's, in schema 2.1.
        names: path -> name of the task in its group's root.
        steps: of the graph, by path.
    """

    pipeline: KfpPipeline
    graph: Graph
    spec: Raw
    nodes: Mapping[str, Node]
    members: Members
    crossings: Crossings
    names: Mapping[str, str]
    steps: Mapping[str, Step]
    datasets: Mapping[DatasetRef, Dataset]
    is_only_group: bool = False


def task_names(nodes: Mapping[str, Node]) -> dict[str, str]:
    """Unique names, the same in every group; those at the root of the pipeline stay as they are."""
    names = Names()
    ordered = sorted(nodes, key=lambda path: ("/" in path, path))
    return {path: names.take(task_name(path)) for path in ordered}


def flat_documents(split: Split, group: Group) -> list[dict[str, Any]]:
    """The documents of one group."""
    return _GroupFile(split, group).documents()


@dataclass(slots=True)
class _GroupFile:
    """A file in the making."""

    split: Split
    group: Group
    present: set[str] = field(init=False)
    catalogue: Catalogue = field(init=False)
    tasks: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, dict[str, Raw]] = field(default_factory=lambda: {PARAMETERS: {}, ARTIFACTS: {}})

    def __post_init__(self) -> None:
        self.present = set(self.split.members.of[self.group.id])
        self.catalogue = Catalogue(self.split.spec, self.split.pipeline.platform, self.split.steps)

    def documents(self) -> list[dict[str, Any]]:
        for path in self.split.members.of[self.group.id]:
            node = self.split.nodes[path]
            self.tasks[self.split.names[path]] = self._entry_task(node) if node.entry else self._release_task(node)
        for crossing in self.split.crossings.imports[self.group.id]:
            if crossing.kind == ARTIFACTS:
                self._import(crossing)
        spec = {key: value for key, value in self.split.spec.items() if key != "root"}
        deployment = spec.get("deploymentSpec") or {}
        spec |= {
            "pipelineInfo": self._info(),
            "components": self.catalogue.components,
            "deploymentSpec": {**deployment, "executors": self.catalogue.executors},
            "root": self._root(),
        }
        platform = self.catalogue.platform_document(
            self.split.pipeline.platform, without_workspace=not self._uses_workspace()
        )
        return [spec, platform] if platform else [spec]

    def _fail(self, node: Node, name: str, problem: str) -> NoReturn:
        raise InputError(f"pipeline {self.split.pipeline.name}", f"task {node.path}, input {name}", problem)

    def _info(self) -> dict[str, Any]:
        info = dict(self.split.spec.get("pipelineInfo") or {})
        if not self.split.is_only_group:
            info["name"] = f"{info['name']}-{self.group.id}"
            if info.get("displayName"):
                info["displayName"] = f"{info['displayName']} ({self.group.id})"
        return info

    # -- Tasks -------------------------------------------------------------------------------------------------------

    def _entry_task(self, node: Node) -> dict[str, Any]:
        entry = node.entry
        assert entry is not None  # noqa: S101 - for the type: who calls has looked
        task = dict(modern_task(entry.task) if is_old(self.split.pipeline) else entry.task)
        name = self.split.names[node.path]
        info = task.get("taskInfo")
        if info and info.get("name") == node.path.rpartition("/")[2]:
            task["taskInfo"] = {**info, "name": name}
        written = self._inputs(node)
        if written:
            task["inputs"] = written
        else:
            task.pop("inputs", None)
        edit = node.edit
        if "dag" in entry.component:
            edit = Edit(self._channels(node, written), node.edit.released)
        task = edit.renamed(task)
        component = self.catalogue.place(entry.component_name, node.path, edit or None, self._configuration(node))
        task["componentRef"] = {**(task.get("componentRef") or {}), "name": component}
        self._order(task, node)
        return task

    def _release_task(self, node: Node) -> dict[str, Any]:
        name = self.split.names[node.path]
        ref, container = self._release(node.path)
        labels = {
            "dataset.0.id": ref.name,
            "dataset.0.namespace": ref.namespace,
            "dataset.0.release": self.split.graph.tasks[node.path].release[1],  # type: ignore[index] # it is inserted
        }
        raw: dict[str, Any] = {"image": container.image}
        if container.command:
            raw["command"] = list(container.command)
        if container.args:
            raw["args"] = list(container.args)
        component = self.catalogue.add(
            name,
            {
                "inputDefinitions": {ARTIFACTS: {DATA: {"artifactType": DATASET_TYPE}}},
                "outputDefinitions": {ARTIFACTS: {RELEASED: {"artifactType": DATASET_TYPE}}},
            },
            {"container": raw},
            labels,
        )
        task = {"componentRef": {"name": component}, "inputs": self._inputs(node), "taskInfo": {"name": name}}
        self._order(task, node)
        return task

    def _release(self, path: str) -> tuple[DatasetRef, Component]:
        ref, wanted = self.split.graph.tasks[path].release or (DatasetRef("", ""), "")
        dataset = self.split.datasets.get(ref)
        for release in dataset.governance.releases if dataset else ():
            if release.name == wanted:
                return ref, release.component
        raise InputError(f"Dataset {ref}", "spec.governance.releases", f"has no release {wanted}: declare it")

    def _import(self, crossing: Crossing) -> None:
        """A task that makes an artifact of a URI."""
        name = self.split.crossings.tasks[crossing]
        parameter = self.split.crossings.parameters[crossing]
        definition = self._definition(crossing)
        artifact_type = definition.get("artifactType") or {}
        importer: dict[str, Any] = {
            "artifactUri": {"runtimeParameter": _URI},
            "typeSchema": artifact_type,
            "reimport": False,
        }
        importer |= {
            key: definition[key] for key in ("metadata", "properties", "customProperties") if key in definition
        }
        component = self.catalogue.add(
            name,
            {
                "inputDefinitions": {PARAMETERS: {_URI: {"parameterType": "STRING"}}},
                "outputDefinitions": {ARTIFACTS: {_ARTIFACT: {"artifactType": artifact_type}}},
            },
            {"importer": importer},
        )
        self.inputs[PARAMETERS][parameter] = {
            "description": f"URI of {crossing.key}, which group {self.split.members.home[crossing.path]} makes.",
            "parameterType": "STRING",
        }
        self.tasks[name] = {
            "cachingOptions": {},
            "componentRef": {"name": component},
            "inputs": {PARAMETERS: {_URI: {"componentInputParameter": parameter}}},
            "taskInfo": {"name": name},
        }

    def _order(self, task: dict[str, Any], node: Node) -> None:
        """Name all that must be done before: producers here, importer tasks, what comes before by order alone."""
        before = {self.split.names[path] for path in self._before(node, set())}
        for source in node.artifact_sources():
            if source.path not in self.present:
                before.add(self.split.crossings.tasks[Crossing(ARTIFACTS, source.path, source.output)])
        if before:
            task["dependentTasks"] = sorted(before)
        else:
            task.pop("dependentTasks", None)

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

    # -- Inputs ------------------------------------------------------------------------------------------------------

    def _inputs(self, node: Node) -> dict[str, Any]:
        parameters = {
            name: raw
            for name, binding in sorted(node.parameters.items())
            if (raw := self._parameter(node, name, binding)) is not None
        }
        artifacts = {
            name: raw
            for name, binding in sorted(node.artifacts.items())
            if (raw := self._artifact(node, name, binding)) is not None
        }
        given = {ARTIFACTS: artifacts, PARAMETERS: parameters}
        return {kind: bindings for kind, bindings in given.items() if bindings}

    def _parameter(self, node: Node, name: str, binding: Binding) -> dict[str, Any] | None:
        """The binding as this group writes it; None where the component's own default holds, or nothing."""
        source = binding.source
        if isinstance(source, Absent) or (isinstance(source, Constant) and binding.raw is None):
            return None
        written: dict[str, Any]
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
        else:
            self._fail(node, name, f"can't be given across groups ({source}): keep both ends in one group")
        if len(binding.selectors) > 1:
            self._fail(node, name, "has several parameterExpressionSelectors on its way: leave one")
        return written | ({"parameterExpressionSelector": binding.selectors[0]} if binding.selectors else {})

    def _artifact(self, node: Node, name: str, binding: Binding) -> dict[str, Any] | None:
        source = binding.source
        if isinstance(source, Absent):
            return None
        if isinstance(source, PipelineInput):
            return {"componentInputArtifact": self._pipeline_input(ARTIFACTS, source.name)}
        if isinstance(source, TaskOutput):
            key, producer = source.output, self.split.names[source.path]
            if source.path not in self.present:
                key, producer = _ARTIFACT, self.split.crossings.tasks[Crossing(ARTIFACTS, source.path, source.output)]
            return {"taskOutputArtifact": {"outputArtifactKey": key, "producerTask": producer}}
        self._fail(
            node,
            name,
            "is a list made of several tasks' artifacts, which only a nested pipeline can give: read them one by one, "
            "or keep the whole pipeline in one group",
        )

    def _pipeline_input(self, kind: str, name: str) -> str:
        definitions = (self.split.spec["root"].get("inputDefinitions") or {}).get(kind) or {}
        self.inputs[kind][name] = definitions[name]
        return name

    def _imported_parameter(self, source: TaskOutput) -> str:
        crossing = Crossing(PARAMETERS, source.path, source.output)
        name = self.split.crossings.parameters[crossing]
        self.inputs[PARAMETERS][name] = {
            "description": f"{crossing.key}, which group {self.split.members.home[source.path]} makes.",
            "parameterType": self._definition(crossing).get("parameterType", "STRING"),
        }
        return name

    def _definition(self, crossing: Crossing) -> Raw:
        node = self.split.nodes[crossing.path]
        return entry_definition(node, self.split.spec["components"], crossing.output, crossing.kind)

    def _channels(self, node: Node, written: Raw) -> dict[str, str]:
        """Channels that matter by name and are fed by something of another name now."""
        entry = node.entry
        assert entry is not None  # noqa: S101 - for the type: units are entries
        named = named_channels(entry.task, self.split.spec["components"])
        taken = {*node.parameters, *node.artifacts}
        renamed: dict[str, str] = {}
        for kind, bindings in ((PARAMETERS, node.parameters), (ARTIFACTS, node.artifacts)):
            for name, binding in sorted(bindings.items()):
                raw = written.get(kind, {}).get(name)
                if name in named and name.startswith(CHANNEL) and raw is not None and raw != binding.raw:
                    new = _channel_of(raw)
                    if new and new not in taken:
                        renamed[name] = new
                        taken.add(new)
        return renamed

    def _configuration(self, node: Node) -> Raw | None:
        """For Kubernetes: what the platform document says of a container, its references rewritten."""
        entry = node.entry
        assert entry is not None  # noqa: S101 - for the type: releases have no configuration of their own
        if entry.executor is None:
            return None
        configuration = self.split.pipeline.platform_executors.get(entry.executor)
        if configuration is None:
            return None
        return rewritten(
            configuration,
            {
                reference.location: self._parameter(node, str(reference.location), reference.binding)
                for reference in entry.references
                if reference.binding is not None and reference.step == entry.path
            },
        )

    # -- The root ----------------------------------------------------------------------------------------------------

    def _root(self) -> dict[str, Any]:
        original = self.split.spec["root"]
        root = {key: value for key, value in original.items() if key not in {"inputDefinitions", "outputDefinitions"}}
        dag = {key: value for key, value in original["dag"].items() if key != "outputs"}
        root["dag"] = {**dag, "tasks": self.tasks}
        if inputs := {kind: found for kind, found in self.inputs.items() if found}:
            root["inputDefinitions"] = inputs
        selectors, definitions = self._outputs()
        if definitions:
            root["dag"]["outputs"] = selectors
            root["outputDefinitions"] = definitions
        return root

    def _outputs(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the pipeline itself gives out and is made here, and what leaves for other groups."""
        selectors: dict[str, dict[str, Any]] = {PARAMETERS: {}, ARTIFACTS: {}}
        definitions: dict[str, dict[str, Any]] = {PARAMETERS: {}, ARTIFACTS: {}}
        pipeline, given = self.split.pipeline, self.split.spec["root"].get("outputDefinitions") or {}
        for kind, bindings in ((PARAMETERS, pipeline.output_parameters), (ARTIFACTS, pipeline.output_artifacts)):
            for name, binding in sorted(bindings.items()):
                sources = [source for source in _sources(binding) if self._gives_out(source)]
                if sources:
                    selectors[kind][name] = self._selector(kind, sources)
                    definitions[kind][name] = (given.get(kind) or {}).get(name, {})
        for crossing in self.split.crossings.exports[self.group.id]:
            name = self.split.crossings.outputs[crossing]
            if name not in selectors[crossing.kind]:
                source = TaskOutput(crossing.path, crossing.output)
                selectors[crossing.kind][name] = self._selector(crossing.kind, [source])
                definitions[crossing.kind][name] = self._definition(crossing)
        return _without_empty(selectors), _without_empty(definitions)

    def _gives_out(self, source: TaskOutput) -> bool:
        return self.split.members.home.get(source.path) == self.group.id

    def _selector(self, kind: str, sources: Iterable[TaskOutput]) -> dict[str, Any]:
        key = "outputArtifactKey" if kind == ARTIFACTS else "outputParameterKey"
        written = [{key: source.output, "producerSubtask": self.split.names[source.path]} for source in sources]
        if kind == ARTIFACTS:
            return {"artifactSelectors": written}
        if len(written) == 1:
            return {"valueFromParameter": written[0]}
        return {"valueFromOneof": {"parameterSelectors": written}}

    def _uses_workspace(self) -> bool:
        return any(_mentions_workspace(executor) for executor in self.catalogue.executors.values()) or any(
            _mentions_workspace(part) for part in (self.tasks, self.catalogue.components)
        )


def _sources(binding: Binding) -> tuple[TaskOutput, ...]:
    if isinstance(binding.source, TaskOutput):
        return (binding.source,)
    return binding.source.sources if isinstance(binding.source, Several) else ()


def _channel_of(raw: Raw) -> str | None:
    """The name that kfp gives a channel that is fed by this; None for a constant."""
    if (name := raw.get("componentInputParameter") or raw.get("componentInputArtifact")) is not None:
        return f"{CHANNEL}{name}"
    for kind, key in (("taskOutputParameter", "outputParameterKey"), ("taskOutputArtifact", "outputArtifactKey")):
        if (output := raw.get(kind)) is not None:
            return f"{CHANNEL}{output['producerTask']}-{output[key]}"
    return None


def _without_empty(kinds: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    return {kind: found for kind, found in kinds.items() if found}


def _mentions_workspace(value: Any) -> bool:  # noqa: ANN401 - raw JSON
    if isinstance(value, str):
        return _WORKSPACE in value
    if isinstance(value, Mapping):
        return bool(value.get("downloadToWorkspace")) or any(_mentions_workspace(item) for item in value.values())
    return isinstance(value, list) and any(_mentions_workspace(item) for item in value)
