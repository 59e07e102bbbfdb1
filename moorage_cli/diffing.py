"""`diff`: what applying a file would change for readers and writers."""

from pathlib import Path
from typing import Any

import click

from moorage import wire
from moorage.errors import ForbiddenError, InputError, KubeError, NotFoundError, UnreachableError
from moorage.kube import DATASETS, SITES, Client
from moorage.model import Dataset
from moorage.sites import Inventory
from moorage_cli.connecting import target_of, target_options
from moorage_cli.describing import read_sites
from moorage_cli.differences import differences
from moorage_cli.manifests import check
from moorage_cli.object_files import read_objects
from moorage_cli.output import say, title
from moorage_cli.running import UNUSABLE

_DIFFERENT = 1


@click.command(short_help="Tell what applying a file would change for readers and writers.")
@click.option(
    "-f",
    "--filename",
    "file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="A file with Datasets; `-` is standard input. Other objects are ignored.",
)
@target_options
@click.pass_context
def diff(context: click.Context, *, file: Path) -> int:
    """Show what applying a file would change for readers and writers, in sentences.

    Lines with `-` are true now and would no longer be; lines with `+` would become true. The file's spec is compared as
    a whole: what is not in the file counts as absent.

    Exit codes, like those of `kubectl diff`: 0 no differences; 1 differences; 2 or more an error.

    \b
    kubectl dataset diff -f datasets.yaml
    """  # noqa: D301 - \b is what click needs
    wanted = [raw for raw in read_objects(file) if raw.get("kind") == "Dataset"]
    if not wanted:
        raise InputError(str(file), "document", "there is no Dataset in it")
    try:
        told = target_of(context).ask(lambda client, namespace: gather(client, namespace, wanted))
    except UnreachableError:
        raise
    except KubeError as error:  # its usual code means differences here
        say(f"Error: {error}", err=True)
        return UNUSABLE
    for ref, lines in told:
        title(ref)
        for line in lines:
            say(line)
    return _DIFFERENT if told else 0


async def gather(client: Client, namespace: str, wanted: list[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    """The names of those that differ, and how.

    Raises:
        InputError: a Dataset of the file can't be used.
        KubeError: the Datasets can't be read.
    """
    afters = [_read(raw, namespace) for raw in wanted]
    try:
        inventory: Inventory | None = Inventory.of(read_sites(await client.list(SITES)))
    except (ForbiddenError, NotFoundError):
        inventory = None
    found = []
    for after in afters:
        lines = differences(await _now(client, after), after, inventory)
        if lines:
            found.append((f"Dataset {after.ref}", lines))
    return found


def _read(raw: dict[str, Any], namespace: str) -> Dataset:
    metadata = raw.get("metadata") if isinstance(raw.get("metadata"), dict) else {}
    placed = {**raw, "metadata": {"namespace": namespace, **(metadata or {})}}
    return check(placed, f"Dataset {placed['metadata'].get('namespace')}/{placed['metadata'].get('name')}")


async def _now(client: Client, after: Dataset) -> Dataset | None:
    try:
        raw = await client.get(DATASETS, after.ref.name, after.ref.namespace)
    except NotFoundError:
        return None
    try:
        return wire.read_dataset(raw)
    except InputError:  # nobody may read it now
        return None
