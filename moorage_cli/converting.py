"""`convert`: manifests written for Datashim, as Moorage reads them."""

from pathlib import Path
from typing import Any

import click
import yaml

from moorage import wire
from moorage.errors import InputError
from moorage_cli.datashim import convert as converted
from moorage_cli.object_files import read_objects
from moorage_cli.output import say


@click.command("convert", short_help="Convert Datashim's manifests.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path), default="-")
@click.option("--site", help="The Site where the data are. Default: the only Site there is.")
def convert(*, file: Path, site: str | None) -> int:
    """Convert manifests written for Datashim (datashim.io, com.ie.ibm.hpsys) to Moorage's.

    Objects go to stdout; notes about what changed and what is left to do go to stderr. Pods need no change: their
    labels are the same.

    Exit code 2 if a Dataset can't be used as it is. It is printed too, so that you can correct it.

    \b
    kubectl get datasets.datashim.io -A -o yaml | kubectl dataset convert --site eu-1 > datasets.yaml
    """  # noqa: D301 - \b is what click needs
    unusable = 0
    objects: list[dict[str, Any]] = []
    for raw in read_objects(file):
        outcome = converted(raw, site)
        for note in outcome.notes:
            say(note, err=True)
        if outcome.raw is None:
            continue
        objects.append(outcome.raw)
        if outcome.raw.get("kind") == "Dataset":
            unusable += not _is_usable(outcome.raw)
    if not any(each.get("kind") == "Dataset" for each in objects):
        say(f"{file}: there is no Dataset in it: nothing was converted", err=True)
    if not objects:
        return 0
    say(yaml.safe_dump_all(objects, sort_keys=False, allow_unicode=True).rstrip("\n"))
    return 2 if unusable else 0


def _is_usable(raw: dict[str, Any]) -> bool:
    try:
        wire.read_dataset(raw)
    except InputError as error:
        say(f"{error}", err=True)
        return False
    return True
