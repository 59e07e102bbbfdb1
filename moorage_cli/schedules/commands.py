"""`moorage schedules`: list, show, pause, resume and delete PipelineSchedules."""

from datetime import UTC, datetime

import click

from moorage.kube import PIPELINE_SCHEDULES, STRETCHED_PIPELINES, Client, RawObject
from moorage.kube.client import Selection
from moorage.runs.schedules import SCHEDULE_LABEL
from moorage_cli.connecting import target_of, target_options
from moorage_cli.lazy import LazyGroup
from moorage_cli.many import delete_each, show_all
from moorage_cli.output import document, output_option, pairs, say, table, title
from moorage_cli.running import EXIT_CODES, REFUSED
from moorage_cli.runs.commands import HEADER as RUNS_HEADER
from moorage_cli.runs.commands import row as run_row
from moorage_cli.schedules.telling import NOT_READY, facts, next_times, row, state_of

HEADER = ("NAME", "WHEN", "STATE", "NEXT", "LAST", "ACTIVE", "AGE", "MESSAGE")
_MOST_SHOWN = 20

schedules = LazyGroup(
    "schedules",
    commands_at={"create": "moorage_cli.schedules.creating:create"},
    help="Pipelines that run at given times, or when a Dataset has a new version.",
    short_help="Run pipelines at given times, or on new data.",
    epilog=EXIT_CODES,
)


@schedules.command("list")
@click.option("-A", "--all-namespaces", is_flag=True, help="In all namespaces.")
@output_option("table", "json", "yaml", "name")
@target_options
@click.pass_context
def list_schedules(context: click.Context, *, all_namespaces: bool, output: str) -> None:
    """List schedules: when each runs, when it is due next, and whether it can create runs.

    \b
    moorage schedules list -n fraud
    moorage schedules list -A -o json
    """  # noqa: D301 - \b is what click needs
    show_all(context, PIPELINE_SCHEDULES, output, HEADER, row, all_namespaces=all_namespaces, called="schedules")


@schedules.command("show", epilog=EXIT_CODES)
@click.argument("name")
@output_option("text", "json", "yaml")
@target_options
@click.pass_context
def show(context: click.Context, *, name: str, output: str) -> int:
    """Show a schedule: when it is due, its triggers, and its runs. Exit code 1 if it can't create runs.

    \b
    moorage schedules show nightly -n fraud
    """  # noqa: D301 - \b is what click needs

    async def gather(client: Client, namespace: str) -> tuple[RawObject, list[RawObject]]:
        raw = await client.get(PIPELINE_SCHEDULES, name, namespace)
        mine = Selection(namespace=namespace, labels=f"{SCHEDULE_LABEL}={raw['metadata']['uid']}")
        return raw, await client.list(STRETCHED_PIPELINES, mine)

    raw, made = target_of(context).ask(gather)
    if output != "text":
        document(raw, output)
    else:
        now = datetime.now(tz=UTC)
        title(f"{raw['metadata']['name']} in namespace {raw['metadata']['namespace']}")
        pairs(facts(raw, now))
        if made:
            title("\nRuns")
            made.sort(key=lambda each: (each["metadata"]["creationTimestamp"], each["metadata"]["name"]), reverse=True)
            table(RUNS_HEADER, [run_row(each, now)[1:] for each in made[:_MOST_SHOWN]])
            if len(made) > _MOST_SHOWN:
                say(f"... and {len(made) - _MOST_SHOWN} earlier ones: moorage runs list")
        else:
            say("It has made no run that is still there.")
    return REFUSED if state_of(raw) == NOT_READY else 0


@schedules.command()
@click.argument("name")
@target_options
@click.pass_context
def pause(context: click.Context, *, name: str) -> None:
    """Pause a schedule, so that it creates no more runs. Existing runs continue.

    \b
    moorage schedules pause nightly -n fraud
    """  # noqa: D301 - \b is what click needs
    target_of(context).ask(lambda client, namespace: _suspend(client, namespace, name, suspend=True))
    say(f"pipelineschedule.moorage.dev/{name} makes no runs until it is resumed")


@schedules.command()
@click.argument("name")
@target_options
@click.pass_context
def resume(context: click.Context, *, name: str) -> None:
    """Resume a paused schedule. Times that passed meanwhile are not caught up.

    \b
    moorage schedules resume nightly -n fraud
    """  # noqa: D301 - \b is what click needs
    raw = target_of(context).ask(lambda client, namespace: _suspend(client, namespace, name, suspend=False))
    due = next_times(raw, datetime.now(tz=UTC), 1)
    say(f"pipelineschedule.moorage.dev/{name} makes runs again{f': the next at {due[0]}' if due else ''}")


@schedules.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@target_options
@click.pass_context
def delete(context: click.Context, *, names: tuple[str, ...]) -> int:
    """Delete schedules. Their runs stay and continue (`moorage runs cancel` cancels one).

    \b
    moorage schedules delete nightly -n fraud
    """  # noqa: D301 - \b is what click needs

    async def remove(client: Client, namespace: str, name: str) -> None:
        await client.delete(PIPELINE_SCHEDULES, name, namespace)

    return delete_each(
        context, names, remove, lambda name: f"pipelineschedule.moorage.dev/{name} deleted; its runs stay"
    )


async def _suspend(client: Client, namespace: str, name: str, *, suspend: bool) -> RawObject:
    about = {"name": name, "namespace": namespace}
    return await client.merge_patch(PIPELINE_SCHEDULES, {"metadata": about, "spec": {"suspend": suspend}})
