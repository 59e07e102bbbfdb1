"""Access to a Kedro project for `compiling`: its nodes, and the datasets that its catalogue names."""

from pathlib import Path
from typing import Any

from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import CatalogProtocol

from moorage.errors import InputError
from moorage.kedro.compiling import Governed, Node, Project, is_parameter

_METADATA = "moorage"


def read_project(folder: Path, pipeline: str, env: str) -> Project:
    """Import the project, as `kedro run` does.

    Raises:
        InputError: there is none, or it has no such pipeline.
    """
    session: Any
    try:
        package = bootstrap_project(folder).package_name
        with KedroSession.create(project_path=folder, env=env or None) as session:
            catalog = session.load_context().catalog
        registered = dict(pipelines)
    except Exception as error:
        # It is the project's own code that runs here.
        problem = f"is no Kedro project that can be read ({type(error).__name__}: {error})"
        raise InputError(str(folder), "PROJECT", f"{problem}: see whether `kedro registry list` reads it") from error
    if pipeline not in registered:
        there = ", ".join(sorted(registered)) or "none"
        raise InputError(str(folder), "--pipeline", f"{pipeline!r} is not registered: there are {there}")
    nodes = [
        Node(node.name, tuple(node.inputs), tuple(node.outputs), tuple(node.confirms))
        for node in registered[pipeline].nodes
    ]
    datasets = {each for node in nodes for each in (*node.inputs, *node.outputs)}
    named = frozenset(each for each in datasets if not is_parameter(each) and each in catalog)
    governed = {each: found for each in sorted(named) if (found := _governed(each, catalog)) is not None}
    title = package if pipeline == "__default__" else f"{package}-{pipeline}"
    return Project(title, pipeline, nodes, named, governed)


def _governed(name: str, catalog: CatalogProtocol[Any, Any]) -> Governed | None:
    """Read the Dataset that an entry's metadata name.

    Raises:
        InputError: they can't be used.
    """
    metadata = getattr(catalog.get(name), "metadata", None)
    said = metadata.get(_METADATA) if isinstance(metadata, dict) else None
    if said is None:
        return None
    where = f"metadata.{_METADATA}"
    fields = ("dataset", "namespace", "useas")
    if not isinstance(said, dict) or not said.get("dataset") or not said.keys() <= set(fields):
        raise InputError(f"catalogue: {name}", where, f"has {', '.join(fields)}, of which dataset must be there")
    if not all(isinstance(value, str) for value in said.values()):
        raise InputError(f"catalogue: {name}", where, "holds something that is no text: quote it")
    return Governed(**said)
