"""`create`: a Dataset from options."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import click

from moorage import wire
from moorage.access import Access
from moorage.caching import CacheMode
from moorage.errors import ForbiddenError, NotFoundError
from moorage.kube import DATASETS, SITES, Client, RawObject
from moorage.model import Classification
from moorage.sites import Inventory
from moorage.sources import SPEC_KINDS, Option
from moorage_cli.completing import DatasetName
from moorage_cli.connecting import target_of, target_options
from moorage_cli.describing import read_sites
from moorage_cli.manifests import Options, check, manifest
from moorage_cli.output import document, output_option, say
from moorage_cli.running import REFUSED
from moorage_cli.sentences import amount

_POLL_SECONDS = 0.5

Command = TypeVar("Command", bound=Callable[..., Any])


def source_options(command: Command) -> Command:
    """The options of every kind of source, in the table's order."""
    options = [option for kind in SPEC_KINDS.values() for option in kind.options]
    for option in reversed(options):
        declare = click.option(
            option.flag, _parameter(option), multiple=True, metavar=option.metavar or None, help=option.help
        )
        command = declare(command)
    return command


def _parameter(option: Option) -> str:
    return "of_source_" + option.flag.strip("-").replace("-", "_")


def _options(namespace: str, given: dict[str, Any]) -> Options:
    flags = {_parameter(option): option.flag for kind in SPEC_KINDS.values() for option in kind.options}
    rest = {name: value for name, value in given.items() if name not in flags}
    return Options(namespace=namespace, of_sources={flags[name]: given[name] for name in given.keys() & flags}, **rest)


@click.command(short_help="Create a Dataset from options.")
@click.argument("name", type=DatasetName())
@click.option("--site", "sites", multiple=True, required=True, help="A site with a full copy; repeat it for each copy.")
@source_options
@click.option("--classification", type=click.Choice([c.word for c in Classification]), help="How sensitive it is.")
@click.option("--residency", multiple=True, help="Where it must stay: DE, US-CA, EU, EEA; commas or repeated.")
@click.option("--allow-site", "allow_sites", multiple=True, help="The only sites that may read it.")
@click.option("--deny-site", "deny_sites", multiple=True, help="Sites that may not read it.")
@click.option("--purpose", "purposes", multiple=True, help="What it may be used for.")
@click.option("--consumer", "consumers", multiple=True, help="Who may read it: namespace, or namespace/serviceaccount.")
@click.option("--access", type=click.Choice([access.value for access in Access]), help="Whether pods may write to it.")
@click.option("--writer", "writers", multiple=True, help="Who may write to it: namespace, or namespace/serviceaccount.")
@click.option("--confidential-compute", is_flag=True, help="Only nodes with confidential computing may read it.")
@click.option("--cache", type=click.Choice([mode.value for mode in CacheMode]), help="Whether nodes keep copies.")
@click.option("--cache-size", metavar="QUANTITY", help="The maximum size of one copy, for example 10Gi.")
@click.option(
    "--dry-run",
    is_flag=False,
    flag_value="client",
    type=click.Choice(["client", "server"]),
    help="Create nothing; print the Dataset (client), or let the API server validate it too (server).",
)
@click.option("--wait", "wait_seconds", type=float, metavar="SECONDS", help="Wait this long for it to be Ready.")
@output_option("message", "yaml", "json", "name")
@target_options
@click.pass_context
def create(
    context: click.Context,
    /,
    *,
    dry_run: str | None,
    wait_seconds: float | None,
    output: str,
    **given: Any,  # noqa: ANN401 - click's
) -> int:
    """Create a Dataset.

    With several sites, give each option of the source either once for all sites, or once per site in the same order.

    \b
    kubectl dataset create claims -n steward --site eu-1 --s3-endpoint https://s3.eu-1.example.com \\
        --bucket insurance --prefix claims/ --secret s3-keys --residency EU --purpose research --consumer fraud
    kubectl dataset create claims --site eu-1 --nfs nfs.example.com:/claims --dry-run -o yaml
    kubectl dataset create orders --site eu-1 --iceberg-catalogue https://catalogue.example.com \\
        --iceberg-table sales.orders --s3-endpoint https://s3.eu-1.example.com --bucket lake --secret lake-keys
    """  # noqa: D301 - \b is what click needs
    target = target_of(context)
    if dry_run == "client" and target.namespace:  # nothing of the cluster is needed
        raw = manifest(_options(target.namespace, given))
        _print(raw, output, "created (dry run)")
        return 0

    async def send(client: Client, namespace: str) -> tuple[RawObject, list[str]]:
        raw = manifest(_options(namespace, given))
        if dry_run == "client":
            return raw, []
        warnings = await _warn(client, raw)
        return await client.create(DATASETS, raw, dry_run=dry_run == "server"), warnings

    made, warnings = target.ask(send)
    made.get("metadata", {}).pop("managedFields", None)
    for warning in warnings:
        say(f"Warning: {warning}", err=True)
    _print(made, output, f"created ({dry_run} dry run)" if dry_run else "created")
    if wait_seconds is None or dry_run:
        return 0
    return target.ask(lambda client, namespace: _wait(client, namespace, given["name"], wait_seconds))


async def _warn(client: Client, raw: RawObject) -> list[str]:
    """What the API server will not refuse and is no good all the same."""
    dataset = check(raw, "Dataset")
    try:
        inventory = Inventory.of(read_sites(await client.list(SITES)))
    except (ForbiddenError, NotFoundError):
        return []
    named = sorted({source.site for source in dataset.sources} - set(inventory.sites))
    known = ", ".join(sorted(inventory.sites)) or "none"
    return [f"spec.sources: site {name} is not known (known sites: {known}): create the Site" for name in named]


async def _wait(client: Client, namespace: str, name: str, seconds: float) -> int:
    """Wait until the operator has a word; 0 where it is Ready."""
    said = "the operator has not looked at it: is it running?"
    try:
        async with asyncio.timeout(seconds):
            while True:
                raw = await client.get(DATASETS, name, namespace)
                for condition in (raw.get("status") or {}).get("conditions") or ():
                    if condition.get("type") == "Ready":
                        said = f"{condition.get('reason')}: {condition.get('message') or ''}"
                        if condition.get("status") == "True":
                            say(f"ready: {amount(wire.read_dataset(raw).status)}", err=True)
                            return 0
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError:
        say(f"Error: not ready after {seconds:g} s: {said}", err=True)
        return REFUSED


def _print(raw: RawObject, output: str, done: str) -> None:
    if output in {"json", "yaml"}:
        document(raw, output)
        return
    name = f"dataset.moorage.dev/{raw['metadata']['name']}"
    say(name if output == "name" else f"{name} {done}")
