"""`events`: the Events of a Dataset, oldest first."""

from datetime import UTC, datetime

import click

from moorage.kube import DATASETS, EVENTS, Client, RawObject
from moorage.kube.client import Selection
from moorage_cli.completing import DatasetName
from moorage_cli.connecting import target_of, target_options
from moorage_cli.output import age, document, listed, output_option, say, table


@click.command(short_help="List the Events of a Dataset.")
@click.argument("name", type=DatasetName())
@output_option("table", "json", "yaml")
@target_options
@click.pass_context
def events(context: click.Context, *, name: str, output: str) -> None:
    """List the Events of a Dataset, oldest first.

    \b
    kubectl dataset events claims -n steward
    """  # noqa: D301 - \b is what click needs

    async def gather(client: Client, namespace: str) -> list[RawObject]:
        return await read_events(client, await client.get(DATASETS, name, namespace))

    found = sorted(target_of(context).ask(gather), key=event_time)
    if output in {"json", "yaml"}:
        document(listed(found), output)
    elif found:
        events_table(found, datetime.now(tz=UTC))
    else:
        say(f"No events of dataset {name}.", err=True)


async def read_events(client: Client, raw: RawObject) -> list[RawObject]:
    """The Events of a Dataset.

    Raises:
        ForbiddenError: the person may not list Events there.
    """
    fields = f"regarding.kind=Dataset,regarding.uid={raw['metadata']['uid']}"
    return await client.list(EVENTS, Selection(namespace=raw["metadata"]["namespace"], fields=fields))


def events_table(found: list[RawObject], now: datetime) -> None:
    """Print Events in the order given."""
    rows = [
        [age(event_time(event), now), str(event.get("type")), str(event.get("reason")), str(event.get("note") or "")]
        for event in found
    ]
    table(["LAST SEEN", "TYPE", "REASON", "MESSAGE"], rows)


def event_time(event: RawObject) -> str:
    """When an Event was last seen, RFC 3339; empty where it does not say."""
    series = event.get("series") or {}
    moment = series.get("lastObservedTime") or event.get("deprecatedLastTimestamp") or event.get("eventTime")
    return str(moment or (event.get("metadata") or {}).get("creationTimestamp") or "")
