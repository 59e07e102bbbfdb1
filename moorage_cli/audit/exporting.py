"""`audit export`: grants as OpenLineage events, for catalogues of lineage."""

from typing import Any

import click
import orjson

from moorage.evidence.selecting import Wanted
from moorage_cli.audit.asking import line_time, named, read_whence, whence_options
from moorage_cli.audit.commands import chosen_lines, tell_unreadable
from moorage_cli.audit.lineage import run_event
from moorage_cli.audit.sources import questioned
from moorage_cli.connecting import target_of, target_options
from moorage_cli.output import say
from moorage_cli.running import EXIT_CODES


@click.command("export", short_help="Print grants as OpenLineage events.", epilog=EXIT_CODES)
@click.option("--dataset", help="Only grants of this Dataset: NAMESPACE/NAME, or NAME with -n.")
@click.option("--pod", help="Only grants to this pod: NAMESPACE/NAME, or NAME with -n.")
@click.option("--since", help="Only grants from then on: a time, or how long ago (30m, 24h, 7d).")
@whence_options
@target_options
@click.pass_context
def export(
    context: click.Context,
    /,
    *,
    dataset: str | None,
    pod: str | None,
    since: str | None,
    **options: Any,  # noqa: ANN401 - what `whence_options` adds
) -> None:
    """Print each grant as an OpenLineage run event (specification 2-0-2), one per line, for POST /api/v1/lineage.

    The pod's uid is the run. The data is its input, named as OpenLineage specifies, with its version.

    \b
    kubectl dataset audit export --since 24h > events.jsonl
    """  # noqa: D301 - \b is what click needs
    target = target_of(context)
    wanted = Wanted(
        dataset=named("--dataset", dataset, target.namespace),
        pod=named("--pod", pod, target.namespace),
        since=line_time(since),
    )
    whence = read_whence(options)

    found, unreadable = questioned(target, whence, lambda client: chosen_lines(client, whence, wanted))
    for line in found:
        if (event := run_event(line)) is not None:
            say(orjson.dumps(event).decode())
    tell_unreadable(unreadable)
