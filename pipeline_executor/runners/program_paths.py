"""Paths of a pipeline's tasks, as plan.json has them. Pure."""

import re
from collections.abc import Collection, Iterator, Mapping

from pipeline_executor.engine.program import Container, Dag, Program


def container_paths(program: Program) -> frozenset[str]:
    """Return the paths of all tasks that are containers, loops' numbers left out."""
    return frozenset(_containers(program.root, ""))


def without_numbers(path: str) -> str:
    """Return a path as the pipeline has it: `train#2/evaluate` is `train/evaluate`."""
    return "/".join(part.split("#", 1)[0] for part in path.split("/"))


def lies_in(path: str, tops: Collection[str]) -> bool:
    """Return whether a path is one of these, or lies inside one of them, loops' iterations included."""
    ends = (index for index, letter in enumerate(path) if letter in "/#")
    return path in tops or any(path[:end] in tops for end in ends)


def renamed(path: str, task_names: Mapping[str, str]) -> str:
    """Return a path in the file of a group as the plan has it: the task at the root may be called otherwise there."""
    top = re.split("[/#]", path, maxsplit=1)[0]
    return f"{task_names.get(top, top)}{path[len(top) :]}"


def _containers(dag: Dag, prefix: str) -> Iterator[str]:
    for task in dag.tasks:
        path = f"{prefix}{task.path_name}"
        if isinstance(task.body, Dag):
            yield from _containers(task.body, f"{path}/")
        elif isinstance(task.body, Container):
            yield path
