"""`moorage migrate`: Datashim's objects, in a file or in a cluster, as Moorage's."""

from dataclasses import replace
from pathlib import Path

import click
import yaml

from moorage.errors import UnreachableError
from moorage.kube import Client
from moorage_cli.connecting import Target, target_of, target_options
from moorage_cli.datashim import GROUPS
from moorage_cli.migrating.applying import FIELD_MANAGER, apply_all
from moorage_cli.migrating.conversion import Conversion, convert_all
from moorage_cli.migrating.finding import look, users
from moorage_cli.migrating.users import told_of
from moorage_cli.object_files import read_objects
from moorage_cli.output import say
from moorage_cli.running import REFUSED, UNREACHABLE, UNUSABLE

MOST_TOLD = 200
"""Sentences about pods and workloads; the rest is counted."""
_NEXT = (
    "Next: apply the Datasets, delete Datashim's (but none with remove-on-delete, whose bucket would go), uninstall "
    "Datashim, and create the pods again."
)


@click.command("migrate", short_help="Convert Datashim's objects to Moorage's.")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--cluster", is_flag=True, help="Read Datashim's objects from the cluster: in all namespaces, or in -n.")
@click.option("--site", help="The Site that has the data [default: the only Site].")
@click.option("--apply", "applies", is_flag=True, help="Apply the Datasets (server-side) instead of printing them.")
@click.option("--dry-run", is_flag=True, help="With --apply: have the API server check them and store nothing.")
@target_options
@click.pass_context
def migrate(  # noqa: PLR0913 - an option each
    context: click.Context, *, file: Path | None, cluster: bool, site: str | None, applies: bool, dry_run: bool
) -> int:
    """Convert Datashim's objects (datashim.io, com.ie.ibm.hpsys) in a FILE or a cluster to Moorage's Datasets.

    The command prints Datasets to stdout, or applies them with --apply. On stderr it lists what changed, what it can't
    convert and, with --cluster, the affected pods and workloads. It never changes Datashim's objects.

    --apply does not touch Datasets that no migration made, or fields that were changed since.

    Exit code 2 if a Dataset is unusable as it is. The command prints it for you to correct and never applies it.

    \b
    moorage migrate --cluster --site eu-1 > datasets.yaml
    moorage migrate --cluster --site eu-1 --apply --dry-run
    moorage migrate datashim.yaml --site eu-1
    """  # noqa: D301 - \b is what click needs
    if cluster == (file is not None):
        raise click.UsageError("say where Datashim's objects are: a FILE (`-` is standard input), or --cluster")
    if dry_run and not applies:
        raise click.UsageError("--dry-run goes with --apply: without it nothing is stored anyway")
    target = target_of(context)
    if file is not None:
        conversion = convert_all(read_objects(file), site)
    else:
        found = target.ask(lambda client, _: _of_cluster(client, target.namespace or "", site))
        if found is None:
            say(f"{' and '.join(sorted(GROUPS))}: the cluster has neither: there is nothing to migrate", err=True)
            return 0
        conversion = found
    tell(conversion)
    if not conversion.datasets and not conversion.problems:
        say("There is no Dataset of Datashim's: nothing was converted.", err=True)
        return 0
    code = _apply(target, conversion, dry_run=dry_run) if applies else print_objects(conversion, datasets_only=cluster)
    if cluster:
        say(_NEXT, err=True)
    return code


def tell(conversion: Conversion) -> None:
    """What changed, and what can't be used."""
    for note in (*conversion.notes, *conversion.problems):
        say(note, err=True)


def print_objects(conversion: Conversion, *, datasets_only: bool = False) -> int:
    """Print what is to be applied; the exit code."""
    printed = [raw for raw in conversion.objects if not datasets_only or raw.get("kind") == "Dataset"]
    if printed:
        say(yaml.safe_dump_all(printed, sort_keys=False, allow_unicode=True).rstrip("\n"))
    return UNUSABLE if conversion.problems else 0


async def _of_cluster(client: Client, namespace: str, site: str | None) -> Conversion | None:
    """The conversion with what pods would notice among its notes; None where Datashim is not there."""
    cluster = await look(client, namespace)
    if not cluster.groups:
        return None
    conversion = convert_all(cluster.raws, site)
    if not conversion.datasets and not conversion.problems:
        return conversion
    unread = list(cluster.unread)
    told: list[str] = []
    more = 0
    async for raw in users(client, namespace, unread):
        sentences = told_of(raw, conversion.datasets, cluster.existing, cluster.monitored)
        room = max(0, MOST_TOLD - len(told))
        told += sentences[:room]
        more += len(sentences[room:])
    rest = [f"... and {more} more about pods and workloads"] if more else []
    return replace(conversion, notes=(*conversion.notes, *told, *rest, *unread))


def _apply(target: Target, conversion: Conversion, *, dry_run: bool) -> int:
    """Apply the Datasets that can be used; the exit code."""

    async def send(client: Client, namespace: str) -> int:
        client.field_manager = FIELD_MANAGER
        placed = [{**raw, "metadata": {"namespace": namespace, **raw["metadata"]}} for raw in conversion.usable]
        failed = await apply_all(client, placed, dry_run=dry_run)
        if any(isinstance(error, UnreachableError) for error in failed):
            return UNREACHABLE
        return REFUSED if failed else 0

    return target.ask(send) or (UNUSABLE if conversion.problems else 0)
