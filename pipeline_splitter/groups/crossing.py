"""Artifacts and parameters that pass from group to group, and their names, the same in every file.

- A parameter that crosses is the consuming group's pipeline parameter `<task>_<output>` and the producing group's
  output of the same name.
- An artifact that crosses is the producing group's output `<task>_<output>`; its URI is the consuming group's pipeline
  parameter `<task>_<output>_uri`, which the importer task `import-<task>-<output>` reads.
- What the pipeline itself gives out already keeps its name as an output.

Task paths are written with `_` for whatever is no letter or digit; names longer than 100 characters end in a digest;
where two would be equal, or one is an input or output of the pipeline itself, a number follows (`_2`). Order: sorted.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter

from pipeline_splitter.groups.names import Names, parameter_name, task_name
from pipeline_splitter.groups.nodes import Node
from pipeline_splitter.kfp.pipeline import KfpPipeline, TaskOutput
from pipeline_splitter.plan import Group

PARAMETERS, ARTIFACTS = "parameters", "artifacts"


@dataclass(frozen=True, slots=True, order=True)
class Crossing:
    """An output of a node that another group reads. `kind`: `artifacts` or `parameters`."""

    kind: str
    path: str
    output: str

    @property
    def key(self) -> str:
        """The crossing as plan.json names it."""
        return f"{self.path}.{self.output}"


@dataclass(frozen=True, slots=True)
class Members:
    """The nodes of each group, and each node's group.

    Attributes:
        of: group's id -> paths, importers included, sorted.
        home: path -> the group that gives its outputs out (of an importer that stands in several: the first).
    """

    of: Mapping[str, tuple[str, ...]]
    home: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Crossings:
    """Everything that crosses, with its names.

    Attributes:
        imports: group's id -> what it reads of others, sorted.
        exports: group's id -> what others read of it, sorted.
        parameters: the pipeline parameter that carries it.
        outputs: the root's output that gives it out.
        tasks: the importer task of an artifact.
    """

    imports: Mapping[str, tuple[Crossing, ...]]
    exports: Mapping[str, tuple[Crossing, ...]]
    parameters: Mapping[Crossing, str]
    outputs: Mapping[Crossing, str]
    tasks: Mapping[Crossing, str]


def find_members(nodes: Mapping[str, Node], groups: Iterable[Group]) -> Members:
    """Put tasks where the plan has them, and each importer where somebody reads it.

    An importer that nobody reads stands where what it waits for is made, else in the first group.
    """
    groups = tuple(groups)
    place = _places(groups)
    home = {path: group.id for group in groups for path in group.tasks}
    readers: dict[str, set[str]] = {}
    for path, node in nodes.items():
        for source in (*node.artifact_sources(), *node.parameter_sources()):
            if path in home and nodes[source.path].is_importer:
                readers.setdefault(source.path, set()).add(home[path])
    of = {group.id: set(group.tasks) for group in groups}
    for path, node in nodes.items():
        if node.is_importer and groups:
            waits = [home[before] for before in node.predecessors() if before in home]
            fallback = max(waits, key=place.__getitem__) if waits else min(place, key=place.__getitem__)
            chosen = readers.get(path) or {fallback}
            home[path] = min(chosen, key=place.__getitem__)
            for group in chosen:
                of[group].add(path)
    return Members({group: tuple(sorted(paths)) for group, paths in of.items()}, home)


def _places(groups: Iterable[Group]) -> dict[str, int]:
    """Groups' ids in the order in which they may run, with their numbers."""
    after = {group.id: group.after for group in groups}
    return {name: index for index, name in enumerate(TopologicalSorter(after).static_order())}


def find_crossings(pipeline: KfpPipeline, nodes: Mapping[str, Node], members: Members) -> Crossings:
    """Find all outputs that nodes read of other groups."""
    imports: dict[str, set[Crossing]] = {group: set() for group in members.of}
    exports: dict[str, set[Crossing]] = {group: set() for group in members.of}
    for group, paths in members.of.items():
        present = set(paths)
        for path in paths:
            for kind, sources in (
                (ARTIFACTS, nodes[path].artifact_sources()),
                (PARAMETERS, nodes[path].parameter_sources()),
            ):
                for source in sources:
                    if source.path not in present:
                        crossing = Crossing(kind, source.path, source.output)
                        imports[group].add(crossing)
                        exports[members.home[source.path]].add(crossing)
    every = sorted({crossing for crossings in imports.values() for crossing in crossings})
    parameters, outputs = _named(pipeline, every)
    task_names = Names(task_name(path) for path in nodes)
    tasks = {
        crossing: task_names.take(task_name(f"import/{crossing.path}/{crossing.output}"))
        for crossing in every
        if crossing.kind == ARTIFACTS
    }
    return Crossings(
        {group: tuple(sorted(found)) for group, found in imports.items()},
        {group: tuple(sorted(found)) for group, found in exports.items()},
        parameters,
        outputs,
        tasks,
    )


def _named(pipeline: KfpPipeline, crossings: Iterable[Crossing]) -> tuple[dict[Crossing, str], dict[Crossing, str]]:
    definitions = pipeline.root.get("inputDefinitions") or {}
    inputs = Names({*(definitions.get(PARAMETERS) or {}), *(definitions.get(ARTIFACTS) or {})})
    given = {
        Crossing(kind, binding.source.path, binding.source.output): name
        for kind, bindings in ((ARTIFACTS, pipeline.output_artifacts), (PARAMETERS, pipeline.output_parameters))
        for name, binding in sorted(bindings.items(), reverse=True)
        if isinstance(binding.source, TaskOutput) and not binding.selectors
    }
    out = Names({*pipeline.output_artifacts, *pipeline.output_parameters})
    parameters, outputs = {}, {}
    for crossing in crossings:
        stem = parameter_name(crossing.key)
        parameters[crossing] = inputs.take(f"{stem}_uri" if crossing.kind == ARTIFACTS else stem, "_")
        outputs[crossing] = given.get(crossing) or out.take(stem, "_")
    return parameters, outputs
