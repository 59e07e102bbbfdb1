"""`moorage runs`: list, show, approve, cancel and retry StretchedPipelines."""

from datetime import datetime
from typing import Any

import click

from moorage.errors import InputError, MoorageError
from moorage.kube import STRETCHED_PIPELINES, Client, RawObject
from moorage.runs.phases import RunPhase
from moorage_cli.connecting import target_of, target_options
from moorage_cli.lazy import LazyGroup
from moorage_cli.many import show_all
from moorage_cli.output import MISSING, age, document, output_option, printable, say
from moorage_cli.running import EXIT_CODES
from moorage_cli.runs.drawing import print_picture
from moorage_cli.runs.following import follow
from moorage_cli.runs.submitting import EXIT_CODES as RUN_EXIT_CODES
from moorage_cli.runs.telling import cost_of, exit_code, next_steps, phase_of

HEADER = ("NAME", "PHASE", "GROUPS", "COST", "AGE", "MESSAGE")

runs = LazyGroup(
    "runs",
    commands_at={
        "logs": "moorage_cli.runs.logs:logs",
        "hints": "moorage_cli.runs.hints:hints",
        "report": "moorage_cli.runs.reporting:report",
    },
    short_help="List, follow and control runs of pipelines.",
    help="Runs of pipelines across sites: list them, follow them, read their logs, approve, cancel and retry them.",
    epilog=EXIT_CODES,
)


@runs.command("list")
@click.option("-A", "--all-namespaces", is_flag=True, help="In all namespaces.")
@output_option("table", "json", "yaml", "name")
@target_options
@click.pass_context
def list_runs(context: click.Context, *, all_namespaces: bool, output: str) -> None:
    """List runs.

    \b
    moorage runs list -n fraud
    moorage runs list -A -o json
    """  # noqa: D301 - \b is what click needs
    show_all(context, STRETCHED_PIPELINES, output, HEADER, row, all_namespaces=all_namespaces, called="runs")


def row(item: RawObject, now: datetime) -> list[str]:
    """A run in a table, its namespace first. Pure."""
    metadata, status = item["metadata"], item.get("status") or {}
    return [
        metadata.get("namespace", ""),
        metadata["name"],
        phase_of(status).value,
        str(status.get("groupsDone") or MISSING),
        cost_of(status) or MISSING,
        age(metadata.get("creationTimestamp"), now),
        str(status.get("message") or ""),
    ]


@runs.command("show", epilog=RUN_EXIT_CODES)
@click.argument("name")
@click.option("-f", "--follow", "following", is_flag=True, help="Continue until the run has ended.")
@output_option("tree", "json", "yaml")
@target_options
@click.pass_context
def show(context: click.Context, *, name: str, following: bool, output: str) -> int:
    """Show a run: its groups, their tasks, and what they wait for. The exit code says how it ended; 0 while it runs.

    \b
    moorage runs show nightly-3f2a91 -n fraud
    moorage runs show nightly-3f2a91 -n fraud --follow
    """  # noqa: D301 - \b is what click needs
    if following and output != "tree":
        raise InputError("--output", output, "can't be followed: leave out --follow")
    target = target_of(context)
    if following:
        return target.ask(lambda client, namespace: follow(client, namespace, name))
    found = target.ask(lambda client, namespace: client.get(STRETCHED_PIPELINES, name, namespace))
    status = found.get("status") or {}
    if output != "tree":
        document(found, output)
    else:
        print_picture(name, status)
        for step in next_steps(status, name, found["metadata"]["namespace"]):
            say(step, err=True)
    phase = phase_of(status)
    return exit_code(phase) if phase.is_final else 0


