"""`describe`: everything that is known of one Dataset, its rules in words."""

from dataclasses import dataclass
from datetime import UTC, datetime

import click

from moorage import wire
from moorage.errors import ForbiddenError, InputError, NotFoundError
from moorage.kube import DATASETS, SITES, Client, RawObject
from moorage.model import Dataset, Site, partition_words
from moorage.objectives import format_bytes
from moorage.policy import decide_transfer
from moorage.sites import Inventory
from moorage_cli.completing import DatasetName
from moorage_cli.connecting import target_of, target_options
from moorage_cli.events import event_time, events_table, read_events
from moorage_cli.output import MISSING, age, document, output_option, pairs, say, sentence, table, title
from moorage_cli.sentences import access_sentence, amount, cache_sentence, governance_sentences, revocation_sentence

_EVENTS_SHOWN = 10
_USERS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Gathered:
    """What describing needs. `sites` is None where we may not see them."""

    raw: RawObject
    sites: tuple[Site, ...] | None
    events: list[RawObject]


@click.command(short_help="Show a Dataset: state, sources, schema, rules, users, events.")
@click.argument("name", type=DatasetName())
@output_option("text", "json", "yaml", "name")
@target_options
@click.pass_context
def describe(context: click.Context, *, name: str, output: str) -> int:
    """Show a Dataset: state, sources, schema, rules, users, events.

    Exit code 1 if it is not ready.

    \b
    kubectl dataset describe claims -n steward
    """  # noqa: D301 - \b is what click needs
    gathered = target_of(context).ask(lambda client, namespace: gather(client, namespace, name))
    ready = _condition(gathered.raw, "Ready").get("status") == "True"
    if output in {"json", "yaml"}:
        document(gathered.raw, output)
    elif output == "name":
        say(f"dataset.moorage.dev/{name}")
    else:
        _tell(gathered, datetime.now(tz=UTC))
    return 0 if ready else 1


async def gather(client: Client, namespace: str, name: str) -> Gathered:
    """Read the Dataset, the Sites and the Dataset's Events."""
    raw = await client.get(DATASETS, name, namespace)
    try:
        sites: tuple[Site, ...] | None = read_sites(await client.list(SITES))
    except (ForbiddenError, NotFoundError):
        sites = None
    try:
        events = await read_events(client, raw)
    except ForbiddenError:
        events = []
    return Gathered(raw, sites, events)


def read_sites(items: list[RawObject]) -> tuple[Site, ...]:
    """The Sites that can be understood; the others are told on stderr."""
    found: list[Site] = []
    for item in items:
        try:
            found.append(wire.read_site(item))
        except InputError as error:
            say(f"Warning: {error}", err=True)
    return tuple(found)


def _tell(gathered: Gathered, now: datetime) -> None:
    raw = gathered.raw
    metadata = raw["metadata"]
    title(f"Dataset {metadata['namespace']}/{metadata['name']}")
    entries = [(kind, _condition_words(_condition(raw, kind))) for kind in ("Ready", "Accessible", "Governed")]
    entries += [(kind, _condition_words(found)) for kind in ("Claimed",) if (found := _condition(raw, kind))]
    try:
        dataset = wire.read_dataset(raw)
    except InputError as error:
        pairs([*entries, ("Error", str(error))])
        return
    status = dataset.status
    if status.size_bytes is not None:
        entries.append(("Data", amount(status)))
    entries += [("Version", status.version or MISSING), ("Age", age(metadata.get("creationTimestamp"), now))]
    pairs(entries)
    _tell_sources(dataset)
    _tell_schema(dataset)
    _tell_partitions(dataset)
    _tell_snapshot(dataset)
    _tell_rules(dataset, gathered.sites)
    _tell_users(dataset)
    _tell_events(gathered.events, now)


def _condition(raw: RawObject, kind: str) -> RawObject:
    conditions: list[RawObject] = (raw.get("status") or {}).get("conditions") or []
    return next((condition for condition in conditions if condition.get("type") == kind), {})


