"""Handovers: what each task is handed, looked up in the compiled pipeline; whoever is handed data has read them."""

from collections.abc import Iterator, Mapping
from typing import Any

from moorage.policy import join_maps
from pipeline_splitter.checking.definition.governance import Carried, Permits
from pipeline_splitter.checking.findings import Notes, shown
from pipeline_splitter.graph import Graph
from pipeline_splitter.kfp.pipeline import KfpPipeline, Raw
from pipeline_splitter.plan import Plan

PARAMETERS, ARTIFACTS = "parameters", "artifacts"
Handed = tuple[str, str, str]
"""Kind, producer, output."""


def check_handed(  # noqa: PLR0913, PLR0917 - a plan, what it was made from, and what is said of it
    plan: Plan, graph: Graph, pipeline: KfpPipeline, carried: Carried, permits: Permits, notes: Notes
) -> None:
    """Check that a task's map has the rules of all that it is given, and that its site keeps them.

    Args:
        plan: where tasks are.
        graph: with the inserted releases in it.
        pipeline: in which the containers behind a unit's outputs are looked up.
        carried: what steps put out and tasks read.
        permits: decides.
        notes: takes findings.
    """
    handed = _handed(graph)
    for task in plan.tasks:
        held = carried.task[task.name]
        given = {
            each: join_maps(carried.output[step] for step in _makers(pipeline, each)) for each in handed[task.name]
        }
        joined = join_maps([held, *given.values()])
        for (_, producer, output), rules in sorted(given.items(), key=lambda item: item[0]):
            key = f"{producer}.{output}"
            lost = [str(ref) for ref in rules if held.get(ref) != joined[ref]]
            if lost:
                notes.add(f"tasks[{task.name}].governance", f"lacks rules of {shown(sorted(lost))}: it is given {key}")
            decision = permits.bars(rules, None, task.site)
            if decision is not None:
                notes.add(f"tasks[{task.name}].site", f"is given {key}, which is denied there by {decision.rule}")


def _handed(graph: Graph) -> dict[str, set[Handed]]:
    """Return for each task all that other tasks make for it."""
    found: dict[str, set[Handed]] = {name: set() for name in graph.tasks}
    for name, task in graph.tasks.items():
        for key in task.reads:
            producer = graph.data[key].producer
            if producer is not None:
                found[name].add((ARTIFACTS, producer, key.removeprefix(f"{producer}.")))
    for edge in graph.parameters:
        found[edge.consumer].add((PARAMETERS, edge.producer, edge.output))
    return found


def _makers(pipeline: KfpPipeline, handed: Handed) -> Iterator[str]:
    """Yield the steps that make an output of a task: of a unit those inside, as its dags hand it on."""
    kind, path, output = handed
    entry = pipeline.entries.get(path)
    if entry is None:
        yield path
        return
    yield from _inside(entry.component, path, output, kind, pipeline.components)


def _inside(component: Raw, path: str, output: str, kind: str, components: Mapping[str, Raw]) -> Iterator[str]:
    if "dag" not in component:
        yield path
        return
    outputs = component["dag"].get("outputs") or {}
    for task, key in _selected((outputs.get(kind) or {}).get(output) or {}, kind):
        inner = components[component["dag"]["tasks"][task]["componentRef"]["name"]]
        yield from _inside(inner, f"{path}/{task}", key, kind, components)


def _selected(raw: Mapping[str, Any], kind: str) -> Iterator[tuple[str, str]]:
    """Yield the tasks of a dag that an output of it is taken from, each with its own output."""
    if kind == ARTIFACTS:
        selectors = raw.get("artifactSelectors") or []
    elif "valueFromOneof" in raw:
        selectors = raw["valueFromOneof"].get("parameterSelectors") or []
    else:
        selectors = [raw["valueFromParameter"]] if "valueFromParameter" in raw else []
    for selector in selectors:
        key = "outputArtifactKey" if kind == ARTIFACTS else "outputParameterKey"
        yield selector["producerSubtask"], selector[key]
