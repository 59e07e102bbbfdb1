"""A plan in plain words. Bytes are decimal here, as prices are: 1 GB = 1e9 bytes."""

from math import floor, log10

from pipeline_splitter.plan import ObjectiveResult, Plan

_TIGHT = "\u00a0"
"""A space at which no line is broken."""
_BETTER = {"bytes": "moves fewer bytes", "money": "is cheaper", "carbon": "emits less", "time": "ends sooner"}
_LESS = {"bytes": "moves less than", "money": "costs less than", "carbon": "emits less than", "time": "ends before"}


def headline(plan: Plan) -> str:
    """What was planned, in one sentence."""
    if not plan.tasks:
        return "There is nothing to run, and it costs nothing."
    sites = {task.site for task in plan.tasks}
    moved = plan.costs["bytes"]
    crossing = f"{amount('bytes', moved)} cross" if moved else "nothing crosses"
    where = count(len(sites), "site")
    return f"{count(len(plan.tasks), 'task')} at {where}; {crossing}; {_price(plan)}"


def _price(plan: Plan) -> str:
    """The first objective's value; where that is bytes, which were told already, the money."""
    objective = next((result.objective for result in plan.cost if result.objective != "bytes"), "money")
    value = amount(objective, plan.costs[objective])
    return {"carbon": f"{value} CO₂e", "time": f"done in {value}"}.get(objective, f"it costs {value}")


def proof(result: ObjectiveResult) -> str:
    """How good the plan is by one objective, and how that is known."""
    if result.optimal:
        return f"No plan that keeps every rule {_BETTER[result.objective]}: that is proven."
    if result.gap >= 1:
        return "How far this is from the best plan could not be proven in the time given."
    return (
        f"At most {percent(result.gap)} better is possible: it is proven that no plan that keeps every rule "
        f"{_LESS[result.objective]} {amount(result.objective, result.lower_bound)}."
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
    if objective == "bytes":
        return _scaled(value, ("B", "kB", "MB", "GB", "TB", "PB"))
    if objective == "carbon":
        if value and abs(value) < 0.1:  # noqa: PLR2004 - grams; less is told in smaller units
            return _scaled(value * 1e6, ("µg", "mg", "g"))
        return _scaled(value, ("g", "kg", "t"))
    if objective == "time":
        return duration(value)
    return plain(value)


def plain(value: float) -> str:
    """Three significant digits, never fewer than the whole ones; two and no exponent down to a millionth."""
    size = abs(value)
    if size >= 100:  # noqa: PLR2004 - three digits
        return f"{value:,.0f}"
    if size >= 1e-3 or not size:  # noqa: PLR2004 - below, zeros hide digits
        return f"{value:.3g}"
    return f"{value:.1e}" if size < 1e-6 else f"{value:.{1 - floor(log10(size))}f}".rstrip("0")  # noqa: PLR2004


def percent(share: float) -> str:
    """A share of one, in percent."""
    return f"{plain(share * 100)}{_TIGHT}%"


def duration(seconds: float) -> str:
    """As `1 h 28 min`, `4 min 10 s` or `2.5 s`."""
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.3g}{_TIGHT}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:  # noqa: PLR2004 - an hour
        return f"{minutes}{_TIGHT}min" + (f" {rest}{_TIGHT}s" if rest else "")
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,}{_TIGHT}h" + (f" {minutes}{_TIGHT}min" if minutes else "")


def count(number: int, noun: str) -> str:
    """As `1 task` or `2 tasks`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _scaled(value: float, units: tuple[str, ...]) -> str:
    size, unit = value, units[0]
    for unit in units:
        if abs(size) < 999.5:  # noqa: PLR2004 - rounds to 1000
            break
        if unit != units[-1]:
            size /= 1000
    return f"{plain(size)}{_TIGHT}{unit}"
