"""`kubectl dataset`: the dataset commands as a kubectl plugin.

kubectl finds `kubectl-dataset` on PATH for `kubectl dataset`, and `kubectl_complete-dataset` for completing it: that is
called with the words after `dataset`, the last one unfinished, and prints candidates and a directive, as cobra does.
"""

import sys
from collections.abc import Sequence

import click
from click.shell_completion import ShellComplete

from moorage import __version__
from moorage_cli.lazy import LazyGroup
from moorage_cli.main import DATASET_COMMANDS
from moorage_cli.output import say
from moorage_cli.running import EXIT_CODES, run

_COMPLETE_FILES = 0
_NO_FILES = 4

kubectl_dataset = click.version_option(__version__, prog_name="moorage", message="%(prog)s %(version)s")(
    LazyGroup(
        "kubectl dataset",
        commands_at=DATASET_COMMANDS,
        help="List, create, delete and explain Datasets.",
        epilog=EXIT_CODES,
    )
)


def main() -> None:
    """Entry of `kubectl-dataset`."""
    sys.exit(run(kubectl_dataset, "kubectl dataset"))


def complete() -> None:
    """Entry of `kubectl_complete-dataset`."""
    for line in completions(sys.argv[1:]):
        say(line)


def completions(words: Sequence[str]) -> list[str]:
    """The candidates for the last of these words, then the directive."""
    *before, unfinished = words or [""]
    found = ShellComplete(kubectl_dataset, {}, "kubectl dataset", "").get_completions(list(before), unfinished)
    wants_files = any(item.type in {"file", "dir"} for item in found)
    lines = [
        f"{item.value}\t{item.help}" if item.help else str(item.value)
        for item in found
        if item.type not in {"file", "dir"}
    ]
    return [*lines, f":{_COMPLETE_FILES if wants_files else _NO_FILES}"]
