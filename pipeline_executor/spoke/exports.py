"""What of a group's exports is due: an export is, as soon as the task that makes it has succeeded. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moorage.runs import ExportSpec
from pipeline_executor.engine import Artifact, Outputs
from pipeline_executor.runners.protocol import Progress

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Due:
    """An export that can be published: an artifact, or a value."""

    spec: ExportSpec
    artifact: Artifact | None = None
    value: Any = None


@dataclass(frozen=True, slots=True)
class Missing:
    """An export that will never come, though the group has succeeded."""

    spec: ExportSpec
    problem: str


def exports_of(
    documents: Sequence[Raw], exports: Iterable[ExportSpec], progress: Progress, task_names: Mapping[str, str]
) -> tuple[list[Due], list[Missing]]:
    """What can be published now, and what never can; `task_names` as in `GroupSpec`."""
    named = _sources(documents)
    sources = {output: (task_names.get(task, task), name) for output, (task, name) in named.items()}
    due: list[Due] = []
    missing: list[Missing] = []
    for spec in exports:
        found = _found(spec, sources.get(spec.output), progress)
        if found is not None:
            due.append(found)
        elif progress.outputs is not None:
            missing.append(Missing(spec, f"the pipeline succeeded and did not give out {spec.output}"))
    return due, missing


def _found(spec: ExportSpec, source: tuple[str, str] | None, progress: Progress) -> Due | None:
    where: list[tuple[Outputs, str]] = []
    if source is not None and source[0] in progress.ended:
        where.append((progress.ended[source[0]], source[1]))
    if progress.outputs is not None:
        where.append((progress.outputs, spec.output))
    for outputs, name in where:
        if spec.artifact is not None:
            several = outputs.artifacts.get(name, ())
            if len(several) == 1 and name not in outputs.lists:
                return Due(spec, artifact=several[0])
        elif name in outputs.parameters:
            return Due(spec, value=outputs.parameters[name])
    return None


def _sources(documents: Sequence[Raw]) -> dict[str, tuple[str, str]]:
    """The root's outputs, each with the task and the output that it comes from, where that is one."""
    spec: Raw = documents[0].get("pipelineSpec") or documents[0]
    outputs: Raw = ((spec.get("root") or {}).get("dag") or {}).get("outputs") or {}
    sources: dict[str, tuple[str, str]] = {}
    for name, binding in (outputs.get("artifacts") or {}).items():
        selectors: Sequence[Raw] = binding.get("artifactSelectors") or []
        if len(selectors) == 1:
            sources[name] = selectors[0]["producerSubtask"], selectors[0]["outputArtifactKey"]
    for name, binding in (outputs.get("parameters") or {}).items():
        selector = binding.get("valueFromParameter")
        if selector:
            sources[name] = selector["producerSubtask"], selector["outputParameterKey"]
    return sources
