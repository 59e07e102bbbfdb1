"""A run's conditions: whether it has a plan, and whether all that it needs can be reached. Pure."""

from moorage.runs import GroupPhase, RunPhase
from pipeline_executor.hub.deciding import World
from pipeline_executor.hub.inforce import InForce
from pipeline_executor.hub.state import Condition, RunState

_MOST_SITES = 5


def conditions_of(state: RunState, world: World, plan: InForce | None) -> tuple[Condition, ...]:
    """`Planned`, `ClustersReachable` and `StoresReachable`."""
    needed = sorted(plan.sites) if plan is not None else []
    unfinished = {group.site for group in state.groups if not group.phase.is_final or group.phase is GroupPhase.LOST}
    clusters = [site for site in needed if site in unfinished and site in world.sites]
    out_of_sight = [
        f"site {site}: {world.sites[site].problem or 'out of sight'}"
        for site in clusters
        if not world.sites[site].answers or world.sites[site].lost_seconds
    ]
    dark = [
        world.sites[site].store_problem for site in needed if site in world.sites and world.sites[site].store_problem
    ]
    return (
        _planned(state, world, plan),
        _reachable("ClustersReachable", "OutOfSight", out_of_sight),
        _reachable("StoresReachable", "StoreFails", dark),
    )


def _planned(state: RunState, world: World, plan: InForce | None) -> Condition:
    found = world.found
    if found is not None and found.plan is None and found.problem:
        reason = "Infeasible" if found.infeasible else "NotPlanned" if found.lasting else "TriedAgain"
        return Condition("Planned", holds=False, reason=reason, message=found.problem)
    if plan is None:
        reason = "Planning" if state.phase is RunPhase.PLANNING else "NotPlanned"
        return Condition("Planned", holds=False, reason=reason, message=state.message)
    return Condition("Planned", holds=True, reason="Planned", message=f"plan {plan.mark.revision} is in force")


def _reachable(kind: str, reason: str, problems: list[str]) -> Condition:
    if not problems:
        return Condition(kind, holds=True, reason="Reachable", message="")
    more = f"; and {len(problems) - _MOST_SITES} more" if len(problems) > _MOST_SITES else ""
    return Condition(kind, holds=False, reason=reason, message="; ".join(problems[:_MOST_SITES]) + more)