@runs.command()
@click.argument("name")
@click.option("--plan", "digest", help="The digest of the plan [default: the waiting one].")
@target_options
@click.pass_context
def approve(context: click.Context, *, name: str, digest: str | None) -> None:
    """Approve the plan of a run that waits for approval.

    \b
    moorage runs approve nightly-3f2a91 -n fraud
    """  # noqa: D301 - \b is what click needs

    async def change(client: Client, namespace: str) -> str:
        found = await client.get(STRETCHED_PIPELINES, name, namespace)
        _refuse_ended(found, "there is no plan to approve")
        if (found.get("spec") or {}).get("approval") != "manual":
            raise MoorageError(f"StretchedPipeline {namespace}/{name} waits for no approval: its plans run at once")
        waiting = str(((found.get("status") or {}).get("plan") or {}).get("digest") or "")
        chosen = digest or waiting
        if not chosen:
            raise InputError(f"StretchedPipeline {namespace}/{name}", "status.plan", "is not there yet: try again soon")
        if waiting and not waiting.startswith(chosen):
            problem = f"is {waiting[:12]}, not {chosen[:12]}: look at it, and approve that one"
            raise InputError(f"StretchedPipeline {namespace}/{name}", "status.plan.digest", problem)
        await _patch(client, namespace, name, {"approvedPlan": waiting or chosen})
        return waiting or chosen

    approved = target_of(context).ask(change)
    say(f"stretchedpipeline.moorage.dev/{name}: plan {printable(approved[:12])} approved")


@runs.command()
@click.argument("name")
@target_options
@click.pass_context
def cancel(context: click.Context, *, name: str) -> None:
    """Cancel a run. This can't be undone. The outputs of its tasks stay in the stores.

    \b
    moorage runs cancel nightly-3f2a91 -n fraud
    """  # noqa: D301 - \b is what click needs

    async def change(client: Client, namespace: str) -> None:
        _refuse_ended(await client.get(STRETCHED_PIPELINES, name, namespace), "there is nothing to cancel")
        await _patch(client, namespace, name, {"cancel": True})

    target_of(context).ask(change)
    say(f"stretchedpipeline.moorage.dev/{name} will be cancelled")


@runs.command()
@click.argument("name")
@target_options
@click.pass_context
def retry(context: click.Context, *, name: str) -> None:
    """Retry what failed in a run. Groups and tasks that succeeded don't run again.

    \b
    moorage runs retry nightly-3f2a91 -n fraud
    """  # noqa: D301 - \b is what click needs

    async def change(client: Client, namespace: str) -> None:
        found = await client.get(STRETCHED_PIPELINES, name, namespace)
        _refuse_retry(found)
        retries = int((found.get("spec") or {}).get("retries") or 0)
        await _patch(client, namespace, name, {"retries": retries + 1})

    target_of(context).ask(change)
    say(f"stretchedpipeline.moorage.dev/{name} goes on from what failed")


def _refuse_ended(found: RawObject, told: str) -> None:
    """The hub does nothing with a run that has ended, so nothing is promised.

    Raises:
        MoorageError: it has ended.
    """
    phase = phase_of(found.get("status") or {})
    if phase.is_final:
        metadata = found["metadata"]
        subject = f"StretchedPipeline {metadata['namespace']}/{metadata['name']}"
        raise MoorageError(f"{subject} has ended ({phase}): {told}")


def _refuse_retry(found: RawObject) -> None:
    """The hub goes on only with what failed, and only from what is still in the stores.

    Raises:
        MoorageError: it can't go on.
    """
    status = found.get("status") or {}
    phase = phase_of(status)
    subject = f"StretchedPipeline {found['metadata']['namespace']}/{found['metadata']['name']}"
    if phase not in {RunPhase.FAILED, RunPhase.INFEASIBLE}:
        otherwise = "; to run its pipeline again, create another run" if phase.is_final else ""
        raise MoorageError(f"{subject} is {phase}: only a run that failed can go on{otherwise}")
    if status.get("expired"):
        raise MoorageError(f"{subject} can't go on: what it left in the stores was deleted. Create another run")


async def _patch(client: Client, namespace: str, name: str, spec: dict[str, Any]) -> None:
    about = {"name": name, "namespace": namespace}
    await client.merge_patch(STRETCHED_PIPELINES, {"metadata": about, "spec": spec})
