"""One group of several: its tasks, flattened, as a pipeline of its own.

What a real Kubeflow backend does decides the form: `dependentTasks` name all producers too (nothing else orders tasks
there), `taskInfo.name` is the task's own name where it was before (older drivers find outputs by it), importers take
their URI from a parameter and `reimport` is false, and labels stand at executors, whose pods alone get them.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline_splitter.groups.catalogue import Catalogue
from pipeline_splitter.groups.channels import renamed_channels, with_constants
from pipeline_splitter.groups.crossing import ARTIFACTS, PARAMETERS
from pipeline_splitter.groups.making import import_task, release_task
from pipeline_splitter.groups.modern import is_old, modern_task
from pipeline_splitter.groups.nodes import Node
from pipeline_splitter.groups.references import rewritten
from pipeline_splitter.groups.splitting import Split
from pipeline_splitter.groups.units import Edit
from pipeline_splitter.groups.wiring import Wiring
from pipeline_splitter.kfp.pipeline import Binding, Entry, Raw, Several, TaskOutput

_WORKSPACE = "{{$.workspace_path}}"


def flat_documents(split: Split, group: str) -> list[dict[str, Any]]:
    """Return the documents of the group with this id.

    Raises:
        InputError: something can't be written in this form.
    """
    catalogue = Catalogue(split.spec, split.pipeline.platform, split.steps)
    wiring = Wiring(split, group)
    tasks = {}
    for path in split.members.of[group]:
        node = split.nodes[path]
        if node.entry is not None:
            tasks[split.names[path]] = _entry_task(split, wiring, catalogue, node, node.entry)
        else:
            tasks[split.names[path]] = release_task(split, wiring, catalogue, node)
    for crossing in split.crossings.imports[group]:
        if crossing.kind == ARTIFACTS:
            tasks[split.crossings.tasks[crossing]] = import_task(split, wiring, catalogue, crossing)
    deployment = split.spec.get("deploymentSpec") or {}
    spec = {
        **split.spec,
        "pipelineInfo": _info(split, group),
        "components": catalogue.components,
        "deploymentSpec": {**deployment, "executors": catalogue.executors},
        "root": _root(split, group, tasks, wiring),
    }
    uses_workspace = _mentions_workspace([tasks, catalogue.components, catalogue.executors])
    platform = catalogue.platform_document(split.pipeline.platform, without_workspace=not uses_workspace)
    return [spec, platform] if platform else [spec]


def _entry_task(split: Split, wiring: Wiring, catalogue: Catalogue, node: Node, entry: Entry) -> dict[str, Any]:
    task = dict(modern_task(entry.task) if is_old(split.pipeline) else entry.task)
    for key in ("inputs", "dependentTasks"):
        task.pop(key, None)
    if inputs := wiring.inputs_of(node):
        task["inputs"] = inputs
    name, info = split.names[node.path], task.get("taskInfo")
    if info and info.get("name") == node.path.rpartition("/")[2]:
        task["taskInfo"] = {**info, "name": name}
    edit = node.edit
    if "dag" in entry.component:
        task = with_constants(node, task)
        edit = Edit(renamed_channels(node, task, split.spec["components"]), node.edit.released)
        task = dict(edit.renamed(task))
    configuration = _configuration(split, wiring, node, entry)
    component = catalogue.place(entry.component_name, node.path, edit or None, configuration)
    task["componentRef"] = {**(task.get("componentRef") or {}), "name": component}
    if before := wiring.waits_for(node):
        task["dependentTasks"] = before
    return task


def _configuration(split: Split, wiring: Wiring, node: Node, entry: Entry) -> Raw | None:
    """Return a container's Kubernetes configuration with its references rewritten; None where there is none."""
    configuration = split.pipeline.platform_executors.get(entry.executor or "")
    if configuration is None:
        return None
    references = {
        each.location: wiring.parameter(node, ".".join(map(str, each.location)), each.binding)
        for each in entry.references
        if each.binding is not None and each.step == entry.path
    }
    return rewritten(configuration, references)


def _info(split: Split, group: str) -> dict[str, Any]:
    info = dict(split.spec.get("pipelineInfo") or {})
    if not split.is_only_group:
        info["name"] = f"{split.pipeline.name}-{group}"
        if info.get("displayName"):
            info["displayName"] = f"{info['displayName']} ({group})"
    return info


def _root(split: Split, group: str, tasks: Raw, wiring: Wiring) -> dict[str, Any]:
    original = split.spec["root"]
    root = {key: value for key, value in original.items() if key not in {"inputDefinitions", "outputDefinitions"}}
    dag = {key: value for key, value in original["dag"].items() if key != "outputs"}
    root["dag"] = {**dag, "tasks": tasks}
    if inputs := _without_empty(wiring.inputs):
        root["inputDefinitions"] = inputs
    selectors, definitions = _outputs(split, group)
    if definitions:
        root["dag"]["outputs"] = selectors
        root["outputDefinitions"] = definitions
    return root


def _outputs(split: Split, group: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Selectors and definitions of what the pipeline itself gives out and is made here, and of what others read."""
    selectors: dict[str, dict[str, Any]] = {PARAMETERS: {}, ARTIFACTS: {}}
    definitions: dict[str, dict[str, Any]] = {PARAMETERS: {}, ARTIFACTS: {}}
    pipeline, given = split.pipeline, split.spec["root"].get("outputDefinitions") or {}
    for kind, bindings in ((PARAMETERS, pipeline.output_parameters), (ARTIFACTS, pipeline.output_artifacts)):
        for name, binding in sorted(bindings.items()):
            sources = [source for source in _sources(binding) if split.members.home.get(source.path) == group]
            if sources:
                selectors[kind][name] = _selector(split, kind, sources)
                definitions[kind][name] = (given.get(kind) or {}).get(name, {})
    for crossing in split.crossings.exports[group]:
        name = split.crossings.outputs[crossing]
        if name not in selectors[crossing.kind]:
            source = TaskOutput(crossing.path, crossing.output)
            selectors[crossing.kind][name] = _selector(split, crossing.kind, [source])
            definitions[crossing.kind][name] = split.definition(crossing)
    return _without_empty(selectors), _without_empty(definitions)


def _selector(split: Split, kind: str, sources: Iterable[TaskOutput]) -> dict[str, Any]:
    key = "outputArtifactKey" if kind == ARTIFACTS else "outputParameterKey"
    written = [{key: source.output, "producerSubtask": split.names[source.path]} for source in sources]
    if kind == ARTIFACTS:
        return {"artifactSelectors": written}
    return (
        {"valueFromParameter": written[0]} if len(written) == 1 else {"valueFromOneof": {"parameterSelectors": written}}
    )


def _sources(binding: Binding) -> tuple[TaskOutput, ...]:
    if isinstance(binding.source, TaskOutput):
        return (binding.source,)
    return binding.source.sources if isinstance(binding.source, Several) else ()


def _without_empty(kinds: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    return {kind: found for kind, found in kinds.items() if found}


def _mentions_workspace(value: Any) -> bool:  # noqa: ANN401 - raw JSON
    if isinstance(value, str):
        return _WORKSPACE in value
    if isinstance(value, Mapping):
        return bool(value.get("downloadToWorkspace")) or any(_mentions_workspace(item) for item in value.values())
    return isinstance(value, list) and any(_mentions_workspace(item) for item in value)
