"""A plan in plain words. Bytes are decimal here, as prices are: 1 GB = 1e9 bytes."""

from moorage.objectives import BYTES, MONEY, OBJECTIVES
from moorage.objectives.units import TIGHT, plain
from pipeline_splitter.plan import ObjectiveResult, Plan

_BYTES_OF = "bytes of "


def headline(plan: Plan) -> str:
    """Summarize the plan in one sentence."""
    if not plan.tasks:
        return "There is nothing to run, so it costs nothing."
    sites = {task.site for task in plan.tasks}
    moved = plan.costs[BYTES.name]
    crossing = BYTES.told.format(BYTES.unit.amount(moved)) if moved else "nothing moves between sites"
    where = count(len(sites), "site")
    return f"{count(len(plan.tasks), 'task')} at {where}; {crossing}; {_price(plan)}"


def _price(plan: Plan) -> str:
    """Return the first objective's value; where that is bytes, which were told already, the money."""
    asked = (OBJECTIVES[result.objective] for result in plan.cost)
    objective = next((each for each in asked if each is not BYTES), MONEY)
    return objective.told.format(objective.unit.amount(plan.costs[objective.name], plan.currency))


def proof(result: ObjectiveResult, currency: str = "") -> str:
    """Describe how good the plan is by one objective, and how that is known."""
    objective = OBJECTIVES[result.objective]
    if result.optimal:
        return f"No plan that keeps every rule {objective.better}: that is proven."
    if result.gap >= 1:
        return "How far this is from the best plan could not be proven in the time given."
    return (
        f"At most {percent(result.gap)} better is possible: it is proven that no plan that keeps every rule "
        f"{objective.less} {objective.unit.amount(result.lower_bound, currency)}."
    )


def proven(plan: Plan) -> str:
    """Describe the proofs of all objectives; each after the first is about plans as good by those before."""
    said = []
    for index, result in enumerate(plan.cost):
        lead = "" if len(plan.cost) == 1 else f"{result.objective.capitalize()}: "
        among = "" if not index else " This holds among the plans that are as good by the objectives before it."
        said.append(lead + proof(result, plan.currency) + among)
    if any(result.certified for result in plan.cost):
        said.append("Anybody can recompute that bound from bound.json with moorage plan --check.")
    return " ".join(said)


def assumed(plan: Plan) -> str:
    """Describe in one sentence what was assumed; empty where nothing was."""
    tasks: dict[str, int] = {}
    sizes: set[str] = set()
    for task in plan.tasks:
        for name in task.assumed:
            if name.startswith(_BYTES_OF):
                sizes.add(name)
            else:
                tasks[name] = tasks.get(name, 0) + 1
    told = [f"{name} of {count(number, 'task')}" for name, number in sorted(tasks.items())]
    if sizes:
        told.append(f"the size of {count(len(sizes), 'artifact or dataset', 'artifacts or datasets')}")
    if not told:
        return ""
    return f"Assumed, because nothing states it: {', '.join(told)}. Hints or labels can state it."


def amount(objective: str, value: float, currency: str = "") -> str:
    """Format a cost with its unit."""
    return OBJECTIVES[objective].unit.amount(value, currency)


def percent(share: float) -> str:
    """Format a share of one, in percent."""
    return f"{plain(share * 100)}{TIGHT}%"


def count(number: int, noun: str, several: str = "") -> str:
    """Format a count with its noun, as `1 task` or `2 tasks`."""
    return f"{number:,} {noun if number == 1 else several or f'{noun}s'}"
