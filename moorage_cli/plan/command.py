"""`moorage plan`: plan, or check a plan that is there."""

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from moorage.errors import InputError
from moorage.objectives import MONEY, OBJECTIVES
from moorage_cli.output import say
from moorage_cli.plan.files import check_directory, read_documents, write_directory
from moorage_cli.plan.progress import Progress
from moorage_cli.plan.words import CommandWithWords
from moorage_cli.running import INFEASIBLE
from pipeline_splitter.planning.request import GAP, KWH_PER_GB, TOLERANCE, Request, read_objectives

EXIT_CODES = (
    "Exit codes: 0 planned (or the check holds); 1 a check failed; 2 bad usage or unreadable input; 3 infeasible."
)
_FILE = click.Path(path_type=Path)
_MOST = 1e24
"""As of every amount in the files: products of what is left stay finite."""


class _Amount(click.FloatRange):
    """A number from 0 on, and a number it is."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        """As click's, without `nan`, which is neither below nor above any limit."""
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number", param, ctx)
        return number


_AMOUNT = _Amount(min=0, max=_MOST)


@click.command(
    "plan",
    cls=CommandWithWords,
    words_at={"explain": "moorage_cli.plan.explain:explain"},
    short_help="Split a pipeline across sites.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
)
@click.argument("pipeline", type=_FILE)
@click.option("--sites", type=_FILE, required=True, help="Site objects, as `kubectl get -o yaml` prints them.")
@click.option("--datasets", type=_FILE, help="Dataset objects, likewise; required if a task names one.")
@click.option("--hints", type=_FILE, multiple=True, help="Sizes, seconds, accounts. Repeat it: later files win.")
@click.option(
    "--objective",
    default=MONEY.name,
    show_default=True,
    help=f"{', '.join(OBJECTIVES)}; or a list of these with commas, the most important first.",
)
@click.option(
    "--tolerance",
    type=_AMOUNT,
    default=TOLERANCE,
    show_default=True,
    help="With several objectives: the share of an earlier one that may be given up for a later one.",
)
@click.option(
    "--time-limit",
    type=_AMOUNT,
    default=60.0,
    show_default=True,
    help="Stop after this many seconds with the best plan found.",
)
@click.option(
    "--gap",
    type=_AMOUNT,
    default=GAP,
    show_default=True,
    help="Stop when the plan is this close to the bound, as a share.",
)
@click.option(
    "--kwh-per-gb",
    type=_AMOUNT,
    default=KWH_PER_GB,
    show_default=True,
    help="Network energy for 1e9 bytes, in kWh (for carbon).",
)
@click.option(
    "-o", "--output", "directory", type=_FILE, help="Write plan.json, bound.json, report.html and groups/ here."
)
@click.option("--check", "checked", type=_FILE, help="Don't plan; verify the plan in this directory.")
def plan(  # noqa: PLR0913, PLR0917 - one parameter for each option
    pipeline: Path,
    sites: Path,
    datasets: Path | None,
    hints: Sequence[Path],
    objective: str,
    tolerance: float,
    time_limit: float,
    gap: float,
    kwh_per_gb: float,
    directory: Path | None,
    checked: Path | None,
) -> int:
    """Split PIPELINE across sites: where each task runs and why, what moves, and what it costs.

    PIPELINE is a compiled Kubeflow pipeline (YAML or JSON) or a workflow recorded in WfFormat; either may be gzipped.
    With -o, the plan is written to a directory, with one pipeline for each group of tasks.

    \b
    moorage plan pipeline.yaml --sites sites.yaml --datasets datasets.yaml
    moorage plan pipeline.yaml --sites sites.yaml --datasets datasets.yaml --objective money,carbon -o plan/
    moorage plan explain plan/ train
    moorage plan pipeline.yaml --sites sites.yaml --datasets datasets.yaml --check plan/
    """  # noqa: D301 - \b is what click needs
    began = time.monotonic()
    if checked is not None and directory is not None:
        raise InputError("--check", str(checked), "can't be combined with -o: a check writes nothing")
    if directory is not None:
        check_directory(directory)
    from pipeline_splitter.inputs import (  # noqa: PLC0415 - a help text needs none of it
        read_datasets,
        read_purposes,
        read_sites,
    )
    from pipeline_splitter.reading_hints import read_hints  # noqa: PLC0415

    objectives = read_objectives(objective)
    if [pipeline, sites, datasets, *hints].count(Path("-")) > 1:
        raise InputError("-", "standard input", "can be given for one of the files only")
    of_sites = read_documents(sites, "--sites")
    of_datasets = read_documents(datasets, "--datasets") if datasets else []
    of_hints = [(str(path), read_documents(path, "--hints")) for path in hints]
    purposes = read_purposes(of_sites, str(sites)) | read_purposes(of_datasets, str(datasets))
    request = Request(
        documents=read_documents(pipeline, "PIPELINE"),
        subject=str(pipeline),
        inventory=read_sites(of_sites, str(sites)),
        datasets=read_datasets(of_datasets, str(datasets)),
        hints=replace(read_hints(of_hints), namespace_purposes=purposes),
        objectives=objectives,
        tolerance=tolerance,
        gap=gap,
        kwh_per_gb=kwh_per_gb,
        datasets_said=datasets is not None,
    )
    if checked is not None:
        from moorage_cli.plan.checking import check  # noqa: PLC0415 - planning does not need it

        return check(checked, request)
    return _plan(request, began + time_limit, directory)


def _plan(request: Request, deadline: float, directory: Path | None) -> int:
    from moorage_cli.plan.table import print_infeasible, print_plan  # noqa: PLC0415 - likewise
    from pipeline_splitter.plan import Infeasible  # noqa: PLC0415
    from pipeline_splitter.planning import make_plan  # noqa: PLC0415

    with Progress(deadline) as progress:
        outcome = make_plan(request, deadline, time.monotonic, progress.tell)
        files = outcome.files
    if directory is not None:
        write_directory(directory, files)
    if isinstance(outcome.answer, Infeasible):
        print_infeasible(outcome.answer, outcome.warnings)
        return INFEASIBLE
    print_plan(outcome.answer, outcome.comparison)
    if directory is not None:
        say(f"\nWritten to {directory}: {', '.join(sorted({name.partition('/')[0] for name in files}))}")
    return 0
