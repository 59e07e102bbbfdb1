"""Input wiring: what feeds tasks, what they wait for, and what crosses a group's border."""

import json
from collections.abc import Iterator

from pipeline_splitter.checking.findings import shown
from pipeline_splitter.checking.groups.files import File, Source, definitions_of
from pipeline_splitter.kfp.pipeline import Binding, Constant, Entry, PipelineInput, Raw, TaskOutput


def check_inputs(file: File, where: str, path: str, entry: Entry, task: Raw) -> None:
    """Check that each input is fed by what fed it before, or by the released form of that."""
    released = {
        read.input: f"{read.step}.{read.output}"
        for step in file.graph.tasks[path].steps
        for read in step.reads
        if read.step is not None and read.step in file.graph.tasks and file.graph.tasks[read.step].inserted
    }
    given = dict(file.sources(task))
    if entry.is_unit:
        # Channels of a unit may have other names here; what comes through them stays.
        expected = {source for _, source in _expected(entry) if source[0] != "constant"}
        missing = expected - set(given.values())
        if missing and not released:
            file.notes.add(f"{where}.inputs", f"nothing gives it {shown(sorted(key for _, key in missing))}")
        return
    for name, source in _expected(entry):
        is_released = name in released and name in entry.artifacts
        wanted = ("artifact", released[name]) if is_released else source
        if given.get(name) != wanted:
            is_from = " ".join(given[name]) if name in given else "nothing"
            file.notes.add(f"{where}.inputs.{name}", f"is fed by {is_from}, expected {' '.join(wanted)}")


def check_order(file: File, where: str, path: str) -> None:
    """Check that a task's predecessors that are in this file still come before it."""
    seen: set[str] = set()
    waiting = [file.names[path]]
    while waiting:
        for name in file.tasks.get(waiting.pop(), {}).get("dependentTasks") or []:
            if name not in seen:
                seen.add(name)
                waiting.append(name)
    earlier = {one for one, later in file.edges if later == path and one in file.group.tasks}
    for one in sorted(earlier):
        if file.names[one] not in seen:
            file.notes.add(f"{where}.dependentTasks", f"lacks {file.names[one]}, which must be done before")


def check_imports(file: File) -> None:
    """Check that each import is a parameter that one importer reads, or a value."""
    definitions = (file.spec["root"].get("inputDefinitions") or {}).get("parameters") or {}
    for each in file.group.imports:
        where = f"groups[{file.group.id}].imports[{each.parameter}]"
        if each.parameter not in definitions:
            file.notes.add(where, f"is not a parameter of {file.group.file}")
        elif each.artifact is not None:
            importers = [name for name in file.tasks if file.parameter_of(name) == each.parameter]
            if len(importers) != 1:
                file.notes.add(where, f"is read by {len(importers)} importers in {file.group.file}, expected one")
                continue
            _check_type(file, f"{file.at(importers[0])} typeSchema", importers[0], each.artifact)


def _check_type(file: File, where: str, importer: str, key: str) -> None:
    path, _, output = key.rpartition(".")
    entry = file.pipeline.entries.get(path)
    if entry is None:
        return
    definition = definitions_of(entry.component, "outputDefinitions").get(("artifacts", output)) or {}
    file.notes.same(where, file.importer(importer).get("typeSchema"), definition.get("artifactType") or {})


def check_exports(file: File) -> None:
    """Check that each export is an output of the root, from where the plan says."""
    path_of = {name: path for path, name in file.names.items()}
    outputs = file.spec["root"]["dag"].get("outputs") or {}
    for each in file.group.exports:
        where = f"groups[{file.group.id}].exports[{each.output}]"
        if each.artifact is not None:
            selectors = ((outputs.get("artifacts") or {}).get(each.output) or {}).get("artifactSelectors") or []
            found = [f"{path_of.get(raw['producerSubtask'])}.{raw['outputArtifactKey']}" for raw in selectors]
            kind = "artifacts"
        else:
            raw = ((outputs.get("parameters") or {}).get(each.output) or {}).get("valueFromParameter")
            found = [f"{path_of.get(raw['producerSubtask'])}.{raw['outputParameterKey']}"] if raw else []
            kind = "parameters"
        file.notes.same(f"{where} in {file.group.file}", found, [each.artifact or each.value])
        if (kind, each.output) not in definitions_of(file.spec["root"], "outputDefinitions"):
            file.notes.add(where, f"is not an output of {file.group.file}")


def _expected(entry: Entry) -> Iterator[tuple[str, Source]]:
    for kind, bindings in (("artifact", entry.artifacts), ("value", entry.parameters)):
        for name, binding in bindings.items():
            source = _source_of(kind, binding)
            if source is not None:
                yield name, source


def _source_of(kind: str, binding: Binding) -> Source | None:
    """Return the source of an input; None where the component's default applies, or the file words it otherwise."""
    source = binding.source
    if isinstance(source, TaskOutput):
        return kind, f"{source.path}.{source.output}"
    if isinstance(source, PipelineInput):
        return "input", source.name
    if isinstance(source, Constant) and binding.raw is not None and not binding.placeholders:
        return "constant", json.dumps(source.value, sort_keys=True)
    return None
