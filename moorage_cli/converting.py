"""`convert`: manifests written for Datashim, as Moorage reads them."""

from pathlib import Path
from typing import Any

import click
import yaml

from moorage import wire
from moorage.errors import InputError
from moorage_cli.datashim import convert as converted
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


def read_objects(file: Path) -> list[dict[str, Any]]:
    """All objects of a file, those of its Lists one by one; `-` is standard input.

    Raises:
        InputError: it is not YAML, there is nothing in it, or something that is no object.
    """
    with click.open_file(str(file), encoding="utf-8") as opened:
        text = opened.read()
    try:
        documents = [document for document in yaml.safe_load_all(text) if document]
    except yaml.YAMLError as error:
        raise InputError(str(file), "document", f"is not YAML: {error}") from error
    if not documents:
        raise InputError(
            str(file), "document", "there is none: if a pipe feeds it, see what the command before it says"
        )
    return [item for document in documents for item in _items(document, str(file))]


def _items(document: object, file: str) -> list[dict[str, Any]]:
    if not isinstance(document, dict):
        raise InputError(file, "document", "is not a Kubernetes object")
    if str(document.get("kind", "")).endswith("List"):
        return [item for item in document.get("items") or () if isinstance(item, dict)]
    return [document]


def _is_usable(raw: dict[str, Any]) -> bool:
    try:
        wire.read_dataset(raw)
    except InputError as error:
        say(f"{error}", err=True)
        return False
    return True
