"""An irreducible infeasible subset: facts of which none can be left out, and what single change would help."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from moorage.sites import Inventory
from pipeline_splitter.explaining.depths import depths
from pipeline_splitter.explaining.facts import Fact
from pipeline_splitter.explaining.feasibility import Feasibility, UndecidedError
from pipeline_splitter.explaining.remedies import remedies
from pipeline_splitter.flow.carrying import Datasets
from pipeline_splitter.graph import Graph
from pipeline_splitter.plan import Infeasible
from pipeline_splitter.problem import Limits

_PATIENT = Limits(gap=1.0, deadline=10.0, clock=lambda: 0.0)


def explain(graph: Graph, datasets: Datasets, inventory: Inventory, limits: Limits = _PATIENT) -> Infeasible:
    """Explain a pipeline for which there is no plan, whatever releases are chosen.

    Args:
        graph: without inserted tasks.
        datasets: all that are known.
        inventory: all sites.
        limits: of the time for it. Where it does not suffice, the facts still leave no plan, but one of them may be
            superfluous, and remedies may be missing.

    Returns:
        Facts (rules that look at no site have none) and remedies, and which of them were not settled in time; nothing,
        where there is a plan after all.
    """
    feasibility = Feasibility(graph, datasets, inventory, limits)
    try:
        reason = feasibility.refuted()
    except UndecidedError:
        message = (
            "there was too little time, or there are too many choices of releases, to say which facts leave no plan: "
            "give a longer --time-limit, or plan with fewer releases accepted"
        )
        return Infeasible(({"message": message},), (), ("facts", "remedies"))
    if reason is None:
        return Infeasible((), ())
    facts = irreducible(reason, feasibility.holds, depths(graph))
    helpful, all_tried = remedies(graph, datasets, inventory, limits, facts)
    undecided = ("facts",) * feasibility.gave_up + ("remedies",) * (not all_tried)
    return Infeasible(tuple(fact.words() for fact in sorted(facts, key=Fact.order)), helpful, undecided)


def irreducible(
    facts: frozenset[Fact], holds: Callable[[frozenset[Fact]], bool], depth: Mapping[str, int] = MappingProxyType({})
) -> frozenset[Fact]:
    """Return a part of the facts with which no plan is possible, while one is without any one of them.

    What concerns one site only is left out first, then what shows late in the pipeline (where data from two places have
    already met), then what comes late in the order of rules: what is kept says most with least. Halves are tried before
    single facts, because most facts are superfluous.

    Args:
        facts: with which none is possible.
        holds: whether one is possible with those facts; never False for fewer facts where it is True for more.
        depth: of tasks in the pipeline.
    """
    kept = sorted(facts, key=lambda fact: (bool(fact.site and fact.rule), depth.get(fact.task, 0), fact.order()))
    size = len(kept)
    while size:
        end = len(kept)
        while end > 0:
            begin = max(0, end - size)
            rest = kept[:begin] + kept[end:]
            if not holds(frozenset(rest)):
                kept = rest
            end = begin
        size = 0 if size == 1 else (size + 1) // 2
    return frozenset(kept)
