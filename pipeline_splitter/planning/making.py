"""The planning pipeline: from a request to files, in numbered phases."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from moorage.errors import PlanningError
from pipeline_splitter.costing import gather
from pipeline_splitter.documents import is_workflow
from pipeline_splitter.explaining import explain
from pipeline_splitter.flow import carry, release_candidates
from pipeline_splitter.graph import Graph
from pipeline_splitter.groups import unsaid, write_groups
from pipeline_splitter.kfp import KfpPipeline, read_pipeline
from pipeline_splitter.plan import Plan
from pipeline_splitter.plan_json import write_infeasible, write_plan
from pipeline_splitter.planning.assembling import assemble, warnings
from pipeline_splitter.planning.bounds import write_bound
from pipeline_splitter.planning.comparison import compare
from pipeline_splitter.planning.outcome import Outcome
from pipeline_splitter.planning.preferring import prefer
from pipeline_splitter.planning.request import Request
from pipeline_splitter.planning.stages import Settled, settle
from pipeline_splitter.problem import Limits
from pipeline_splitter.report import write_report
from pipeline_splitter.wfformat import read_workflow

_EXPLAINING_SECONDS = 5.0
"""The time for finding out why there is no plan, when the time for finding one is over."""
_COMPARING_SECONDS = 5.0
"""The time for comparing a plan with others, if finding it took less."""
Tell = Callable[[str, float | None, float | None], None]


def make_plan(request: Request, deadline: float, clock: Callable[[], float], tell: Tell) -> Outcome:
    """Plan a request.

    Args:
        request: the planning request.
        deadline: in the clock's seconds: the best plan so far is kept then.
        clock: seconds, monotonic.
        tell: told the phase, and the best value and bound, where there are some.

    Raises:
        InputError: the pipeline or the hints can't be used.
    """
    # 1. Read.
    begun = clock()
    tell("reading", None, None)
    graph, pipeline = read_graph(request)
    request.refuse_missing_datasets(graph)
    # 2. Settle each objective, over all choices of releases.
    limits = Limits(request.gap, deadline, clock, lambda value, bound: tell("solving", value, bound))
    candidates = release_candidates(graph, carry(graph, request.datasets), request.datasets)
    settled = settle(graph, candidates, request, limits)
    if settled.placed is None:
        return _without_plan(graph, request, settled, limits)
    # 3. Of plans that are equal in all that was asked, the one that moves less, then the cheaper one.
    prepared = settled.placed.prepared
    basis = gather(prepared.graph, prepared.blocks, request.terms())
    placed = prefer(settled.placed, basis, limits)
    # 4. Assemble.
    tell("writing", None, None)
    plan = assemble(placed, basis, settled.results, request)
    now = clock()
    shortly = replace(limits, deadline=min(deadline, now + max(_COMPARING_SECONDS, now - begun)))
    comparison = compare(prepared, basis, request, shortly, plan.costs)
    # 5. Write down.
    final = prepared.graph
    plan, files = _with_files(plan, final, pipeline, request)
    files = {
        "plan.json": write_plan(plan),
        "bound.json": write_bound(plan.pipeline_name, plan.pipeline_digest, settled.proofs),
        "report.html": write_report(plan, final, request.inventory, comparison),
        **files,
    }
    return Outcome(plan, files, comparison, plan.warnings)


def _without_plan(graph: Graph, request: Request, settled: Settled, limits: Limits) -> Outcome:
    if not settled.infeasible:
        raise PlanningError("no plan was found in time, and none was proven impossible: give a longer --time-limit")
    limits = replace(limits, gap=1.0, deadline=max(limits.deadline, limits.clock() + _EXPLAINING_SECONDS))
    told = explain(graph, request.datasets, request.inventory, limits)
    doubts = warnings(graph, carry(graph, request.datasets).warnings, request)
    return Outcome(told, {"infeasible.json": write_infeasible(told)}, warnings=doubts)


def read_graph(request: Request) -> tuple[Graph, KfpPipeline | None]:
    """Read the pipeline as a graph; with what writing groups needs, where it is Kubeflow's."""
    if is_workflow(request.documents):
        return read_workflow(request.documents[0], request.hints, request.datasets, request.subject), None
    return read_pipeline(request.documents, request.hints, request.datasets, request.subject)


def _with_files(
    plan: Plan, graph: Graph, pipeline: KfpPipeline | None, request: Request
) -> tuple[Plan, Mapping[str, str]]:
    """Return the plan with its groups' files named, and these files."""
    if pipeline is None:
        return plan, {}
    files, groups = write_groups(pipeline, graph, plan, request.datasets)
    warnings = (*plan.warnings, *unsaid(pipeline, graph, plan))
    return replace(plan, groups=groups, warnings=warnings), files
