"""A compiled pipeline, flattened: what writing it down again, whole or in groups, has to know.

Nothing of the original is changed or left out: raw mappings are the parsed documents' own objects, shared and never to
be written to. Beside them stands what had to be found out: which final source feeds each input once nested pipelines
are gone, and what comes after what.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that stands in the pipeline: a task's constant, or a component's default.

    Attributes:
        value: plain; schema 2.0's `{stringValue: ...}` is unwrapped. May contain placeholders of the task that it was
            written in, as `{{$.inputs.parameters['pipelinechannel--x']}}`: see `Binding.placeholders`.
    """

    value: Any


@dataclass(frozen=True, slots=True)
class PipelineInput:
    """An input of the whole pipeline: a parameter or, for an artifact binding, an artifact."""

    name: str


@dataclass(frozen=True, slots=True)
class TaskOutput:
    """An output of an entry.

    Attributes:
        path: the entry's: a task, a unit or an importer outside of units.
        output: its component's output.
    """

    path: str
    output: str


@dataclass(frozen=True, slots=True)
class FinalStatus:
    """`taskFinalStatus`: how the entry at `path` ended. Both stay in one group."""

    path: str


@dataclass(frozen=True, slots=True)
class Several:
    """A list made of several outputs (an `artifactSelectors` of a nested pipeline with more than one entry)."""

    sources: tuple[TaskOutput, ...]


@dataclass(frozen=True, slots=True)
class Absent:
    """Nothing: the input is optional and whoever could have given it left it out. Leave it out."""


Source = Constant | PipelineInput | TaskOutput | FinalStatus | Several | Absent


@dataclass(frozen=True, slots=True)
class Binding:
    """The binding of one input of an entry.

    Attributes:
        source: after all nested pipelines are resolved.
        selectors: `parameterExpressionSelector`s on the way, in the order in which they apply (the outermost nested
            pipeline's first): `source | selectors[0] | selectors[1] ...`. IR holds one for each input.
        raw: the binding as it stands in the entry's own task spec; for an input that came in through a default of a
            nested pipeline too. None where the entry's task does not name the input (its component's default holds).
        placeholders: where the constant was written in an enclosing nested pipeline's task and mentions that task's
            inputs: what these are, by input name, as they appear in `{{$.inputs.parameters['<name>']}}`. Empty where
            the constant stands in the entry's own task spec, whose own inputs its placeholders mean.
    """

    source: Source
    selectors: tuple[str, ...] = ()
    raw: Raw | None = None
    placeholders: Mapping[str, "Binding"] = field(default_factory=dict)


class EntryKind(StrEnum):
    """The kind of an entry."""

    TASK = "task"
    UNIT = "unit"
    IMPORTER = "importer"


@dataclass(frozen=True, slots=True)
class PlatformReference:
    """A place in the platform document where an executor's configuration names a task's output or an input.

    Attributes:
        step: path of the container that it configures: the entry itself, or one inside of the unit.
        executor: key in the platform document.
        location: keys and indices from the executor's configuration down to the mapping that holds
            `taskOutputParameter` or `componentInputParameter`, as `("pvcMount", 0, "pvcNameParameter")`.
        binding: what it means, its source seen from outside of the entry. None where it is made inside the unit, so
            that what stands there still holds after the unit has moved.
        unit_input: inside a unit: the unit's own input through which the value comes in, where it does; None
            otherwise. What stands there still holds as long as the unit keeps its inputs.
    """

    step: str
    executor: str
    location: tuple[str | int, ...]
    binding: Binding | None
    unit_input: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry, written as one task of a flat pipeline: a placed task, a unit, or an importer outside of every unit.

    Attributes:
        path: from the root, as `train/evaluate`; the name of the plan's task. Importers have one too.
        component_name: key in `components`.
        component: raw definition: `executorLabel` of a task or importer, `dag` of a unit (or a unit that is one
            container with a condition or an iterator: `executorLabel`).
        components: names of all components that it needs: its own and, for a unit, those inside, sorted.
        executors: keys in `deploymentSpec.executors` of all those, sorted. The platform document may know some.
        task: raw task spec, with everything in it: triggerPolicy, retryPolicy, cachingOptions, iterators, ...
            Its names of other tasks (`dependentTasks`, `producerTask`) are those of its own dag, not paths.
        enclosing: raw task specs of the nested pipelines around it, outermost first.
        parameters: by input name; all that its task names, and those that its component leaves to a default.
        artifacts: by input name; likewise.
        after: paths of entries named in `dependentTasks` of its task or of the nested pipelines around it, each nested
            pipeline among them replaced by all entries in it; sorted. Importers are among them.
        references: what its executors' platform configuration refers to.
    """

    path: str
    kind: EntryKind
    component_name: str
    component: Raw
    components: tuple[str, ...]
    executors: tuple[str, ...]
    task: Raw
    enclosing: tuple[Raw, ...] = ()
    parameters: Mapping[str, Binding] = field(default_factory=dict)
    artifacts: Mapping[str, Binding] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    references: tuple[PlatformReference, ...] = ()

    @property
    def is_unit(self) -> bool:
        """Whether it is a loop, a condition or an exit-handler body."""
        return self.kind is EntryKind.UNIT

    @property
    def is_importer(self) -> bool:
        """Whether it imports an artifact: no cost, no site."""
        return self.kind is EntryKind.IMPORTER

    @property
    def executor(self) -> str | None:
        """Key in `deploymentSpec.executors`; None for a unit that is a dag."""
        label = self.component.get("executorLabel")
        return label if isinstance(label, str) else None


@dataclass(frozen=True, slots=True)
class KfpPipeline:
    """The whole pipeline.

    Attributes:
        name: `pipelineInfo.name`.
        documents: as parsed: one or two.
        spec: the pipeline spec itself, unwrapped from `pipelineSpec`.
        platform: the platform document (`{"platforms": ...}`); None where there is none.
        runtime_config: what stood beside a wrapped `pipelineSpec`; None where nothing did.
        schema_version: `2.0.0` or `2.1.0`, as written.
        entries: by path, in topological order (the smallest name first where there is a choice).
        output_parameters: the root's outputs, by name.
        output_artifacts: likewise. Their sources are `TaskOutput` or `Several`.
    """

    name: str
    documents: tuple[Any, ...]
    spec: Raw
    platform: Raw | None
    runtime_config: Raw | None
    schema_version: str
    entries: Mapping[str, Entry]
    output_parameters: Mapping[str, Binding] = field(default_factory=dict)
    output_artifacts: Mapping[str, Binding] = field(default_factory=dict)

    @property
    def components(self) -> Mapping[str, Raw]:
        """Raw components, by name."""
        components: Mapping[str, Raw] = self.spec.get("components") or {}
        return components

    @property
    def executors(self) -> Mapping[str, Raw]:
        """Raw executors, by key."""
        executors: Mapping[str, Raw] = (self.spec.get("deploymentSpec") or {}).get("executors") or {}
        return executors

    @property
    def root(self) -> Raw:
        """The root component."""
        root: Raw = self.spec["root"]
        return root

    @property
    def platform_executors(self) -> Mapping[str, Raw]:
        """The Kubernetes configuration, by executor key; empty where there is none."""
        kubernetes = ((self.platform or {}).get("platforms") or {}).get("kubernetes") or {}
        executors: Mapping[str, Raw] = (kubernetes.get("deploymentSpec") or {}).get("executors") or {}
        return executors
