"""`python -m demo`: brings everything up, plays the scenes, and leaves the cluster running."""

import sys
import time

import click
from rich.console import Console

from demo.platform import bring_up
from demo.scenes import SCENES
from devcluster import record
from moorage.errors import MoorageError


@click.command()
@click.option(
    "--name", default="demo", show_default=True, envvar="MOORAGE_DEMO_NAME", show_envvar=True, help="The cluster."
)
@click.option(
    "--scene", "only", type=click.IntRange(1, len(SCENES)), multiple=True, help="Play only these; repeatable."
)
def main(name: str, only: tuple[int, ...]) -> None:
    """Show a labelled pod reading its dataset on a real Kubernetes, and a pipeline that is split across sites."""
    console = Console()
    began = time.monotonic()
    try:
        console.print("Bringing up a real Kubernetes: three nodes at two sites, and an S3 server", style="bold")
        stage = bring_up(name, console)
        for number, (title, scene) in enumerate(SCENES, 1):
            if only and number not in only:
                continue
            console.print(f"\n{number}. {title}", style="bold green", highlight=False)
            scene(stage)
    except MoorageError as error:
        console.print(f"\nThe demo stopped: {error}", style="bold red", markup=False, highlight=False, soft_wrap=True)
        if name in record.names():
            console.print(f"The cluster stays for a look (`moorage dev status --name {name}`); `make down` removes it.")
        sys.exit(1)
    console.print(f"\nDone in {time.monotonic() - began:.0f} s. Everything runs on. To go on:", style="bold")
    console.print(f'  eval "$(.venv/bin/moorage dev env --name {name})"', highlight=False)
    console.print(f"  export KUBECONFIG={stage.cluster.kubeconfig_path}", highlight=False, soft_wrap=True)
    console.print("  kubectl dataset list -A", highlight=False)
    console.print(
        "To make a bucket of your own in its S3 server (docs/first-dataset.md goes on from there):", style="bold"
    )
    console.print(f'  eval "$(.venv/bin/moorage dev store --name {name} --site eu-1)"', highlight=False)
    console.print("  .venv/bin/rclone copy README.md :s3:my-bucket/", highlight=False)
    console.print("To remove all of it:", style="bold")
    console.print("  make down", highlight=False)


if __name__ == "__main__":
    main()
