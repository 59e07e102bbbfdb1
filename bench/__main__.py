"""`python -m bench [NAME ...]`: runs the measurements and prints one table."""

import importlib
import subprocess
import sys

import click
from rich.console import Console

from bench.rows import Measurement, Row, table
from moorage.errors import MoorageError

NAMES = (
    "admission",
    "extender",
    "pods_placed",
    "day",
    "kfp_api",
    "run",
    "operator_listing",
    "pod_start",
    "mount_reads",
    "transfers",
    "cold_reads",
    "cache_fills",
    "epochs",
    "memory_at_scale",
    "shared_memory",
    "small_objects",
    "memory_moves",
    "cluster_clients",
)


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES))
def main(names: tuple[str, ...]) -> None:
    """Measure, side by side in one run, and print a Markdown table; all measurements unless some are named.

    What can't be measured has its reason in the table, and the exit status is 1.
    """
    console = Console(stderr=True)
    rows: list[Row] = []
    all_measured = True
    for name in names or NAMES:
        console.print(f"{name} ...", highlight=False)
        all_measured &= take(name, importlib.import_module(f"bench.{name}").measure, rows, console)
    click.echo(table(rows))
    sys.exit(0 if all_measured else 1)


def take(name: str, measure: Measurement, rows: list[Row], console: Console) -> bool:
    """Add what one measurement says, or why it says nothing; gives whether it was measured."""
    try:
        for row in measure():
            console.print(f"  {row.what}: {row.value} ({row.against})", highlight=False, markup=False)
            rows.append(row)
    except (MoorageError, OSError, subprocess.SubprocessError) as error:
        console.print(f"{name} could not be measured: {error}", style="red", markup=False)
        rows.append(Row(name, "**not measured**", " ".join(str(error).replace("|", "/").split())))
        return False
    return True


if __name__ == "__main__":
    main()
