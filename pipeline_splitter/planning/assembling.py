"""Makes the plan of a finished placement: what it costs, groups, reasons, alternatives."""

from collections.abc import Mapping, Sequence

from moorage.objectives import TIME
from moorage.policy.doubts import dataset_problems, site_problems
from pipeline_splitter.costing import Basis, alternatives, assumptions, charge, reasons
from pipeline_splitter.flow import pin_warnings
from pipeline_splitter.graph import Graph
from pipeline_splitter.groups.grouping import group
from pipeline_splitter.plan import InsertedRelease, ObjectiveResult, Plan, PlannedTask
from pipeline_splitter.planning.placing import Placed
from pipeline_splitter.planning.request import Request

OPTIMAL_GAP = 1e-6


def result(objective: str, value: float, lower_bound: float, *, certified: bool, solver: str) -> ObjectiveResult:
    """Return an objective's result, with the gap that the bound leaves."""
    bound = min(value, lower_bound)
    gap = (value - bound) / value if value > bound else 0.0
    return ObjectiveResult(objective, value, bound, gap, gap <= OPTIMAL_GAP, certified, solver)


def assemble(placed: Placed, basis: Basis, results: Sequence[ObjectiveResult], request: Request) -> Plan:
    """Return the plan, without its groups' files; the results' values are replaced by what the plan is charged.

    `basis`: of the graph that was placed, by the whole list of objectives.

    Raises:
        ValueError: nothing was placed.
    """
    if placed.site_of is None:
        raise ValueError("nothing was placed")
    prepared, site_of = placed.prepared, placed.site_of
    graph, blocks = prepared.graph, prepared.blocks
    charged = charge(basis, site_of, placed.starts)
    elsewhere = alternatives(basis, site_of, prepared.permits, charged.costs[TIME.name])
    spare = [each.value * (1 + request.tolerance) - charged.costs[each.objective] for each in results[:-1]]
    why = reasons(basis, site_of, elsewhere, spare, charged.costs[TIME.name])
    groups = group(graph, blocks, site_of, request.settled, request.taken)
    group_of = {task: each.id for each in groups for task in each.tasks}
    assumed = assumptions(graph)
    tasks = tuple(
        PlannedTask(
            name=name,
            site=site_of[name],
            group=group_of[name],
            start=charged.schedule[name][0],
            end=charged.schedule[name][1],
            reason=why[name],
            governance=prepared.flow.task[name],
            assumed=assumed[name],
            inserted=task.inserted,
            alternatives=elsewhere[name],
            title=task.title,
        )
        for name, task in sorted(graph.tasks.items())
    )
    cost = tuple(
        result(
            each.objective,
            charged.costs[each.objective],
            each.lower_bound,
            certified=each.certified,
            solver=each.solver,
        )
        for each in results
    )
    return Plan(
        pipeline_name=graph.name,
        pipeline_digest=graph.digest,
        cost=cost,
        costs=charged.costs,
        tasks=tasks,
        transfers=charged.transfers,
        groups=groups,
        releases=_releases(graph, site_of),
        warnings=warnings(graph, prepared.flow.warnings, request),
        currency=request.currency,
    )


def warnings(graph: Graph, of_flow: Sequence[str], request: Request) -> tuple[str, ...]:
    """Sentences for the person who plans: what the reading, the releases, the pins and the objects raise as doubts.

    Of datasets only those that the pipeline names: a cluster may have many more.
    """
    steps = [*graph.importers, *(step for task in graph.tasks.values() for step in task.steps)]
    named = {ref for step in steps for ref in (step.dataset, *(each.ref for each in step.uses))}
    named |= {read.dataset for step in steps for read in step.reads}
    datasets = {ref: dataset for ref, dataset in request.datasets.items() if ref in named}
    objects = (*site_problems(request.inventory), *dataset_problems(datasets, request.inventory))
    return tuple(dict.fromkeys((*graph.warnings, *of_flow, *pin_warnings(graph, request.inventory), *objects)))


def _releases(graph: Graph, site_of: Mapping[str, str]) -> tuple[InsertedRelease, ...]:
    """Return every inserted task, with the datum that it stands in front of and those that read its output."""
    found = []
    for name, task in sorted(graph.tasks.items()):
        if task.release is None:
            continue
        readers = tuple(
            sorted(
                step.name
                for each in graph.tasks.values()
                for step in each.steps
                if any(read.step == name for read in step.reads)
            )
        )
        dataset, release = task.release
        found.append(InsertedRelease(dataset, release, name, site_of[name], _stood_in_front_of(graph, name), readers))
    return tuple(found)


def _stood_in_front_of(graph: Graph, name: str) -> str:
    (step,) = graph.tasks[name].steps
    read = step.reads[0]
    return read.datum or (f"{read.step}.{read.output}" if read.step else read.input)