def _condition_words(condition: RawObject) -> str:
    if not condition:
        return "Unknown: the operator has not looked at it yet"
    reason, message = condition.get("reason") or "", condition.get("message") or ""
    return f"{condition['status']} ({reason}){': ' if message else ''}{message}"


def _tell_sources(dataset: Dataset) -> None:
    seen = {status.site: status for status in dataset.status.sources}
    title("\nSources")
    rows, files = [], []
    for source in dataset.sources:
        status = seen.get(source.site) or (next(iter(seen.values()), None) if not source.site else None)
        size = MISSING if status is None or status.size_bytes is None else format_bytes(status.size_bytes)
        objects = MISSING if status is None or status.objects is None else str(status.objects)
        state = status.reason if status else "Unknown"
        site = source.site or (status.site if status and status.site else "(the only site)")
        rows.append([site, source.as_written.kind, source.as_written.words, state, objects, size])
        if source.declared is not None:
            files.append(f"{site}: its files are at {source.location.words}")
        elif status is not None and status.place:
            files.append(f"{site}: {source.as_written.words} leads to {status.place}")
    table(["SITE", "KIND", "WHERE", "STATE", "OBJECTS", "SIZE"], rows)
    for told in files:
        sentence(told)
    for status in dataset.status.sources:
        if not status.reachable and status.message:
            sentence(f"{status.site}: {status.message}")


def _tell_schema(dataset: Dataset) -> None:
    columns = dataset.status.columns
    if columns:
        title(f"\nSchema ({len(columns)} column{'' if len(columns) == 1 else 's'})")
        table(["COLUMN", "TYPE", "NULLABLE"], [[c.name, c.type, "yes" if c.nullable else "no"] for c in columns])


def _tell_partitions(dataset: Dataset) -> None:
    partitions = dataset.status.partitions
    if partitions is None:
        return
    words = partition_words(partitions)
    title(f"\n{words[0].upper()}{words[1:]}")
    more = (partitions.count or 0) - len(partitions.last)
    if more > 0 and partitions.last:
        say(f"  {more:,} earlier by name")
    for name in partitions.last:
        say(f"  {name}")


def _tell_snapshot(dataset: Dataset) -> None:
    snapshot = dataset.status.snapshot
    if snapshot is None:
        return
    title("\nSnapshot" + (" (pinned)" if snapshot.pinned else ""))
    pairs(
        [
            ("Id", MISSING if snapshot.id is None else str(snapshot.id)),
            ("Metadata", f"{snapshot.metadata}, in the table's folder"),
        ]
    )


def _tell_rules(dataset: Dataset, sites: tuple[Site, ...] | None) -> None:
    title("\nRules")
    for told in governance_sentences(dataset.ref, dataset.governance):
        sentence(f"- {told}")
    sentence(f"- {revocation_sentence(dataset.revocation)}")
    sentence(f"- {access_sentence(dataset)}")
    sentence(f"- {cache_sentence(dataset.cache)}")
    if sites is None:
        return
    inventory = Inventory.of(sites)
    rows = []
    for name in sorted(inventory.sites):
        decision = decide_transfer(dataset.ref, dataset, inventory.place(name), inventory)
        rows.append([name, "allowed" if decision.allowed else f"refused: {decision.rule}"])
    if rows:
        title("\nSites, by the rules on places alone")
        table(["SITE", "DECISION"], rows)


def _tell_users(dataset: Dataset) -> None:
    users = dataset.status.in_use_by
    count = dataset.status.in_use_count
    title(f"\nUsed by {count or 'no'} pod{'' if count == 1 else 's'}")
    for user in users[:_USERS_SHOWN]:
        say(f"  {user}")
    if count > _USERS_SHOWN:
        say(f"  and {count - min(len(users), _USERS_SHOWN)} more")


def _tell_events(events: list[RawObject], now: datetime) -> None:
    if not events:
        return
    title("\nEvents")
    events_table(sorted(events, key=event_time)[-_EVENTS_SHOWN:], now)
