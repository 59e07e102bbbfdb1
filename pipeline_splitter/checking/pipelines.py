"""The groups' files: each holds its group's tasks as they were, wired to each other and to what crosses."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from moorage.errors import InputError
from pipeline_splitter.checking.carrying import declared
from pipeline_splitter.checking.findings import CheckInputs, Notes, shown
from pipeline_splitter.documents import parse
from pipeline_splitter.graph import Graph
from pipeline_splitter.kfp.pipeline import Binding, Constant, Entry, KfpPipeline, PipelineInput, Raw, TaskOutput
from pipeline_splitter.plan import Group, Plan

_LONGEST = 100
_DIGEST_LENGTH = 8
_REFERENCES = ("taskOutputParameter", "componentInputParameter")
_TASK_FIELDS = ("cachingOptions", "retryPolicy")
Source = tuple[str, str]
"""What feeds an input: `artifact` or `value` with `<task>.<output>`, `input` with its name, `constant` with JSON."""


def names_in_files(paths: Iterable[str]) -> dict[str, str]:
    """The name of each task in its group's root.

    A name at the root of the pipeline stays, of a path whatever is no letter or digit becomes `-`; long ones end in a
    digest, equal ones in a number.
    """
    taken: set[str] = set()
    names = {}
    for path in sorted(paths, key=lambda path: ("/" in path, path)):
        name = path
        if "/" in path:
            name = re.sub(r"[^0-9A-Za-z]+", "-", path).strip("-").lower() or "task"
            if len(name) > _LONGEST:
                digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGEST_LENGTH]
                name = f"{name[: _LONGEST - _DIGEST_LENGTH - 1].rstrip('-_')}-{digest}"
        plain, number = name, 2
        while name in taken:
            name, number = f"{plain}-{number}", number + 1
        taken.add(name)
        names[path] = name
    return names


def check_files(plan: Plan, files: Mapping[str, str], graph: Graph, inputs: CheckInputs, notes: Notes) -> None:
    """All groups' files.

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
            file.check()
        except InputError as error:
            notes.add(group.file, f"can't be read: {error.field}: {error.problem}")
        except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
            notes.add(group.file, f"is not the pipeline of this group: {type(error).__name__} at {error}")


