"""One group's file beside the pipeline that it was cut from: what stands where in it, and what feeds its tasks."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pipeline_splitter.checking.definition.governance import all_steps
from pipeline_splitter.checking.findings import CheckInputs, Notes
from pipeline_splitter.graph import Graph, Step
from pipeline_splitter.kfp.pipeline import KfpPipeline, Raw
from pipeline_splitter.plan import Group, Plan

_LONGEST = 100
_DIGEST_LENGTH = 8
Source = tuple[str, str]
"""An input's source: `artifact` or `value` with `<task>.<output>`, `input` with its name, `constant` with JSON."""


def names_in_files(paths: Iterable[str]) -> dict[str, str]:
    """Return the name of each task in its group's root.

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
        """Return a file's parsed documents."""
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
        """The tasks of the root."""
        return self.spec["root"]["dag"].get("tasks") or {}

    @cached_property
    def edges(self) -> frozenset[tuple[str, str]]:
        """Every dependency of the pipeline, with its inserted releases."""
        return self.graph.edges()

    @cached_property
    def steps(self) -> dict[str, Step]:
        """Every step of the pipeline, by path."""
        return all_steps(self.graph)

    def sources(self, task: Raw) -> Iterator[tuple[str, Source]]:
        """Yield the source of each input of a task in the file, in terms of the whole pipeline."""
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
                imported = self.imported(producer)
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

    def executors(self) -> Raw:
        """Return the file's executors by label."""
        return (self.spec.get("deploymentSpec") or {}).get("executors") or {}

    def configuration(self, label: str) -> Raw:
        """Return the platform configuration of an executor."""
        kubernetes = (self.platform.get("platforms") or {}).get("kubernetes") or {}
        return ((kubernetes.get("deploymentSpec") or {}).get("executors") or {}).get(label) or {}

    def component_name(self, task: str) -> str:
        """Return the name of a task's component in the file."""
        return str(self.tasks[task]["componentRef"]["name"])

    def importer(self, task: str) -> Raw:
        """Return the importer of a task in the file; empty for any other task."""
        component = self.spec["components"].get(self.component_name(task)) or {}
        return (self.executors().get(str(component.get("executorLabel"))) or {}).get("importer") or {}

    def parameter_of(self, task: str) -> str | None:
        """Return the root's parameter that an importer reads its URI from; None of any other task."""
        if task not in self.tasks or self._is_original(task):
            return None
        uri = (self.importer(task).get("artifactUri") or {}).get("runtimeParameter")
        inputs = (self.tasks[task].get("inputs") or {}).get("parameters") or {}
        parameter = (inputs.get(uri) or {}).get("componentInputParameter") if uri else None
        return parameter if isinstance(parameter, str) else None

    def _is_original(self, task: str) -> bool:
        return task in self.names.values()

    def imported(self, task: str) -> str | None:
        """Return the key of the artifact that a task imports from another group; None of any other task."""
        parameter = self.parameter_of(task)
        return next((each.artifact for each in self.group.imports if each.parameter == parameter), None)

    def at(self, task: str) -> str:
        """Return a task of the file, as a place in findings."""
        return f"{self.group.file} {task}"


def definitions_of(component: Raw, side: str) -> dict[tuple[str, str], Any]:
    """Return a component's inputs or outputs: kind and name to definition."""
    definitions = component.get(side) or {}
    return {(kind, name): raw for kind in definitions for name, raw in (definitions[kind] or {}).items()}
