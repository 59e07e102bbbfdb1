"""The delay of a pod's own program when the pod mounts a dataset: the same pod with and without, in turn."""

import time
from collections.abc import Iterable

import click

from bench.rows import Row, quantile, table
from bench.stage import pod, printed_number, stage
from demo.stage import IMAGE, Stage

PAIRS = 20
AIM_SECONDS = 0.7
# With a dataset the program's first act is to list it, so that a mount that is not served yet would count as later.
PLAIN = "import time; print(time.time())"
MOUNTED = "import os, time; os.listdir('/mnt/datasets/flights'); print(time.time())"


def measure(pairs: int = PAIRS) -> Iterable[Row]:
    """Measure seconds from `kubectl create` to the program's first line, in pairs."""
    with stage() as made:
        start_seconds(made, "warm-up", PLAIN, None)
        start_seconds(made, "warm-up", MOUNTED, "flights")
        without, with_mount = [], []
        for _ in range(pairs):
            without.append(start_seconds(made, "bench-plain", PLAIN, None))
            with_mount.append(start_seconds(made, "bench-mounted", MOUNTED, "flights"))
    extra = quantile(with_mount, 0.5) - quantile(without, 0.5)
    yield Row(
        f"Pod start with one mounted dataset, p50 of {pairs}",
        f"{quantile(with_mount, 0.5):.2f} s ({extra:+.2f} s)",
        f"the same pod without: {quantile(without, 0.5):.2f} s",
        f"within {AIM_SECONDS} s",
        extra <= AIM_SECONDS,
    )


def start_seconds(made: Stage, name: str, code: str, dataset: str | None) -> float:
    """Create the pod, take the time that it prints, remove it."""
    manifest = pod(name, IMAGE, code, dataset=dataset)
    began = time.time()
    made.kubectl("create", "-f", "-", stdin=manifest)
    started = printed_number(made, name)
    made.delete_pod(name)
    return started - began


@click.command()
@click.option("--pairs", default=PAIRS, show_default=True, help="How many pods with, and as many without.")
def main(pairs: int) -> None:
    """Measure pod start with and without a mounted dataset."""
    click.echo(table(measure(pairs)))


if __name__ == "__main__":
    main()
