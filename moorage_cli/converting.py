"""`convert`: manifests written for Datashim, as Moorage reads them."""

from pathlib import Path

import click

from moorage_cli.migrating.command import print_objects, tell
from moorage_cli.migrating.conversion import convert_all
from moorage_cli.object_files import read_objects
from moorage_cli.output import say


@click.command("convert", short_help="Convert Datashim's manifests.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path), default="-")
@click.option("--site", help="The Site of the data [default: the only Site].")
def convert(*, file: Path, site: str | None) -> int:
    """Convert manifests written for Datashim (datashim.io, com.ie.ibm.hpsys) to Moorage's.

    Objects go to stdout. Notes about changes and remaining steps go to stderr. Pods need no change, because their
    labels are the same.

    `moorage migrate` does the same, and reads Datashim's objects from a cluster, too.

    Exit code 2 if a Dataset can't be used as it is. It is printed too, so that you can correct it.

    \b
    kubectl get datasets.datashim.io -A -o yaml | kubectl dataset convert --site eu-1 > datasets.yaml
    """  # noqa: D301 - \b is what click needs
    conversion = convert_all(read_objects(file), site)
    tell(conversion)
    if not any(each.get("kind") == "Dataset" for each in conversion.objects):
        say(f"{file}: there is no Dataset in it: nothing was converted", err=True)
    return print_objects(conversion)
