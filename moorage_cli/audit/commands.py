"""`kubectl dataset audit`: what was granted, refused and moved."""

from typing import Any

import click
from click.core import ParameterSource

from moorage.errors import InputError
from moorage.evidence.line import Line, read_line
from moorage.evidence.selecting import Wanted
from moorage.kube import Client
from moorage_cli.audit.asking import Whence, line_time, named, read_whence, whence_options
from moorage_cli.audit.sources import opened, published, questioned
from moorage_cli.connecting import target_of, target_options
from moorage_cli.lazy import LazyGroup
from moorage_cli.output import MISSING, document, output_option, say, table
from moorage_cli.running import EXIT_CODES

HEADER = ("TIME", "EVENT", "DATASET", "POD", "ACCOUNT", "PURPOSE", "NODE", "SITE", "VERSION", "ACCESS", "RULE")
_SHORT = 12


@click.group(
    cls=LazyGroup,
    commands_at={
        "verify": "moorage_cli.audit.proving:verify_lines",
        "head": "moorage_cli.audit.proving:head",
        "keys": "moorage_cli.audit.proving:keys",
        "export": "moorage_cli.audit.exporting:export",
    },
    invoke_without_command=True,
    short_help="Show what was granted and refused, and prove it.",
    epilog=EXIT_CODES,
)
@click.option("--dataset", help="Only lines about this Dataset: NAMESPACE/NAME, or NAME with -n.")
@click.option("--pod", help="Only lines about this pod: NAMESPACE/NAME, or NAME with -n.")
@click.option("--run", "run_name", help="Only transfers of this run: NAMESPACE/NAME, or NAME with -n.")
@click.option("--since", help="Only lines from then on: a time, or how long ago (30m, 24h, 7d).")
@click.option("--chains", is_flag=True, help="Also lines about the chains themselves: begun, sealed, ended.")
@output_option("table", "json")
@whence_options
@target_options
@click.pass_context
def audit(  # noqa: PLR0913 - one parameter for each option
    context: click.Context,
    /,
    *,
    dataset: str | None,
    pod: str | None,
    run_name: str | None,
    since: str | None,
    chains: bool,
    output: str,
    **options: Any,  # noqa: ANN401 - what `whence_options` adds
) -> None:
    """Show the evidence that Moorage records: who was granted or refused which dataset, where, and by which rule.

    Lines come from the store that the chart's evidence.store names. It is read with the keys in the cluster's Secret if
    you may read it, otherwise with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. This command proves nothing: use
    `verify`.

    \b
    kubectl dataset audit --dataset steward/claims --since 7d
    kubectl logs -n moorage-system -l app.kubernetes.io/component=broker --prefix --tail=-1 > broker.log
    kubectl dataset audit --file broker.log
    kubectl dataset audit verify
    """  # noqa: D301 - \b is what click needs
    if context.invoked_subcommand is not None:
        _refuse_misplaced(context)
        return
    target = target_of(context)
    wanted = Wanted(
        dataset=named("--dataset", dataset, target.namespace),
        pod=named("--pod", pod, target.namespace),
        run=named("--run", run_name, target.namespace),
        since=line_time(since),
        chains=chains,
    )
    whence = read_whence(options)

    found, unreadable = questioned(target, whence, lambda client: chosen_lines(client, whence, wanted))
    _tell(found, output)
    tell_unreadable(unreadable)


async def chosen_lines(client: Client | None, whence: Whence, wanted: Wanted) -> tuple[list[Line], int]:
    """The lines that are wanted, by time, and how many can't be read.

    Args:
        client: where the cluster says where lines are.
        whence: what the options say.
        wanted: which ones.
    """
    found: list[Line] = []
    unreadable = 0
    told = None if client is None else await published(client, whence.system_namespace)
    async with opened(client, whence, told) as lines:
        async for entry in lines.entries():
            try:
                line = read_line(entry.raw)
            except InputError:
                unreadable += 1
                continue
            if wanted(line):
                found.append(line)
    return sorted(found, key=lambda line: (line.time, line.chain, line.sequence)), unreadable


def tell_unreadable(count: int) -> None:
    """Say that lines were passed over, where some were."""
    if count:
        say(f"{count} line{'' if count == 1 else 's'} can't be read: see `kubectl dataset audit verify`.", err=True)


def _tell(found: list[Line], output: str) -> None:
    if output == "json":
        document([line.document() for line in found], output)
    elif not found:
        say("No line of evidence is about that.", err=True)
    else:
        reasons = any(line.event.reason for line in found)
        header = (*HEADER, "MESSAGE") if reasons else HEADER
        table(header, [row(line)[: len(header)] for line in found])


def row(line: Line) -> list[str]:
    """A line in a table."""
    event = line.event
    # Of a transfer: what of which run goes where.
    told = (
        event.dataset or event.artifact,
        event.pod or event.run,
        event.account,
        event.purpose,
        event.node,
        event.site,
    )
    version = (event.version or "")[:_SHORT]
    cells = [line.time, event.what.value, *told, version, event.access, event.rule]
    return [*(cell or MISSING for cell in cells), event.reason or ""]


def _refuse_misplaced(context: click.Context) -> None:
    """Options before the name of a subcommand would be read by nobody."""
    for parameter in context.command.params:
        name = parameter.name or ""
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            problem = f"stands before {context.invoked_subcommand}: write it after that"
            raise InputError("kubectl dataset audit", parameter.opts[-1], problem)
