"""The assumptions of a plan: defaults used because nothing states a value, each with the task that it concerns."""

from collections.abc import Mapping

from pipeline_splitter.graph import Graph


def assumptions(graph: Graph) -> Mapping[str, tuple[str, ...]]:
    """Return each task's assumptions, sorted: `seconds`, `cpu`, ..., and `bytes of <datum>` for default sizes.

    A size is told with the task that writes the artifact; of what no task writes, with those that read it. What nobody
    reads is not told: it rests on nothing.
    """
    found = {name: set(task.assumed) for name, task in graph.tasks.items()}
    for name, task in graph.tasks.items():
        for key in task.reads:
            datum = graph.data[key]
            if datum.assumed:
                found[datum.producer if datum.producer is not None else name].add(f"bytes of {key}")
    return {name: tuple(sorted(words)) for name, words in found.items()}
