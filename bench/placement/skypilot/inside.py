"""`python -I inside.py QUESTION ANSWER`, in SkyPilot's own environment: lets its optimizer answer one question.

Ends itself by SIGALRM where that takes more than the question's seconds; importing is not counted. Nothing of this
project can be imported here.
"""

# ruff: noqa: SLF001
# SkyPilot has no other way in: where it looks into catalogues and at accounts is private.

import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pulp  # noqa: F401  # SkyPilot imports it on first use: not a part of the time that is taken
from sky import clouds, dag, optimizer, resources, task


class Candidate(resources.Resources):
    """One site that a task may run at, and what it costs there."""

    def __init__(self, site: int, cost: float) -> None:
        super().__init__(cloud=clouds.DummyCloud())
        self.site = site
        self.cost = cost

    def get_cost(self, seconds: float) -> float:  # noqa: ARG002  # the cost was given, not an hourly price
        """Return the cost, which SkyPilot asks for in place of a catalogue's price."""
        return self.cost


def main() -> None:
    """Reads, optimizes, writes."""
    question = json.loads(Path(sys.argv[1]).read_text())
    with dag.Dag() as graph:
        tasks = [task.Task(f"t{number:06d}") for number in range(len(question["candidates"]))]
        for earlier, later, _carried in question["edges"]:
            tasks[earlier] >> tasks[later]  # `>>` draws an edge
    stand_in(question, tasks)
    signal.setitimer(signal.ITIMER_REAL, question["seconds"])
    begun = time.monotonic()
    optimizer.Optimizer.optimize(graph, quiet=True)
    seconds = time.monotonic() - begun
    signal.setitimer(signal.ITIMER_REAL, 0)
    plan = {each: each.best_resources for each in tasks}
    total = optimizer.Optimizer._compute_total_cost(graph.get_graph(), tasks, plan)
    answer = {"sites": [plan[each].site for each in tasks], "seconds": seconds, "total": float(total)}
    Path(sys.argv[2]).write_text(json.dumps(answer))


def stand_in(question: dict[str, Any], tasks: list[Any]) -> None:
    """Puts the question's candidates and prices where SkyPilot would look into catalogues and at enabled clouds."""
    candidates = {
        each: [Candidate(site, cost) for site, cost in offered]
        for each, offered in zip(tasks, question["candidates"], strict=True)
    }
    carried = {(tasks[earlier], tasks[later]): amount for earlier, later, amount in question["edges"]}
    price = question["price"]

    def launchable(task: Any, **_: Any) -> tuple[Any, ...]:  # noqa: ANN401  # as SkyPilot calls it
        asked = next(iter(task.resources))
        return {asked: candidates[task]}, {}, [], {}

    def egress(_cost: bool, parent: Any, at: Any, node: Any, to: Any) -> float:  # noqa: ANN401, FBT001  # as above
        if isinstance(at, Candidate) and isinstance(to, Candidate):
            return float(carried[parent, node] * price[at.site][to.site])
        return 0.0

    optimizer._check_specified_clouds = lambda _graph: None
    optimizer._fill_in_launchable_resources = launchable
    optimizer.Optimizer._egress_cost_or_time = staticmethod(egress)


if __name__ == "__main__":
    main()
