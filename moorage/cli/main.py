"""The tree of `moorage` commands."""

import sys

import click

from moorage import __version__
from moorage.cli.lazy import LazyGroup
from moorage.cli.running import EXIT_CODES, run

DATASET_COMMANDS = {
    "list": "moorage.cli.listing:list_datasets",
    "describe": "moorage.cli.describing:describe",
    "create": "moorage.cli.creating:create",
    "why": "moorage.cli.explaining:why",
}

dataset = LazyGroup(
    "dataset",
    commands_at=DATASET_COMMANDS,
    help="Datasets: what there is, what holds for them, and why a pod may or may not read one.",
)

sites = LazyGroup(
    "sites",
    commands_at={"check": "moorage.cli.sites_check:check"},
    help="Sites: what a file of them says, and what in it can't be meant.",
)
release = LazyGroup(
    "release",
    commands_at={"digest": "moorage.cli.release_digest:digest"},
    help="Releases: transforms after which weaker rules hold.",
)


@click.version_option(__version__, prog_name="moorage", message="%(prog)s %(version)s")
@click.group(
    cls=LazyGroup,
    commands_at={
        "dataset": "moorage.cli.main:dataset",
        "why": DATASET_COMMANDS["why"],
        "plan": "moorage.cli.plan.command:plan",
        "sites": "moorage.cli.main:sites",
        "release": "moorage.cli.main:release",
        "dev": "moorage.cli.dev:dev",
        "completion": "moorage.cli.completing:completion",
    },
    epilog=EXIT_CODES,
)
def moorage() -> None:
    """Moorage: governed datasets for Kubernetes pods, and pipelines split across sites.

    \b
    moorage dataset list -A
    moorage why pod/train -n fraud
    moorage plan pipeline.yaml --sites sites.yaml --datasets datasets.yaml -o plan/
    """  # noqa: D301 - \b is what click needs


@moorage.command()
def version() -> None:
    """Print the version."""
    click.echo(f"moorage {__version__}")


def main() -> None:
    """Entry of `moorage`."""
    sys.exit(run(moorage, "moorage"))
