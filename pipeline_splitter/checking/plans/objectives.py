"""The figures of each objective in plan.json: value, lower bound, gap and flags."""

from collections.abc import Mapping

from pipeline_splitter.checking.definition.costs import LINEAR, OBJECTIVES
from pipeline_splitter.checking.findings import TOLERANCE, Notes
from pipeline_splitter.plan import Plan

_OPTIMAL_GAP = 1e-6


def check_objectives(plan: Plan, costs: Mapping[str, float], notes: Notes) -> None:
    """Value, gap and flags of each objective.

    Args:
        plan: what it says.
        costs: all four, recomputed.
        notes: takes findings.
    """
    names = [each.objective for each in plan.cost]
    if not names or len(set(names)) != len(names) or not set(names) <= set(OBJECTIVES):
        notes.add(
            "cost",
            f"has the objectives {', '.join(names) or 'none'}, expected different ones of {', '.join(OBJECTIVES)}",
        )
    for objective in OBJECTIVES:
        notes.near(f"costs.{objective}", plan.costs[objective], costs[objective])
    for each in plan.cost:
        where = f"cost[{each.objective}]"
        notes.near(f"{where}.value", each.value, costs.get(each.objective, each.value))
        if each.lower_bound > each.value:
            notes.add(f"{where}.lowerBound", f"is {each.lower_bound!r}, which is above the value {each.value!r}")
        gap = (each.value - each.lower_bound) / each.value if each.value > each.lower_bound else 0.0
        if abs(gap - each.gap) > TOLERANCE:
            notes.add(f"{where}.gap", f"is {each.gap!r}, expected {gap!r}")
        notes.same(f"{where}.optimal", each.optimal, each.gap <= _OPTIMAL_GAP)
        if each.certified and each.objective not in LINEAR:
            notes.add(f"{where}.certified", "is true, but there are no multipliers for time")
