"""Scopes: where the walk through the pipeline is, and what it brings back."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline_splitter.graph import Pin, Step
from pipeline_splitter.hints import TaskHint
from pipeline_splitter.kfp.components import Component
from pipeline_splitter.kfp.pipeline import PlatformReference, Raw
from pipeline_splitter.kfp.tasks import TaskSpec
from pipeline_splitter.kfp.values import Value
from pipeline_splitter.kfp.work import NO_WORK, Work

HINT_SITES = "hint sites"
"""The origin of a pin that a hint made."""


@dataclass(slots=True)
class Unit:
    """A unit while it is being read; filled from inside."""

    path: str
    steps: list[Step] = field(default_factory=list)
    pins: list[Pin] = field(default_factory=list)
    components: set[str] = field(default_factory=set)
    executors: set[str] = field(default_factory=set)
    references: list[PlatformReference] = field(default_factory=list)
    reference_values: list[Value] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Scope:
    """The inside of one dag.

    Attributes:
        prefix: path of the task that the dag is inside of, with a slash; "" for the root.
        parameters, artifacts: what the dag's inputs are.
        hint: what is said of everything inside.
        unit: the unit that it is in; None outside.
        before: tasks that end before anything inside begins.
        entries_before: entries, likewise.
        enclosing: raw specs of the nested pipelines' tasks around it, outermost first.
        stack: names of the components around it.
    """

    prefix: str
    parameters: Mapping[str, Value]
    artifacts: Mapping[str, Value]
    hint: TaskHint
    unit: Unit | None = None
    before: frozenset[str] = frozenset()
    entries_before: frozenset[str] = frozenset()
    enclosing: tuple[Raw, ...] = ()
    stack: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inputs:
    """The resolved inputs of one task."""

    parameters: Mapping[str, Value]
    artifacts: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Here:
    """One task, where the walk is at it.

    Attributes:
        path: the task's path.
        beside: the tasks of its dag that come before it, by name.
    """

    path: str
    task: TaskSpec
    component: Component
    scope: Scope
    beside: "Mapping[str, Visited]"
    inputs: Inputs


@dataclass(frozen=True, slots=True)
class Visited:
    """One task of a dag, read.

    Attributes:
        path: the task's path.
        parameters, artifacts: its outputs.
        tasks: what must have ended for it to have ended: itself, the tasks inside a nested pipeline, or, for an
            importer, what it waits for.
        entries: likewise, of entries.
        work: what it takes; counts inside of units.
        is_importer: it is no task.
    """

    path: str
    parameters: Mapping[str, Value]
    artifacts: Mapping[str, Value]
    tasks: frozenset[str]
    entries: frozenset[str]
    work: Work = NO_WORK
    is_importer: bool = False
