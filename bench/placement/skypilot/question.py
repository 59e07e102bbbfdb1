"""A placement problem as SkyPilot's optimizer understands it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline_splitter.problem import Floats, Integers, Problem


@dataclass(frozen=True)
class Question:
    """A question to SkyPilot in its own units: dollars and gigabytes, where ours are bytes.

    Attributes:
        scale: what our costs were divided by.
        candidates: for each task its permitted sites, each with what the task costs there.
        edges: (earlier, later, bytes); each pair of tasks once.
        price: (s, s): of one byte from site a to site b.
    """

    scale: float
    candidates: list[list[tuple[int, float]]]
    edges: list[tuple[int, int, float]]
    price: Floats

    def document(self) -> dict[str, Any]:
        """Return the question as JSON."""
        return {"candidates": self.candidates, "edges": self.edges, "price": self.price.tolist()}

    def cost(self, site_of: Integers) -> float:
        """Compute a placement's cost as SkyPilot counts it: egress once for each edge."""
        sites = site_of.tolist()
        running = sum(dict(offered)[site] for offered, site in zip(self.candidates, sites, strict=True))
        moving = sum(carried * self.price[sites[earlier], sites[later]] for earlier, later, carried in self.edges)
        return float(running + moving)


def ask(problem: Problem) -> Question:
    """Return the question for a problem; quotas and budgets are left out (SkyPilot has none).

    Costs are divided so that the dearest candidate or crossing costs 1,000: its solver's tolerances are absolute.
    """
    nets, costs = problem.nets, problem.costs
    tasks = len(problem.blocks)
    net_of = np.repeat(np.arange(len(nets.size_bytes)), np.diff(nets.starts))
    brought = nets.producer[net_of] < 0
    unary = costs.unary.copy()
    np.add.at(unary, nets.readers[brought], costs.fixed[net_of[brought]])

    pairs = nets.producer[net_of[~brought]] * tasks + nets.readers[~brought]
    ordered = problem.edges[:, 0] * tasks + problem.edges[:, 1]
    edges, at = np.unique(np.concatenate([pairs, ordered]), return_inverse=True)
    carried = np.bincount(at[: len(pairs)], nets.size_bytes[net_of[~brought]], minlength=len(edges))

    dearest = max(unary[problem.allowed].max(initial=0.0), carried.max(initial=0.0) * costs.price.max(initial=0.0))
    scale = float(dearest) / 1000 or 1.0
    return Question(
        scale=scale,
        candidates=[
            [(site, float(unary[task, site] / scale)) for site in np.flatnonzero(problem.allowed[task]).tolist()]
            for task in range(tasks)
        ],
        edges=list(zip((edges // tasks).tolist(), (edges % tasks).tolist(), carried.tolist(), strict=True)),
        price=costs.price / scale,
    )
