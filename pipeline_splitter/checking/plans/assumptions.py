"""Checks which values a plan assumed because nothing states them."""

from collections.abc import Iterable

from pipeline_splitter.checking.findings import Notes
from pipeline_splitter.graph import Graph
from pipeline_splitter.plan import PlannedTask


def check_assumed(tasks: Iterable[PlannedTask], graph: Graph, notes: Notes) -> None:
    """Check that each task names its defaults, and each size that is one.

    A size stands with the task that writes the datum, or else with all that read it; one that nobody reads nowhere.

    Args:
        tasks: the tasks of the plan.
        graph: with the inserted releases in it.
        notes: takes findings.
    """
    readers: dict[str, set[str]] = {}
    for name, task in graph.tasks.items():
        for key in task.reads:
            readers.setdefault(key, set()).add(name)
    expected = {name: set(task.assumed) for name, task in graph.tasks.items()}
    for key, datum in graph.data.items():
        if datum.assumed and key in readers:
            for name in readers[key] if datum.producer is None else {datum.producer}:
                expected[name].add(f"bytes of {key}")
    for each in tasks:
        notes.same(f"tasks[{each.name}].assumed", list(each.assumed), sorted(expected[each.name]))
    notes.checked.append("what was assumed")
