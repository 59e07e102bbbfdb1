"""A plan as a table in a terminal."""

from collections.abc import Sequence

from moorage.objectives import BYTES, OBJECTIVES, TIME, priced
from moorage_cli import output
from moorage_cli.output import say
from pipeline_splitter.plan import Infeasible, ObjectiveResult, Plan, PlannedTask, Transfer
from pipeline_splitter.report import Scenario, sentences

MOST_ROWS = 100
"""A longer plan is cut here; the report and plan.json hold all of it."""


def print_plan(plan: Plan, comparison: Sequence[Scenario]) -> None:
    """The tasks, what crosses, the totals with their proof, and what other plans would cost."""
    sites = {task.site for task in plan.tasks}
    output.title(
        f"{plan.pipeline_name}: {sentences.count(len(plan.tasks), 'task')} at {sentences.count(len(sites), 'site')}, "
        f"{sentences.count(len(plan.groups), 'group')}"
    )
    for result in plan.cost:
        output.sentence(proof(result, plan.currency))
    if assumed := sentences.assumed(plan):
        output.sentence(f"{assumed} `moorage plan explain` tells which.")
    if plan.tasks:
        say()
        _print_tasks(plan)
    if plan.transfers:
        say()
        output.title("What moves")
        _print_transfers(plan.transfers, plan.currency)
    _print_comparison(plan, comparison)
    for warning in plan.warnings:
        output.sentence(f"Warning: {warning}")


def _print_tasks(plan: Plan) -> None:
    bytes_in = {task.name: 0.0 for task in plan.tasks}
    for transfer in plan.transfers:
        for reader in transfer.readers:
            bytes_in[reader] += transfer.size_bytes
    rows = [
        [
            named(task) + (" (inserted)" if task.inserted else ""),
            task.site,
            task.group,
            amount(TIME.name, task.start),
            amount(TIME.name, task.end),
            amount(BYTES.name, bytes_in[task.name]) if bytes_in[task.name] else output.MISSING,
            task.reason,
        ]
        for task in sorted(plan.tasks, key=lambda task: (task.start, task.name))
    ]
    output.table(["TASK", "SITE", "GROUP", "START", "END", "BYTES IN", "WHERE"], rows[:MOST_ROWS])
    _tell_cut(len(rows), "tasks")


def named(task: PlannedTask) -> str:
    """Its name; before that what its author calls it, where that is something else."""
    return f"{task.title} ({task.name})" if task.title else task.name


def _print_transfers(transfers: Sequence[Transfer], currency: str) -> None:
    rows = [
        [
            f"{transfer.kind.value} {transfer.key}",
            transfer.origin,
            transfer.target,
            amount(BYTES.name, transfer.size_bytes),
            amount(TIME.name, transfer.seconds),
            *(amount(each.name, transfer.costs[each.name], currency) for each in priced()),
        ]
        for transfer in sorted(transfers, key=lambda each: (-each.size_bytes, each.key, each.origin, each.target))
    ]
    output.table(["WHAT", "FROM", "TO", "BYTES", "TIME", *(each.name.upper() for each in priced())], rows[:MOST_ROWS])
    _tell_cut(len(rows), "transfers")


def _tell_cut(count: int, noun: str) -> None:
    if count > MOST_ROWS:
        say(f"... and {count - MOST_ROWS} more {noun}: report.html and plan.json (-o DIR) hold all of them")


def _print_comparison(plan: Plan, comparison: Sequence[Scenario]) -> None:
    rows = [["this plan", *(amount(objective, plan.costs[objective], plan.currency) for objective in OBJECTIVES), ""]]
    for scenario in comparison:
        cells = [output.MISSING] * len(OBJECTIVES)
        if scenario.costs is not None:
            cells = [amount(objective, scenario.costs[objective], plan.currency) for objective in OBJECTIVES]
        rows.append([scenario.name, *cells, scenario.reason])
    say()
    output.title("Compared with other placements")
    output.table(["PLAN", *(objective.upper() for objective in OBJECTIVES), "MESSAGE"], rows)


def proof(result: ObjectiveResult, currency: str = "") -> str:
    """One sentence: the value, and how far from the best possible it can be at most."""
    value = amount(result.objective, result.value, currency)
    least = f"no plan has less than {amount(result.objective, result.lower_bound, currency)}"
    how = "proven best" if result.optimal else f"{least}: at most {result.gap:.2%} less is possible"
    by = "bound.json proves it" if result.certified else f"according to the solver {result.solver}"
    return f"{result.objective}: {value}, {how} ({by})"


def amount(objective: str, value: float, currency: str = "") -> str:
    """A figure in its objective's unit, as the report shows it."""
    return sentences.amount(objective, value, currency).replace("\u00a0", " ")


def print_infeasible(answer: Infeasible, warnings: Sequence[str] = ()) -> None:
    """What can't hold together, each single thing that would help, and what else looks wrong; on stderr."""
    needed = ", and each of them is needed" if "facts" not in answer.undecided else ""
    say(f"No plan is possible. These facts can't all hold{needed}:", err=True)
    for fact in answer.facts:
        say(f"  - {fact['message']}", err=True)
    if answer.remedies:
        say("Any one of these would make a plan possible:", err=True)
        for remedy in answer.remedies:
            say(f"  - {remedy['message']}", err=True)
    elif "remedies" not in answer.undecided:
        say("No single release, acceptance or clearance would help: change what a fact above names.", err=True)
    if "facts" in answer.undecided:
        say("Time ran out: one of these facts may be superfluous. A longer --time-limit may tell.", err=True)
    if "remedies" in answer.undecided:
        say("Time ran out before everything that may help was tried: a longer --time-limit may tell.", err=True)
    for warning in warnings:
        say(f"Warning: {warning}", err=True)
