"""Durations of loops, conditions and exit-handler bodies, from the compiled pipeline and the hints alone.

The clause of the definition, by recursion over the raw documents: inside, what depends on another comes after it, what
doesn't runs beside it; a loop takes its body's seconds once for each batch; core-seconds are those of all tasks.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from moorage.reading.duration import parse_seconds
from pipeline_splitter.graph import Graph
from pipeline_splitter.hints import Hints, TaskHint
from pipeline_splitter.kfp.executors import Container, read_executor
from pipeline_splitter.kfp.pipeline import Constant, Entry, KfpPipeline, Raw
from pipeline_splitter.kfp.places import Place

_NOTHING = TaskHint()
_SECONDS = "moorage.dev/seconds"
_REFERENCES = ("taskOutputParameter", "taskOutputArtifact", "taskFinalStatus")


class Times(NamedTuple):
    """Wall seconds, core-seconds, and the most cores of one container."""

    seconds: float
    core_seconds: float
    cores: float


@dataclass(frozen=True, slots=True)
class _Spot:
    """A task where the recursion is.

    Attributes:
        path: the task's path.
        task, component: raw.
        around: the spot of the dag that it is in; None at the unit itself.
        over: the hints of the plain nested pipelines between it and the loop, condition or unit around it, nearest
            first.
    """

    path: str
    task: Raw
    component: Raw
    around: "_Spot | None"
    over: tuple[TaskHint, ...]

    @property
    def is_control(self) -> bool:
        """A loop or a condition."""
        condition = (self.task.get("triggerPolicy") or {}).get("condition")
        return bool(condition or self.task.get("parameterIterator") or self.task.get("artifactIterator"))


def with_own_times(graph: Graph, pipeline: KfpPipeline, hints: Hints) -> Graph:
    """Return the graph, the seconds and core-seconds of its units as they are recomputed here."""
    own = _Own(pipeline, hints)
    tasks = dict(graph.tasks)
    for path, entry in pipeline.entries.items():
        if entry.is_unit and path in tasks:
            found = own.unit(entry)
            tasks[path] = replace(tasks[path], seconds=found.seconds, cpu_seconds=found.core_seconds)
    return replace(graph, tasks=tasks)


class _Own:
    def __init__(self, pipeline: KfpPipeline, hints: Hints) -> None:
        self._pipeline, self._hints = pipeline, hints

    def unit(self, entry: Entry) -> Times:
        """Return the whole of one unit, with what is said of it itself."""
        outer = tuple(self._hints.tasks.get(path, _NOTHING) for path in _up(entry.path.rpartition("/")[0]))
        spot = _Spot(entry.path, entry.task, entry.component, None, outer)
        found = self._times(spot, entry)
        own = self._hints.tasks.get(entry.path, _NOTHING)
        if own.seconds is None:
            return found
        said = next((hint.cpu for hint in (own, *outer) if hint.cpu is not None), found.cores)
        return Times(own.seconds, own.seconds * said, said)

    def _times(self, spot: _Spot, entry: Entry) -> Times:
        once = self._dag(spot, entry) if "dag" in spot.component else self._leaf(spot)
        iterator = spot.task.get("parameterIterator") or spot.task.get("artifactIterator")
        own = self._hints.tasks.get(spot.path, _NOTHING)
        if iterator is None:
            times = 1 if own.iterations is None or not (spot.is_control or spot.around is None) else own.iterations
            return Times(once.seconds * min(times, 1), once.core_seconds * times, once.cores)
        said = next((hint.iterations for hint in (own, *spot.over) if hint.iterations is not None), None)
        times = said if said is not None else self._static(spot, entry)
        limit = int((spot.task.get("iteratorPolicy") or {}).get("parallelismLimit") or 0)
        batches = min(times, 1) if not limit else (times + limit - 1) // limit
        return Times(once.seconds * batches, once.core_seconds * times, once.cores)

    def _dag(self, spot: _Spot, entry: Entry) -> Times:
        """Return the longest path; ends by name, from whatever has none before it."""
        inside: dict[str, Times] = {}
        waits: dict[str, set[str]] = {}
        over = (
            () if spot.is_control or spot.around is None else (self._hints.tasks.get(spot.path, _NOTHING), *spot.over)
        )
        for name, task in (spot.component["dag"].get("tasks") or {}).items():
            component = self._pipeline.components[task["componentRef"]["name"]]
            inside[name] = self._times(_Spot(f"{spot.path}/{name}", task, component, spot, over), entry)
            label = component.get("executorLabel")
            configured = (self._pipeline.platform_executors.get(label) or {}) if label else {}
            told = [task.get("inputs"), *(value for key, value in configured.items() if key != "podMetadata")]
            waits[name] = {*(task.get("dependentTasks") or ()), *_producers(told)} & spot.component["dag"][
                "tasks"
            ].keys()
        ends: dict[str, float] = {}
        while len(ends) < len(inside):
            for name in sorted(inside.keys() - ends.keys()):
                if waits[name] <= ends.keys():
                    ends[name] = max((ends[earlier] for earlier in waits[name]), default=0.0) + inside[name].seconds
        every = inside.values()
        return Times(
            max(ends.values(), default=0.0),
            sum(each.core_seconds for each in every),
            max((each.cores for each in every), default=0.0),
        )

    def _leaf(self, spot: _Spot) -> Times:
        label = spot.component["executorLabel"]
        container = read_executor(Place("pipeline", label, self._pipeline.executors[label]))
        if not isinstance(container, Container):
            return Times(0.0, 0.0, 0.0)
        hints = [self._hints.tasks.get(path, _NOTHING) for path in _up(spot.path)]
        metadata = (self._pipeline.platform_executors.get(label) or {}).get("podMetadata") or {}
        annotated = (metadata.get("annotations") or {}).get(_SECONDS)
        seconds = next((hint.seconds for hint in hints if hint.seconds is not None), None)
        if seconds is None:
            seconds = self._hints.defaults.task_seconds if annotated is None else float(parse_seconds(annotated))
        known = 1.0 if container.cpu is None else container.cpu
        cores = next((hint.cpu for hint in hints if hint.cpu is not None), known)
        return Times(seconds, seconds * cores, cores)

    def _static(self, spot: _Spot, entry: Entry) -> int:
        """Return the number of items that are written down; else 1."""
        iterator = spot.task.get("parameterIterator")
        if iterator is None:
            return 1
        items = iterator["items"]
        value = items["raw"] if "raw" in items else self._value(spot, items["inputParameter"], entry)
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                return 1
        return len(value) if isinstance(value, list) else 1

    def _value(self, spot: _Spot, name: str, entry: Entry) -> Any:  # noqa: ANN401 - any JSON
        """Return a constant that feeds an input of a task, through the dags around it; None where there is none."""
        if spot.around is None:
            binding = entry.parameters.get(name)
            if binding is None or binding.selectors or not isinstance(binding.source, Constant):
                return None
            return binding.source.value
        said = ((spot.task.get("inputs") or {}).get("parameters") or {}).get(name)
        if said is None:
            definition = ((spot.component.get("inputDefinitions") or {}).get("parameters") or {}).get(name) or {}
            return definition.get("defaultValue")
        if said.get("parameterExpressionSelector"):
            return None
        if "componentInputParameter" in said:
            return self._value(spot.around, said["componentInputParameter"], entry)
        runtime = said.get("runtimeValue") or {}
        constant = runtime.get("constantValue")
        return next(iter(constant.values())) if isinstance(constant, Mapping) else runtime.get("constant")


def _up(path: str) -> Iterator[str]:
    """Yield the path and those around it, nearest first."""
    while path:
        yield path
        path = path.rpartition("/")[0]


def _producers(raw: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    """Yield every task whose output or end is named below."""
    if isinstance(raw, Mapping):
        for key, value in raw.items():
            if key in _REFERENCES and isinstance(value, Mapping):
                yield str(value.get("producerTask"))
            yield from _producers(value)
    elif isinstance(raw, list):
        for value in raw:
            yield from _producers(value)
