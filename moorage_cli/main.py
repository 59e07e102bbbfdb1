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
    "available": "moorage_cli.available:available",
    "describe": "moorage_cli.describing:describe",
    "create": "moorage_cli.creating:create",
    "diff": "moorage_cli.diffing:diff",
    "why": "moorage_cli.explaining:why",
    "wait": "moorage_cli.waiting:wait",
    "events": "moorage_cli.events:events",
    "audit": "moorage_cli.audit.commands:audit",
    "usage": "moorage_cli.audit.using:usage",
    "warm": "moorage_cli.caches.warming:warm",
    "evict": "moorage_cli.caches.evicting:evict",
    "fluid": "moorage_cli.caches.fluid:fluid",
    "delete": "moorage_cli.deleting:delete",
    "convert": "moorage_cli.converting:convert",
    "migrate": "moorage_cli.migrating.command:migrate",
}

dataset = LazyGroup(
    "dataset",
    commands_at=DATASET_COMMANDS,
    help="List, create, delete and explain Datasets.",
)

sites = LazyGroup(
    "sites",
    commands_at={
        "check": "moorage_cli.sites_check:check",
        "rights": "moorage_cli.sites_joining:rights",
        "join": "moorage_cli.sites_joining:join",
    },
    help="Check Site files, and connect Sites' clusters to a hub.",
)
kedro = LazyGroup(
    "kedro",
    commands_at={"compile": "moorage_cli.kedro_compile:compile_project"},
    help="Compile Kedro pipelines to Kubeflow pipelines.",
)
release = LazyGroup(
    "release",
    commands_at={"digest": "moorage_cli.release_digest:digest"},
    help="Prepare releases: transforms whose output has weaker rules.",
)
# The development cluster is part of a clone, not of the wheel.
_IN_A_CLONE = importlib.util.find_spec("devcluster") is not None


@click.version_option(__version__, prog_name="moorage", message="%(prog)s %(version)s")
@click.group(
    cls=LazyGroup,
    commands_at={
        "dataset": "moorage_cli.main:dataset",
        "why": DATASET_COMMANDS["why"],
        "migrate": DATASET_COMMANDS["migrate"],
        "plan": "moorage_cli.plan.command:plan",
        "run": "moorage_cli.runs.submitting:run",
        "runs": "moorage_cli.runs.commands:runs",
        "schedules": "moorage_cli.schedules.commands:schedules",
        "ui": "moorage_cli.ui:ui",
        "sites": "moorage_cli.main:sites",
        "release": "moorage_cli.main:release",
        "kedro": "moorage_cli.main:kedro",
        **({"dev": "moorage_cli.dev:dev"} if _IN_A_CLONE else {}),
        "completion": "moorage_cli.completing:completion",
    },
    epilog=f"{EXIT_CODES} `plan`, `run` and `runs show` return 3 if no plan is possible.",
)
def moorage() -> None:
    """Moorage: governed datasets for Kubernetes pods, and pipelines split across sites.

    \b
    moorage dataset list -A
    moorage why pod/train -n fraud
    moorage plan pipeline.yaml --sites sites.yaml --datasets datasets.yaml -o plan/
    moorage run pipeline.yaml -n fraud -p weight=0.5
    moorage ui
    """  # noqa: D301 - \b is what click needs


@moorage.command()
def version() -> None:
    """Print the version."""
    say(f"moorage {__version__}")


if not _IN_A_CLONE:

    @moorage.command("dev", hidden=True, context_settings={"ignore_unknown_options": True})
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def without_clone(arguments: tuple[str, ...]) -> None:
        """Say what is missing."""
        del arguments
        raise InputError("moorage", "dev", "needs a clone of Moorage: run `make setup` there and use .venv/bin/moorage")


def main() -> None:
    """Entry of `moorage`."""
    sys.exit(run(moorage, "moorage"))
