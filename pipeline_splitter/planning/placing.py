"""Places the tasks of one graph by one objective, the earlier ones of the list being limits."""

from collections.abc import Mapping
from dataclasses import dataclass

from moorage.objectives import OBJECTIVES, Objective
from pipeline_splitter.blocks import Blocks, make_blocks
from pipeline_splitter.costing import Basis, build_problem, build_time_problem, gather
from pipeline_splitter.flow import Choice, Flow, permit
from pipeline_splitter.graph import Graph
from pipeline_splitter.plan import Denial
from pipeline_splitter.planning.request import Request
from pipeline_splitter.problem import Certificate, Limits, Problem
from pipeline_splitter.solving import solve

Permits = Mapping[str, Mapping[str, Denial | None]]


@dataclass(frozen=True, slots=True)
class Stage:
    """One objective of the list, with the best that earlier ones reached.

    Attributes:
        objectives: up to and with this one.
        budgets: (objective, most of it) of earlier linear ones.
        horizon_seconds: the latest end of the last task, where the makespan is an earlier one.
    """

    objectives: tuple[str, ...]
    budgets: tuple[tuple[str, float], ...] = ()
    horizon_seconds: float | None = None

    @property
    def objective(self) -> Objective:
        """The one to be minimised."""
        return OBJECTIVES[self.objectives[-1]]

    def next(self, objective: str, reached: float, tolerance: float) -> "Stage":
        """Return the stage after this one, which may give up `tolerance` of what was reached."""
        most = reached * (1 + tolerance)
        objectives = (*self.objectives, objective)
        if not self.objective.is_linear:
            return Stage(objectives, self.budgets, most)
        return Stage(objectives, (*self.budgets, (self.objective.name, most)), self.horizon_seconds)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A graph with all that does not depend on the objective."""

    graph: Graph
    flow: Flow
    permits: Permits
    blocks: Blocks
    permitted: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Placed:
    """One graph, placed.

    Attributes:
        site_of: by task; None where nothing was found.
        starts: seconds, by task; None where the objective leaves it to the schedule.
        lower_bound: for every feasible placement of this graph.
        infeasible: proven.
    """

    prepared: Prepared
    problem: Problem
    site_of: Mapping[str, str] | None
    starts: Mapping[str, float] | None
    value: float
    lower_bound: float
    infeasible: bool
    certificate: Certificate | None
    solver: str


def prepare(choice: Choice, request: Request) -> Prepared:
    """Compute where each task may be, and what stays together."""
    graph, flow = choice.graph, choice.flow
    permits = permit(graph, flow, request.datasets, request.inventory)
    permitted = {
        task: frozenset(site for site, denial in sites.items() if denial is None) for task, sites in permits.items()
    }
    return Prepared(graph, flow, permits, make_blocks(graph), permitted)


def place(prepared: Prepared, stage: Stage, request: Request, limits: Limits) -> Placed:
    """Return the best placement of one graph by the stage's objective."""
    basis = gather(prepared.graph, prepared.blocks, request.terms(stage.objectives))
    if not stage.objective.is_linear or stage.horizon_seconds is not None:
        return _place_in_time(prepared, basis, stage, limits)
    problem = build_problem(basis, prepared.permitted, stage.budgets)
    solution = solve(problem, limits)
    site_of = None
    if solution.placement is not None:
        site_of = _by_task(prepared.blocks, problem, [int(site) for site in solution.placement])
    return Placed(
        prepared,
        problem,
        site_of,
        None,
        solution.value,
        solution.lower_bound,
        solution.infeasible,
        solution.certificate,
        solution.solver,
    )


def _place_in_time(prepared: Prepared, basis: Basis, stage: Stage, limits: Limits) -> Placed:
    from pipeline_splitter.solving.makespan import solve_time, solve_within  # noqa: PLC0415 - a slow import

    timed = build_time_problem(basis, prepared.permitted, stage.budgets)
    if not stage.objective.is_linear:
        solution = solve_time(timed, limits)
    else:
        solution = solve_within(timed, stage.horizon_seconds or 0.0, limits)
    site_of, starts = None, None
    if solution.placement is not None and solution.task_starts is not None:
        site_of = _by_task(prepared.blocks, timed.problem, [int(site) for site in solution.placement])
        starts = dict(zip(timed.tasks, map(float, solution.task_starts), strict=True))
    return Placed(
        prepared,
        timed.problem,
        site_of,
        starts,
        solution.value,
        solution.lower_bound,
        solution.infeasible,
        None,
        solution.solver,
    )


def _by_task(blocks: Blocks, problem: Problem, placement: list[int]) -> dict[str, str]:
    return {
        task: problem.sites[site] for members, site in zip(blocks.members, placement, strict=True) for task in members
    }
