"""The groups' files: each holds its group's tasks as they were, wired to each other and to what crosses."""

from collections.abc import Mapping

from moorage.errors import InputError
from pipeline_splitter.checking.findings import CheckInputs, Notes
from pipeline_splitter.checking.groups.components import check_release, same_component, same_dag
from pipeline_splitter.checking.groups.files import File, definitions_of
from pipeline_splitter.checking.groups.inputs import check_exports, check_imports, check_inputs, check_order
from pipeline_splitter.documents import parse
from pipeline_splitter.graph import Graph
from pipeline_splitter.kfp.pipeline import Raw
from pipeline_splitter.plan import Plan

_TASK_FIELDS = ("cachingOptions", "retryPolicy")


def check_files(plan: Plan, files: Mapping[str, str], graph: Graph, inputs: CheckInputs, notes: Notes) -> None:
    """Check all groups' files.

    Args:
        plan: whose groups they are.
        files: relative name -> text; others than groups' are passed over.
        graph: with the inserted releases in it.
        inputs: with the pipeline as it was read.
        notes: takes findings.
    """
    there = {name for name in files if name.startswith("groups/")}
    if inputs.pipeline is None:
        for group in plan.groups:
            notes.same(f"groups[{group.id}].file", group.file, "")
        notes.same("groups/ (files)", there, frozenset())
        return
    for name in sorted(there - {group.file for group in plan.groups}):
        notes.add(name, "belongs to no group")
    for group in plan.groups:
        notes.same(f"groups[{group.id}].file", group.file, f"groups/{group.id}.yaml")
        if group.file not in files:
            notes.add(f"groups[{group.id}].file", f"{group.file} is not there")
            continue
        try:
            documents = parse(files[group.file], group.file)
            file = File.of(group, documents, plan, graph, inputs, inputs.pipeline, notes)
            _check(file)
        except InputError as error:
            notes.add(group.file, f"can't be read: {error.field}: {error.problem}")
        except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
            notes.add(group.file, f"is not the pipeline of this group: {type(error).__name__} at {error}")


def _check(file: File) -> None:
    """Check a file's tasks, what they run, what feeds them, and what crosses."""
    file.notes.same(f"{file.group.file} schemaVersion", file.spec.get("schemaVersion"), "2.1.0")
    if file.is_whole:
        original = file.pipeline.root
        same_dag(file, f"{file.group.file} root", original, file.spec["root"], "", wired=True)
        for kind in ("inputDefinitions", "outputDefinitions"):
            file.notes.same(
                f"{file.group.file} root.{kind}",
                *(sorted(definitions_of(root, kind)) for root in (file.spec["root"], original)),
            )
        return
    _check_members(file)
    for path in file.group.tasks:
        if file.names[path] in file.tasks:
            _check_task(file, path, file.tasks[file.names[path]])
    check_imports(file)
    check_exports(file)


def _check_members(file: File) -> None:
    importers = {file.names[path]: path for path, entry in file.pipeline.entries.items() if entry.is_importer}
    outside = {file.names[path] for path in file.names if path not in file.pipeline.entries} - {
        file.names[name] for name, task in file.graph.tasks.items() if task.inserted
    }
    carried = {name for name in file.tasks if file.imported(name) is not None}
    found = set(file.tasks) - carried - importers.keys() - outside
    file.notes.same(f"{file.group.file} root.dag.tasks", found, {file.names[path] for path in file.group.tasks})
    for name in sorted(set(file.tasks) & importers.keys()):
        entry = file.pipeline.entries[importers[name]]
        same_component(file, file.at(name), entry.component_name, file.component_name(name), importers[name])


def _check_task(file: File, path: str, task: Raw) -> None:
    where = file.at(file.names[path])
    release = file.graph.tasks[path].release
    if release is not None:
        check_release(file, where, path, task)
        check_order(file, where, path)
        return
    entry = file.pipeline.entries[path]
    same_component(file, where, entry.component_name, task["componentRef"]["name"], path)
    for name in _TASK_FIELDS:
        file.notes.same(f"{where}.{name}", task.get(name), entry.task.get(name))
    check_inputs(file, where, path, entry, task)
    check_order(file, where, path)
