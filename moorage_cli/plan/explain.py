"""`moorage plan explain`: why a task is where it is, and why not elsewhere."""

from pathlib import Path

import click

from moorage.errors import InputError
from moorage.objectives import BYTES, TIME
from moorage_cli import output
from moorage_cli.output import say
from moorage_cli.plan.files import read_text
from moorage_cli.plan.table import amount, named
from moorage_cli.sentences import governance_sentences
from pipeline_splitter.plan import Alternative, Plan, PlannedTask
from pipeline_splitter.plan_json import read_plan


@click.command("explain")
@click.argument("directory", type=click.Path(path_type=Path))
@click.argument("task")
def explain(directory: Path, task: str) -> None:
    """Explain why TASK of the plan in DIRECTORY runs where it does.

    \b
    moorage plan explain plan/ train
    """  # noqa: D301 - \b is what click needs
    path = directory / "plan.json"
    plan = read_plan(read_text(path))
    found = next((each for each in plan.tasks if each.name == task), None) or _by_title(task, plan)
    if found is None:
        raise InputError(str(path), "tasks", f"no task {task!r}{_near(task, plan)}")
    _print(found, plan)


def _by_title(title: str, plan: Plan) -> PlannedTask | None:
    """The one task that is called so."""
    found = [task for task in plan.tasks if task.title == title]
    return found[0] if len(found) == 1 else None


def _near(name: str, plan: Plan) -> str:
    around = [task.name for task in plan.tasks if name.startswith(f"{task.name}/")]
    if around:
        return f": it is inside {around[0]}, which is placed as one unit: ask for {around[0]}"
    import difflib  # noqa: PLC0415 - only for a mistake

    near = difflib.get_close_matches(name, [task.name for task in plan.tasks], n=5, cutoff=0.4)
    return f"; near it: {', '.join(near)}" if near else ""


def _print(task: PlannedTask, plan: Plan) -> None:
    output.title(f"{named(task)} runs at {task.site}, in group {task.group}")
    output.sentence(task.reason)
    details = [("from", amount(TIME.name, task.start)), ("to", amount(TIME.name, task.end))]
    if task.assumed:
        details.append(("assumed", ", ".join(task.assumed)))
    output.pairs(details)
    incoming = [transfer for transfer in plan.transfers if task.name in transfer.readers]
    if incoming:
        say()
        output.title("Brought for it")
        rows = [
            [each.key, each.origin, amount(BYTES.name, each.size_bytes), amount(TIME.name, each.seconds)]
            for each in incoming
        ]
        output.table(["WHAT", "FROM", "BYTES", "TIME"], rows)
    if task.alternatives:
        say()
        output.title("Elsewhere")
        objective = plan.cost[0].objective
        output.table(
            ["SITE", "WHERE"], [[each.site, _alternative(each, objective, plan.currency)] for each in task.alternatives]
        )
    if task.governance:
        say()
        output.title("It reads data of")
        for ref, governance in sorted(task.governance.items()):
            output.sentence(f"{ref}: {' '.join(governance_sentences(ref, governance))}")


def _alternative(alternative: Alternative, objective: str, currency: str) -> str:
    if alternative.denied is not None:
        return f"refused ({alternative.denied.rule}): {alternative.denied.message}"
    delta = alternative.cost_delta or 0.0
    sign = "-" if delta < 0 else "+"
    return f"possible: {objective} {sign}{amount(objective, abs(delta), currency)}"
