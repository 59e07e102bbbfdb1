"""A plan in plain words. Bytes are decimal here, as prices are: 1 GB = 1e9 bytes."""

from moorage.objectives import BYTES, MONEY, OBJECTIVES
from moorage.objectives.units import TIGHT, plain
from pipeline_splitter.plan import ObjectiveResult, Plan


def headline(plan: Plan) -> str:
    """What was planned, in one sentence."""
    if not plan.tasks:
        return "There is nothing to run, and it costs nothing."
    sites = {task.site for task in plan.tasks}
    moved = plan.costs[BYTES.name]
    crossing = BYTES.told.format(BYTES.unit.amount(moved)) if moved else "nothing crosses"
    where = count(len(sites), "site")
    return f"{count(len(plan.tasks), 'task')} at {where}; {crossing}; {_price(plan)}"


def _price(plan: Plan) -> str:
    """The first objective's value; where that is bytes, which were told already, the money."""
    asked = (OBJECTIVES[result.objective] for result in plan.cost)
    objective = next((each for each in asked if each is not BYTES), MONEY)
    return objective.told.format(objective.unit.amount(plan.costs[objective.name]))


def proof(result: ObjectiveResult) -> str:
    """How good the plan is by one objective, and how that is known."""
    objective = OBJECTIVES[result.objective]
    if result.optimal:
        return f"No plan that keeps every rule {objective.better}: that is proven."
    if result.gap >= 1:
        return "How far this is from the best plan could not be proven in the time given."
    return (
        f"At most {percent(result.gap)} better is possible: it is proven that no plan that keeps every rule "
        f"{objective.less} {objective.unit.amount(result.lower_bound)}."
    )


def proven(plan: Plan) -> str:
    """The proofs of all objectives; each after the first holds among the plans that are as good by those before."""
    said = []
    for index, result in enumerate(plan.cost):
        lead = "" if len(plan.cost) == 1 else f"{result.objective.capitalize()}: "
        among = "" if not index else " Asked of the plans that are as good by what stands before."
        said.append(lead + proof(result) + among)
    if any(result.certified for result in plan.cost):
        said.append("Anybody can recompute that bound from bound.json: moorage plan --check.")
    return " ".join(said)


def amount(objective: str, value: float) -> str:
    """A cost with its unit."""
    return OBJECTIVES[objective].unit.amount(value)


def percent(share: float) -> str:
    """A share of one, in percent."""
    return f"{plain(share * 100)}{TIGHT}%"


def count(number: int, noun: str) -> str:
    """As `1 task` or `2 tasks`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
