"""`python -m bench [NAME ...]`: runs the measurements and prints one table."""

import importlib
import sys

import click
from rich.console import Console

from bench.rows import Row, table
from moorage.errors import MoorageError

NAMES = ("admission", "extender", "operator_listing", "pod_start", "mount_reads")


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES))
def main(names: tuple[str, ...]) -> None:
    """Measure, side by side in one run, and print a Markdown table; all measurements unless some are named."""
    console = Console(stderr=True)
    rows: list[Row] = []
    failed = False
    for name in names or NAMES:
        console.print(f"{name} ...", highlight=False)
        try:
            for row in importlib.import_module(f"bench.{name}").measure():
                console.print(f"  {row.what}: {row.value} ({row.against})", highlight=False, markup=False)
                rows.append(row)
        except MoorageError as error:
            failed = True
            console.print(f"{name} could not be measured: {error}", style="red", markup=False)
    click.echo(table(rows))
    sys.exit(failed)


if __name__ == "__main__":
    main()
