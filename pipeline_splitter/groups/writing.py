"""Writes a plan's groups as files of compiled Kubeflow IR."""

from collections.abc import Mapping
from dataclasses import replace

from moorage.model import Dataset, DatasetRef
from pipeline_splitter.graph import Graph
from pipeline_splitter.groups.crossing import ARTIFACTS, PARAMETERS, Crossing, Crossings, find_crossings, find_members
from pipeline_splitter.groups.flat import flat_documents
from pipeline_splitter.groups.modern import modern_spec
from pipeline_splitter.groups.nodes import entry_definition
from pipeline_splitter.groups.releasing import make_nodes
from pipeline_splitter.groups.splitting import Split, task_names
from pipeline_splitter.groups.whole import whole_documents
from pipeline_splitter.groups.yaml_text import write_documents
from pipeline_splitter.kfp.pipeline import KfpPipeline
from pipeline_splitter.plan import Export, Group, Import, Plan

_METRICS = {"system.Metrics", "system.ClassificationMetrics", "system.SlicedClassificationMetrics"}
"""Artifacts whose content is metadata that their maker writes at run time."""


def write_groups(
    pipeline: KfpPipeline,
    graph: Graph,
    plan: Plan,
    datasets: Mapping[DatasetRef, Dataset],
) -> tuple[dict[str, str], tuple[Group, ...]]:
    """Write one pipeline for each group.

    One group without inserted tasks holds the pipeline as it was, nested; else each group's root holds its tasks,
    flattened. A workflow in WfFormat has no such files: its groups' `file` is "" and this is not called.

    Args:
        pipeline: as read.
        graph: with the releases that the plan inserted (`flow.insert`), its steps with what hints say of them.
        plan: whose groups are written.
        datasets: whose releases are inserted.

    Returns:
        File name (`groups/<id>.yaml`) -> YAML text; the plan's groups with file, imports and exports filled in, both
        sorted by name.

    Raises:
        InputError: something can't be written in this form; the message names the task and the remedy.
    """
    spec = modern_spec(pipeline)
    nodes = make_nodes(pipeline, graph)
    steps = {step.name: step for task in graph.tasks.values() for step in task.steps}
    is_whole = len(plan.groups) == 1 and not any(task.inserted for task in graph.tasks.values())
    members = find_members(nodes, plan.groups)
    crossings = find_crossings(pipeline, nodes, members)
    names = task_names(nodes)
    split = Split(
        pipeline, graph, spec, nodes, members, crossings, names, steps, datasets, is_only_group=len(plan.groups) == 1
    )
    files: dict[str, str] = {}
    groups = []
    for group in plan.groups:
        file = f"groups/{group.id}.yaml"
        documents = whole_documents(pipeline, spec, steps) if is_whole else flat_documents(split, group.id)
        written = {} if is_whole else documents[0]["root"]["dag"]["tasks"]
        files[file] = write_documents(documents)
        groups.append(
            replace(
                group,
                file=file,
                imports=tuple(_imports(crossings, group.id, members.home)),
                exports=tuple(_exports(crossings, group.id)),
                renamed={name: path for path, name in names.items() if name != path and name in written},
            )
        )
    return files, tuple(groups)


def unsaid(pipeline: KfpPipeline, graph: Graph, plan: Plan) -> tuple[str, ...]:
    """Sentences for the person who plans: what the groups of this plan can't carry over, sorted.

    Args:
        pipeline: as read.
        graph: as for `write_groups`.
        plan: likewise.
    """
    nodes = make_nodes(pipeline, graph)
    crossings = find_crossings(pipeline, nodes, find_members(nodes, plan.groups))
    found = set()
    for group, imported in crossings.imports.items():
        for crossing in imported:
            definition = entry_definition(nodes[crossing.path], pipeline.components, crossing.output, crossing.kind)
            if str((definition.get("artifactType") or {}).get("schemaTitle")) in _METRICS:
                found.add(
                    f"{crossing.key} goes to group {group} as a file: values that its maker logged into its metadata "
                    "stay behind; give them out as a parameter where they are needed"
                )
    return tuple(sorted(found))


def _imports(crossings: Crossings, group: str, home: Mapping[str, str]) -> list[Import]:
    found = [Import(crossings.parameters[each], home[each.path], **_what(each)) for each in crossings.imports[group]]
    return sorted(found, key=lambda each: each.parameter)


def _exports(crossings: Crossings, group: str) -> list[Export]:
    found = [Export(crossings.outputs[each], **_what(each)) for each in crossings.exports[group]]
    return sorted(found, key=lambda each: each.output)


def _what(crossing: Crossing) -> dict[str, str]:
    return {{ARTIFACTS: "artifact", PARAMETERS: "value"}[crossing.kind]: crossing.key}
