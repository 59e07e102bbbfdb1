"""`python -m moorage.kedro.task`: one node of a project in a container, as `moorage kedro compile` calls it."""

import argparse
import inspect
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from moorage.kedro.handing_on import TaskRunner


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the node."""
    said = _parser().parse_args(arguments)
    bootstrap_project(said.project)
    made = KedroSession.create(project_path=said.project, env=said.env or None, runtime_params=said.params)
    session: Any
    with made as session:
        # Releases of Kedro 1 name a run's pipeline by one of two arguments.
        many = "pipeline_names" in inspect.signature(session.run).parameters
        chosen: dict[str, Any] = {"pipeline_names": [said.pipeline]} if many else {"pipeline_name": said.pipeline}
        session.run(**chosen, node_names=[said.node], runner=TaskRunner(dict(said.input), dict(said.output)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m moorage.kedro.task", description=__doc__)
    parser.add_argument("--project", default=".", help="folder of the project")
    parser.add_argument("--pipeline", default="__default__", help="its registered name")
    parser.add_argument("--env", default="", help="Kedro's configuration environment")
    parser.add_argument("--params", type=_mapping, default={}, help="JSON: parameters in place of the project's")
    parser.add_argument("--node", required=True, help="the node to run")
    for option, what in (("--input", "that another node made"), ("--output", "that other nodes read")):
        explained = f"dataset {what}, and its file; = and % of the name as a URL writes them"
        parser.add_argument(option, type=_placed, action="append", default=[], metavar="DATASET=FILE", help=explained)
    return parser


def _placed(text: str) -> tuple[str, str]:
    name, found, path = text.partition("=")
    if not (name and found and path):
        raise argparse.ArgumentTypeError(f"{text!r} is not DATASET=FILE")
    return unquote(name), path


def _mapping(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"{text[:100]!r} is not a JSON object")
    return value


if __name__ == "__main__":
    main()
