"""Names of Argo's nodes, and which task of a pipeline they are. Pure.

Kubeflow Pipelines compiles a pipeline to a Workflow, and a node is called by the way to it:
`WORKFLOW.root.TASK.executor`, `WORKFLOW.root.LOOP-iterations(0:0).iteration.TASK.executor`. Each part may end with the
numbers of retries, `executor(1)`. A task's driver is called `TASK-driver`.
"""

import re
from typing import Final

_ITERATIONS: Final = re.compile(r"(.+)-iterations\((\d+):[^()]*\)")
_RETRIES: Final = re.compile(r"(?:\(\d+\))+$")
_ROOT, _ITERATION, _EXECUTOR, _DRIVER = "root", "iteration", "executor", "-driver"


def task_of(node_name: str) -> str | None:
    """Return the task's path, as `train#2/evaluate`; None where the node is no task's own, as the root's driver.

    A driver and the executor have the same path: they are the same task.
    """
    parts = [_RETRIES.sub("", part) for part in _split(node_name)[1:]]
    if not parts or parts[0] != _ROOT:
        return None
    if parts[-1] == _EXECUTOR and len(parts) > 2:  # noqa: PLR2004 - root and a task before it
        parts.pop()
    else:
        parts[-1] = parts[-1].removesuffix(_DRIVER)
    path: list[str] = []
    in_iterations = False
    for part in parts[1:]:
        found = _ITERATIONS.fullmatch(part)
        if found is not None:
            path.append(f"{found[1]}#{found[2]}")
        elif not (in_iterations and part == _ITERATION):
            path.append(part)
        in_iterations = found is not None
    return "/".join(path) or None


def _split(name: str) -> list[str]:
    """Return the parts between dots; an item of a loop, in brackets, may have dots of its own."""
    parts, depth, begin = [], 0, 0
    for at, letter in enumerate(name):
        depth += (letter == "(") - (letter == ")")
        if letter == "." and depth <= 0:
            parts.append(name[begin:at])
            begin = at + 1
    return [*parts, name[begin:]]
