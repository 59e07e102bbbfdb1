"""The general solver: the disaggregated mixed-integer program of `rows`, by HiGHS."""

import math
from dataclasses import dataclass

import numpy as np

from pipeline_splitter.problem import Floats, Integers, Limits, Problem, Solution
from pipeline_splitter.solving import core as cores
from pipeline_splitter.solving import evaluate
from pipeline_splitter.solving.multipliers import Multipliers
from pipeline_splitter.solving.rows import Rows

_TRUST = 5e-7
"""HiGHS works within tolerances near 1e-7 (reduced costs) on a scaled objective: so much comes off what it proves."""
_LEAST_GAP = 1e-7
_LEAST_SECONDS = 0.05
_WHOLE = 1e-6
_INFEASIBLE = "HiGHS Status 8"
"""scipy's status 2 says "infeasible" of models that HiGHS refuses to read, too."""


@dataclass(frozen=True, slots=True)
class Answer:
    """HiGHS's answer for a core: sites of its free blocks, and a bound on the cost over them."""

    choice: Integers | None
    bound: float
    infeasible: bool = False


class Highs:
    """Everything at once, to the end or to the deadline."""

    name = "highs"

    def solve(self, problem: Problem, limits: Limits) -> Solution:
        """Implement `Solver.solve` with HiGHS."""
        if not problem.allowed.any(axis=1).all():
            return Solution(None, math.inf, math.inf, infeasible=True, solver=self.name)
        core = cores.reduce(problem, problem.allowed, cores.topological_order(problem))
        answer = decide(core, budget_limits(problem), limits)
        if answer.infeasible:
            return Solution(None, math.inf, math.inf, infeasible=True, solver=self.name)
        constant = core.costs[0].constant
        bound = max(0.0, (answer.bound + constant) * (1 - 1e-12))
        if answer.choice is None:
            return Solution(None, math.inf, bound, solver=self.name)
        placement = core.whole(answer.choice)
        if not evaluate.is_feasible(problem, placement):
            return Solution(None, math.inf, bound, solver=self.name)
        value = evaluate.cost(problem.costs, problem.nets, placement)
        limits.progress(value, min(bound, value))
        return Solution(placement, value, min(bound, value), solver=self.name)


def budget_limits(problem: Problem) -> Floats:
    """Return the limits of the budgets."""
    return np.array([budget.limit for budget in problem.budgets], dtype=np.float64)


def decide(core: cores.Core, budgets: Floats, limits: Limits) -> Answer:
    """Return the best choice for the free blocks of a core.

    Args:
        core: the part that is left to decide.
        budgets: limit of each budget (of the whole cost, the core's constant included).
        limits: when to stop.
    """
    from scipy.optimize import LinearConstraint, milp  # noqa: PLC0415  # slow to load, seldom needed
    from scipy.sparse import csr_array  # noqa: PLC0415

    if len(core.blocks) == 0:
        return _nothing_left(core, budgets)
    rows = Rows(core)
    for number, limit in enumerate(budgets.tolist()):
        rows.add_budget(number + 1, limit)
    rows.add_quotas()
    if rows.impossible:
        return Answer(None, math.inf, infeasible=True)
    scale = max(float(np.abs(rows.cost).max()), 1e-300) / 1e3
    remaining = limits.deadline - limits.clock()
    if remaining < _LEAST_SECONDS:
        return Answer(None, -math.inf)
    count = rows.variables
    matrix = csr_array((rows.values, (rows.rows, rows.columns)), shape=(len(rows.low), count))
    integer = np.zeros(count)
    integer[: rows.choices] = 1
    result = milp(
        rows.cost / scale,
        constraints=LinearConstraint(matrix, np.array(rows.low), np.array(rows.high)),
        integrality=integer,
        bounds=(0, np.where(integer > 0, np.minimum(1.0, rows.most), rows.most)),
        options={
            "time_limit": remaining,
            "mip_rel_gap": max(limits.gap / 4, _LEAST_GAP),
        },
    )
    if _INFEASIBLE in result.message:
        return Answer(None, math.inf, infeasible=True)
    bound = getattr(result, "mip_dual_bound", None)
    proven = -math.inf if bound is None or not math.isfinite(bound) else float(bound)
    proven = (proven - _TRUST * abs(proven)) * scale
    if result.x is None:
        return Answer(None, proven)
    chosen = np.where(core.allowed, -1.0, -2.0)
    chosen[core.allowed] = result.x[: rows.choices]
    return Answer(chosen.argmax(axis=1), proven)


def relax(core: cores.Core, limits: Limits) -> tuple[Multipliers, Integers | None] | None:
    """Solve the linear relaxation: its multipliers, and its choice where that is whole; None if time was too short.

    Quotas and budgets are not looked at.
    """
    from scipy.optimize import linprog  # noqa: PLC0415  # slow to load, seldom needed
    from scipy.sparse import csr_array  # noqa: PLC0415

    remaining = limits.deadline - limits.clock()
    if remaining < _LEAST_SECONDS:
        return None
    rows = Rows(core)
    matrix = csr_array((rows.values, (rows.rows, rows.columns)), shape=(len(rows.low), rows.variables))
    low = np.array(rows.low)
    equal = low == np.array(rows.high)
    scale = max(float(np.abs(rows.cost).max()), 1e-300) / 1e3
    result = linprog(
        rows.cost / scale,
        A_ub=-matrix[~equal],
        b_ub=-low[~equal],
        A_eq=matrix[equal],
        b_eq=low[equal],
        method="highs",
        options={"time_limit": remaining},
    )
    if result.status != 0:
        return None
    duals = np.zeros(len(low))
    duals[equal] = result.eqlin.marginals * scale
    duals[~equal] = -result.ineqlin.marginals * scale
    sites = core.allowed.shape[1]
    messages = np.zeros((len(core.made.readers), sites))
    loads = np.zeros_like(messages)
    given_loads = np.zeros((len(core.given.readers), sites))
    for entry, net, targets, arriving, dues, unit in rows.dual_parts:
        messages[entry, targets] = duals[arriving]
        bytes_to = core.carried_bytes[net]
        if len(dues) == 0:
            loads[entry, targets] = bytes_to[targets]
        else:
            here = np.flatnonzero(dues >= 0)
            loads[entry, here] = np.maximum(duals[dues[here]], 0.0) / unit[here] * bytes_to[here]
    for entry, targets, dues in rows.given_dual_parts:
        given_loads[entry, targets] = np.maximum(duals[dues], 0.0)
    values = np.where(core.allowed, -1.0, -2.0)
    values[core.allowed] = result.x[: rows.choices]
    whole = bool((np.minimum(values.max(axis=1), 1.0) > 1 - _WHOLE).all())
    return Multipliers(messages, loads, given_loads), values.argmax(axis=1) if whole else None


def _nothing_left(core: cores.Core, budgets: Floats) -> Answer:
    """Return the core without free blocks: only the constraints can fail."""
    over = any(
        costs.constant > limit * (1 + evaluate.TOLERANCE) for costs, limit in zip(core.costs[1:], budgets, strict=True)
    ) or bool((core.quota_left < -evaluate.TOLERANCE * (1 + np.abs(core.quota_left))).any())
    return Answer(None, math.inf, infeasible=True) if over else Answer(np.zeros(0, dtype=np.int64), 0.0)
