"""The tree of `moorage` commands."""

import importlib.util
import sys

import click

from moorage import __version__
from moorage.errors import InputError
from moorage_cli.lazy import LazyGroup
from moorage_cli.output import say
from moorage_cli.running import EXIT_CODES, run

DATASET_COMMANDS = {
    "list": "moorage_cli.listing:list_datasets",
    "describe": "moorage_cli.describing:describe",
    "create": "moorage_cli.creating:create",
    "why": "moorage_cli.explaining:why",
    "wait": "moorage_cli.waiting:wait",
    "events": "moorage_cli.events:events",
    "delete": "moorage_cli.deleting:delete",
    "convert": "moorage_cli.converting:convert",
}

dataset = LazyGroup(
    "dataset",
    commands_at=DATASET_COMMANDS,
    help="Datasets: what there is, what holds for them, and why a pod may or may not read one.",
)

sites = LazyGroup(
    "sites",
    commands_at={"check": "moorage_cli.sites_check:check"},
    help="Sites: what a file of them says, and what in it can't be meant.",
)
release = LazyGroup(
    "release",
    commands_at={"digest": "moorage_cli.release_digest:digest"},
    help="Releases: transforms after which weaker rules hold.",
)
# The development cluster is part of a clone, not of the wheel.
_IN_A_CLONE = importlib.util.find_spec("devcluster") is not None


@click.version_option(__version__, prog_name="moorage", message="%(prog)s %(version)s")
@click.group(
    cls=LazyGroup,
    commands_at={
        "dataset": "moorage_cli.main:dataset",
        "why": DATASET_COMMANDS["why"],
        "plan": "moorage_cli.plan.command:plan",
        "sites": "moorage_cli.main:sites",
        "release": "moorage_cli.main:release",
        **({"dev": "moorage_cli.dev:dev"} if _IN_A_CLONE else {}),
        "completion": "moorage_cli.completing:completion",
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
    say(f"moorage {__version__}")


if not _IN_A_CLONE:

    @moorage.command("dev", hidden=True, context_settings={"ignore_unknown_options": True})
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def without_clone(arguments: tuple[str, ...]) -> None:
        """Tell what is missing."""
        del arguments
        raise InputError("moorage", "dev", "needs a clone of Moorage: run `make setup` there and use .venv/bin/moorage")


def main() -> None:
    """Entry of `moorage`."""
    sys.exit(run(moorage, "moorage"))
