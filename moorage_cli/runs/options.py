"""The options of a run, wherever one is described: once, or as what a schedule makes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from moorage.objectives import MONEY, OBJECTIVES

Function = TypeVar("Function", bound=Callable[..., Any])

FILE = click.Path(path_type=Path)


def run_options(function: Function) -> Function:
    """Add -p, --parameters, --objective, --hints and --service-account."""
    options = (
        click.option("-p", "--parameter", "parameters", multiple=True, help="A parameter, as name=value; repeatable."),
        click.option("--parameters", "parameters_file", type=FILE, help="A YAML or JSON file of parameters by name."),
        click.option(
            "--objective",
            default=MONEY.name,
            show_default=True,
            help=f"One of {', '.join(OBJECTIVES)}; or several, separated by commas, most important first.",
        ),
        click.option(
            "--hints", type=FILE, help="One file of sizes, seconds and accounts, as for `moorage plan --hints`."
        ),
        click.option("--service-account", default="default", show_default=True, help="The account of the tasks' pods."),
    )
    for option in reversed(options):
        function = option(function)
    return function