@dataclass
class File:
    """One group's file beside the pipeline that it was cut from."""

    group: Group
    spec: Raw
    platform: Raw
    graph: Graph
    inputs: CheckInputs
    pipeline: KfpPipeline
    notes: Notes
    is_whole: bool
    names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(  # noqa: PLR0913, PLR0917 - called in one place
        cls,
        group: Group,
        documents: list[Any],
        plan: Plan,
        graph: Graph,
        inputs: CheckInputs,
        pipeline: KfpPipeline,
        notes: Notes,
    ) -> "File":
        """A file's parsed documents."""
        inserted = [task.name for task in plan.tasks if task.inserted]
        platform = documents[1] if len(documents) > 1 else {}
        is_whole = len(plan.groups) == 1 and not inserted
        within = {step.name for task in graph.tasks.values() for step in task.steps if step.role == "importer"}
        shown_outside = {
            read.step for name in inserted for read in graph.tasks[name].steps[0].reads if read.step in within
        }
        paths = {*pipeline.entries, *inserted, *(path for path in shown_outside if path is not None)}
        return cls(group, documents[0], platform, graph, inputs, pipeline, notes, is_whole, names_in_files(paths))

    @property
    def tasks(self) -> Raw:
        """Of the root."""
        return self.spec["root"]["dag"].get("tasks") or {}

    def check(self) -> None:
        """Tasks, what they run, what feeds them, what crosses."""
        self.notes.same(f"{self.group.file} schemaVersion", self.spec.get("schemaVersion"), "2.1.0")
        if self.is_whole:
            original = self.pipeline.root
            self._same_dag(f"{self.group.file} root", original, self.spec["root"], "", wired=True)
            for kind in ("inputDefinitions", "outputDefinitions"):
                self.notes.same(
                    f"{self.group.file} root.{kind}",
                    *(sorted(_names(root, kind)) for root in (self.spec["root"], original)),
                )
            return
        self._check_members()
        for path in self.group.tasks:
            if self.names[path] in self.tasks:
                self._check_task(path, self.tasks[self.names[path]])
        self._check_imports()
        self._check_exports()

    def _check_members(self) -> None:
        importers = {self.names[path]: path for path, entry in self.pipeline.entries.items() if entry.is_importer}
        outside = {self.names[path] for path in self.names if path not in self.pipeline.entries} - {
            self.names[name] for name, task in self.graph.tasks.items() if task.inserted
        }
        carried = {name for name in self.tasks if self._imported(name) is not None}
        found = set(self.tasks) - carried - importers.keys() - outside
        self.notes.same(f"{self.group.file} root.dag.tasks", found, {self.names[path] for path in self.group.tasks})
        for name in sorted(set(self.tasks) & importers.keys()):
            entry = self.pipeline.entries[importers[name]]
            self._same_component(self._at(name), entry.component_name, self._component_name(name), importers[name])

    def _check_task(self, path: str, task: Raw) -> None:
        where = self._at(self.names[path])
        release = self.graph.tasks[path].release
        if release is not None:
            self._check_release(where, path, task)
            return
        entry = self.pipeline.entries[path]
        self._same_component(where, entry.component_name, task["componentRef"]["name"], path)
        for name in _TASK_FIELDS:
            self.notes.same(f"{where}.{name}", task.get(name), entry.task.get(name))
        self._check_inputs(where, path, entry, task)
        self._check_order(where, path)

    def _check_release(self, where: str, path: str, task: Raw) -> None:
        """An inserted task runs the declared container, labelled as what it is."""
        ref, name = self.graph.tasks[path].release or (None, "")
        release = declared(ref, name, self.inputs.datasets) if ref is not None else None
        if ref is None or release is None:
            return
        label = self.spec["components"][task["componentRef"]["name"]]["executorLabel"]
        expected: dict[str, Any] = {"image": release.component.image}
        expected |= {"command": list(release.component.command)} if release.component.command else {}
        expected |= {"args": list(release.component.args)} if release.component.args else {}
        self.notes.same(f"{where} container", self._executors()[label].get("container"), expected)
        labels = (self._configuration(label).get("podMetadata") or {}).get("labels") or {}
        wanted = {"dataset.0.id": ref.name, "dataset.0.namespace": ref.namespace, "dataset.0.release": name}
        self.notes.same(f"{where} labels", labels, wanted)
        sources = {source for _, source in self._sources(task)}
        known = {f"{read.step}.{read.output}" for read in self.graph.tasks[path].steps[0].reads if read.step}
        datum = self.graph.tasks[path].reads[0]
        for kind, key in sources:
            if kind != "input" and key not in {*known, datum}:
                self.notes.add(f"{where}.inputs", f"reads {key}, expected {datum}")
        self._check_order(where, path)

    def _check_inputs(self, where: str, path: str, entry: Entry, task: Raw) -> None:
        """Each input is fed by what fed it before, or by the released form of that."""
        released = {
            read.input: f"{read.step}.{read.output}"
            for step in self.graph.tasks[path].steps
            for read in step.reads
            if read.step is not None and read.step in self.graph.tasks and self.graph.tasks[read.step].inserted
        }
        given = dict(self._sources(task))
        if entry.is_unit:
            # Channels of a unit may have other names here; what comes through them stays.
            expected = {source for _, source in self._expected(entry) if source[0] != "constant"}
            missing = expected - set(given.values())
            if missing and not released:
                self.notes.add(f"{where}.inputs", f"nothing gives it {shown(sorted(key for _, key in missing))}")
            return
        for name, source in self._expected(entry):
            is_released = name in released and name in entry.artifacts
            wanted = ("artifact", released[name]) if is_released else source
            if given.get(name) != wanted:
                is_from = " ".join(given[name]) if name in given else "nothing"
                self.notes.add(f"{where}.inputs.{name}", f"is fed by {is_from}, expected {' '.join(wanted)}")

    def _expected(self, entry: Entry) -> Iterator[tuple[str, Source]]:
        for kind, bindings in (("artifact", entry.artifacts), ("value", entry.parameters)):
            for name, binding in bindings.items():
                source = _source_of(kind, binding)
                if source is not None:
                    yield name, source

    def _sources(self, task: Raw) -> Iterator[tuple[str, Source]]:
        """What feeds each input of a task in the file, seen from the whole pipeline."""
        path_of = {name: path for path, name in self.names.items()}
        values = {each.parameter: each.value for each in self.group.imports if each.value is not None}
        inputs = task.get("inputs") or {}
        for name, raw in (inputs.get("artifacts") or {}).items():
            if "componentInputArtifact" in raw:
                yield name, ("input", raw["componentInputArtifact"])
            elif "taskOutputArtifact" in raw:
                producer, output = (
                    raw["taskOutputArtifact"]["producerTask"],
                    raw["taskOutputArtifact"]["outputArtifactKey"],
                )
                imported = self._imported(producer)
                yield name, ("artifact", imported or f"{path_of.get(producer, producer)}.{output}")
        for name, raw in (inputs.get("parameters") or {}).items():
            if "componentInputParameter" in raw:
                parameter = raw["componentInputParameter"]
                yield name, ("value", values[parameter]) if parameter in values else ("input", parameter)
            elif "taskOutputParameter" in raw:
                producer, output = (
                    raw["taskOutputParameter"]["producerTask"],
                    raw["taskOutputParameter"]["outputParameterKey"],
                )
                yield name, ("value", f"{path_of.get(producer, producer)}.{output}")
            elif "runtimeValue" in raw:
                yield name, ("constant", json.dumps(raw["runtimeValue"].get("constant"), sort_keys=True))

    def _check_order(self, where: str, path: str) -> None:
        """What must be done before, and is in this file, is."""
        seen: set[str] = set()
        waiting = [self.names[path]]
        while waiting:
            for name in self.tasks.get(waiting.pop(), {}).get("dependentTasks") or []:
                if name not in seen:
                    seen.add(name)
                    waiting.append(name)
        earlier = {one for one, later in self._edges if later == path and one in self.group.tasks}
        for one in sorted(earlier):
            if self.names[one] not in seen:
                self.notes.add(f"{where}.dependentTasks", f"lacks {self.names[one]}, which must be done before")

    @cached_property
    def _edges(self) -> frozenset[tuple[str, str]]:
        return self.graph.edges()

    def _check_imports(self) -> None:
        definitions = (self.spec["root"].get("inputDefinitions") or {}).get("parameters") or {}
        for each in self.group.imports:
            where = f"groups[{self.group.id}].imports[{each.parameter}]"
            if each.parameter not in definitions:
                self.notes.add(where, f"is no parameter of {self.group.file}")
            elif each.artifact is not None:
                importers = [name for name in self.tasks if self._parameter_of(name) == each.parameter]
                if len(importers) != 1:
                    self.notes.add(where, f"is read by {len(importers)} importers in {self.group.file}, expected one")
                    continue
                self._check_type(f"{self._at(importers[0])} typeSchema", importers[0], each.artifact)

    def _check_type(self, where: str, importer: str, key: str) -> None:
        path, _, output = key.rpartition(".")
        entry = self.pipeline.entries.get(path)
        if entry is None:
            return
        definition = _names(entry.component, "outputDefinitions").get(("artifacts", output)) or {}
        self.notes.same(where, self._importer(importer).get("typeSchema"), definition.get("artifactType") or {})

    def _check_exports(self) -> None:
        path_of = {name: path for path, name in self.names.items()}
        outputs = self.spec["root"]["dag"].get("outputs") or {}
        for each in self.group.exports:
            where = f"groups[{self.group.id}].exports[{each.output}]"
            if each.artifact is not None:
                selectors = ((outputs.get("artifacts") or {}).get(each.output) or {}).get("artifactSelectors") or []
                found = [f"{path_of.get(raw['producerSubtask'])}.{raw['outputArtifactKey']}" for raw in selectors]
                kind = "artifacts"
            else:
                raw = ((outputs.get("parameters") or {}).get(each.output) or {}).get("valueFromParameter")
                found = [f"{path_of.get(raw['producerSubtask'])}.{raw['outputParameterKey']}"] if raw else []
                kind = "parameters"
            self.notes.same(f"{where} in {self.group.file}", found, [each.artifact or each.value])
            if (kind, each.output) not in _names(self.spec["root"], "outputDefinitions"):
                self.notes.add(where, f"is no output of {self.group.file}")

    def _same_component(self, where: str, original: str, found: str, path: str) -> None:
        """What a task runs is what it ran before: containers to the letter, dags task by task."""
        before, now = self.pipeline.components[original], self.spec["components"][found]
        if "dag" in before:
            self._same_dag(where, before, now, path, wired=self.is_whole)
            return
        old, new = before["executorLabel"], now["executorLabel"]
        expected, there = self.pipeline.executors.get(old, {}), self._executors().get(new, {})
        is_old = self.pipeline.schema_version.startswith("2.0")
        for kind in sorted({*expected, *there}):
            if is_old and kind == "importer":
                continue
            if expected.get(kind) != there.get(kind):
                self._tell_difference(f"{where} {kind}", there.get(kind), expected.get(kind))
        self._same_platform(where, old, new)

    def _tell_difference(self, where: str, found: Any, expected: Any) -> None:  # noqa: ANN401 - raw JSON
        if isinstance(found, Mapping) and isinstance(expected, Mapping):
            for key in sorted({*found, *expected}):
                self.notes.same(f"{where}.{key}", found.get(key), expected.get(key))
        else:
            self.notes.same(where, found, expected)

    def _same_dag(self, where: str, before: Raw, now: Raw, path: str, *, wired: bool) -> None:
        old, new = before["dag"].get("tasks") or {}, now["dag"].get("tasks") or {}
        if not self.notes.same(f"{where} (tasks)", sorted(new), sorted(old)):
            return
        is_old = self.pipeline.schema_version.startswith("2.0")
        for name in sorted(old):
            inner = f"{path}/{name}" if path else name
            if wired and not is_old:
                kept = [
                    {key: value for key, value in task.items() if key != "componentRef"}
                    for task in (new[name], old[name])
                ]
                self.notes.same(f"{where}/{name}", *kept)
            original, found = (dag[name]["componentRef"]["name"] for dag in (old, new))
            self._same_component(f"{where}/{name}", original, found, inner)

    def _same_platform(self, where: str, old: str, new: str) -> None:
        """The platform configuration is what it was, but for labels that hints add and references that are rewired."""
        before, now = self.pipeline.platform_executors.get(old) or {}, self._configuration(new)
        for key in sorted(before):
            if key == "podMetadata":
                labels, added = ((each.get(key) or {}).get("labels") or {} for each in (before, now))
                lost = {name for name, value in labels.items() if added.get(name) != value}
                if lost:
                    self.notes.add(f"{where} labels", f"lack {shown(sorted(lost))}")
            elif not any(word in json.dumps(before[key]) for word in _REFERENCES):
                self.notes.same(f"{where} {key}", now.get(key), before[key])

    def _executors(self) -> Raw:
        return (self.spec.get("deploymentSpec") or {}).get("executors") or {}

    def _configuration(self, label: str) -> Raw:
        kubernetes = (self.platform.get("platforms") or {}).get("kubernetes") or {}
        return ((kubernetes.get("deploymentSpec") or {}).get("executors") or {}).get(label) or {}

    def _component_name(self, task: str) -> str:
        return str(self.tasks[task]["componentRef"]["name"])

    def _importer(self, task: str) -> Raw:
        component = self.spec["components"].get(self._component_name(task)) or {}
        return (self._executors().get(str(component.get("executorLabel"))) or {}).get("importer") or {}

    def _parameter_of(self, task: str) -> str | None:
        """The root's parameter that an importer reads its URI from; None of any other task."""
        if task not in self.tasks or self._is_original(task):
            return None
        uri = (self._importer(task).get("artifactUri") or {}).get("runtimeParameter")
        inputs = (self.tasks[task].get("inputs") or {}).get("parameters") or {}
        parameter = (inputs.get(uri) or {}).get("componentInputParameter") if uri else None
        return parameter if isinstance(parameter, str) else None

    def _is_original(self, task: str) -> bool:
        return task in self.names.values()

    def _imported(self, task: str) -> str | None:
        """The key of the artifact that a task imports from another group; None of any other task."""
        parameter = self._parameter_of(task)
        return next((each.artifact for each in self.group.imports if each.parameter == parameter), None)

    def _at(self, task: str) -> str:
        return f"{self.group.file} {task}"


def _names(component: Raw, side: str) -> dict[tuple[str, str], Any]:
    definitions = component.get(side) or {}
    return {(kind, name): raw for kind in definitions for name, raw in (definitions[kind] or {}).items()}


def _source_of(kind: str, binding: Binding) -> Source | None:
    """What fed an input in the pipeline; None where that is left to the component, or said in other words here."""
    source = binding.source
    if isinstance(source, TaskOutput):
        return kind, f"{source.path}.{source.output}"
    if isinstance(source, PipelineInput):
        return "input", source.name
    if isinstance(source, Constant) and binding.raw is not None and not binding.placeholders:
        return "constant", json.dumps(source.value, sort_keys=True)
    return None
