"""`kubectl dataset usage`: who reads which dataset since when, by the evidence of grants."""

from collections.abc import Mapping
from typing import Any

import click

from moorage.errors import ForbiddenError, NotFoundError
from moorage.evidence.line import Line
from moorage.evidence.selecting import Wanted
from moorage.evidence.usage import Reading, Usage, fold
from moorage.kube import DATASETS, Client
from moorage.kube.client import Selection
from moorage_cli.audit.asking import line_time, named, read_whence, whence_options
from moorage_cli.audit.commands import chosen_lines, tell_unreadable
from moorage_cli.audit.sources import questioned
from moorage_cli.connecting import target_of, target_options
from moorage_cli.output import MISSING, document, output_option, say, table
from moorage_cli.running import EXIT_CODES

HEADER = ("DATASET", "ACCOUNT", "PURPOSE", "SITE", "ACCESS", "PODS", "NOW", "SINCE", "LAST")
_TO_SECONDS = len("2026-11-30T06:20:11")

Users = Mapping[str, tuple[frozenset[str], bool]]
"""By dataset: the pods that hold it now, and whether these are all."""


@click.command(short_help="Show who reads a Dataset, since when.", epilog=EXIT_CODES)
@click.argument("name", required=False)
@click.option("--since", help="Only grants from then on: a time, or how long ago (30m, 24h, 7d).")
@output_option("table", "json")
@whence_options
@target_options
@click.pass_context
def usage(
    context: click.Context,
    /,
    *,
    name: str | None,
    since: str | None,
    output: str,
    **options: Any,  # noqa: ANN401 - what `whence_options` adds
) -> None:
    """Show which accounts were given a dataset: for which purpose, at which site, since when, and how many pods.

    NAME is NAMESPACE/NAME, or NAME with -n. Without it, all datasets are shown, or with -n those of that namespace. The
    command summarises the grants that `kubectl dataset audit` shows. NOW is the number of pods that have the data now,
    if you may read the Dataset.

    \b
    kubectl dataset usage
    kubectl dataset usage claims -n steward --since 30d
    """  # noqa: D301 - \b is what click needs
    target = target_of(context)
    dataset = named("NAME", name, target.namespace)
    wanted = Wanted(dataset=dataset, since=line_time(since))
    whence = read_whence(options)

    async def gather(client: Client | None) -> tuple[list[Line], int, Users]:
        users = {} if client is None else await _users(client, dataset, target.namespace or "")
        return *(await chosen_lines(client, whence, wanted)), users

    lines, unreadable, users = questioned(target, whence, gather)
    beginning = f"{target.namespace}/" if target.namespace is not None and dataset is None else ""
    found = {reading: usage for reading, usage in fold(lines).items() if reading.dataset.startswith(beginning)}
    if output == "json":
        document([_document(reading, usage, users) for reading, usage in found.items()], output)
    elif found:
        table(HEADER, [_row(reading, usage, users) for reading, usage in found.items()])
    else:
        say("Nobody was given that, as far as there is evidence.", err=True)
    tell_unreadable(unreadable)


async def _users(client: Client, dataset: str | None, namespace: str) -> Users:
    try:
        if dataset is not None:
            place, name = dataset.split("/")
            raws = [await client.get(DATASETS, name, place)]
        else:
            raws = await client.list(DATASETS, Selection(namespace=namespace))
    except (ForbiddenError, NotFoundError):
        return {}
    users = {}
    for raw in raws:
        metadata, status = raw["metadata"], raw.get("status") or {}
        pods = frozenset(map(str, status.get("inUseBy") or ()))
        users[f"{metadata['namespace']}/{metadata['name']}"] = pods, int(status.get("inUseCount") or 0) <= len(pods)
    return users


def _now(reading: Reading, usage: Usage, users: Users) -> tuple[int, bool] | None:
    """How many of these pods hold the data now, and whether that is all; None where the Dataset can't be read."""
    if reading.dataset not in users:
        return None
    pods, whole = users[reading.dataset]
    return len(pods & set(usage.pods.values())), whole


def _row(reading: Reading, usage: Usage, users: Users) -> list[str]:
    now = _now(reading, usage, users)
    count = MISSING if now is None else f"{'' if now[1] else 'at least '}{now[0]}"
    cells = (reading.dataset, reading.account, reading.purpose or MISSING, reading.site or MISSING, reading.access)
    return [*cells, str(len(usage.pods)), count, _moment(usage.first), _moment(usage.last)]


def _moment(time: str) -> str:
    return f"{time[:_TO_SECONDS]}Z"


def _document(reading: Reading, usage: Usage, users: Users) -> dict[str, Any]:
    now = _now(reading, usage, users)
    return {
        "dataset": reading.dataset,
        "account": reading.account,
        "purpose": reading.purpose or None,
        "site": reading.site or None,
        "access": reading.access,
        "pods": len(usage.pods),
        "podsNow": None if now is None else now[0],
        "podsNowWhole": None if now is None else now[1],
        "versions": sorted(usage.versions),
        "since": usage.first,
        "last": usage.last,
    }
