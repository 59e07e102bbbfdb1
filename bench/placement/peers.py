"""Other ways to place, on the same problem; each returns a site for each task."""

from collections.abc import Callable

import numpy as np

from bench.placement.workloads import Workload
from bench.placement.worlds import World, in_order
from pipeline_splitter.problem import Floats, Integers, Problem

BYTES_PER_SECOND = 125e6
LATENCY_SECONDS = 0.05

Peer = Callable[[Workload, World, Problem], Integers]


class _Placing:
    """Tasks placed so far, and what one more would cost where."""

    def __init__(self, problem: Problem) -> None:
        nets = problem.nets
        self.problem = problem
        tasks, sites = problem.allowed.shape
        net_of = np.repeat(np.arange(len(nets.size_bytes)), np.diff(nets.starts))
        order = np.argsort(nets.readers, kind="stable")
        self.reads = np.split(net_of[order], np.cumsum(np.bincount(nets.readers, minlength=tasks))[:-1])
        written = np.argsort(nets.producer, kind="stable")
        bounds = np.searchsorted(nets.producer[written], np.arange(tasks + 1))
        self.wrote = [written[bounds[task] : bounds[task + 1]] for task in range(tasks)]
        self.counts = np.zeros((len(nets.size_bytes), sites), dtype=np.int64)
        self.site_of = np.full(tasks, -1, dtype=np.int64)

    def bringing(self, task: int) -> Floats:
        """Return what bringing its inputs to each site costs beyond what is there, (s,)."""
        problem, nets = self.problem, self.reads[task]
        made = problem.nets.producer[nets] >= 0
        cost = np.where(made[:, None], 0.0, problem.costs.fixed[nets])
        writers = self.site_of[problem.nets.producer[nets[made]]]
        cost[made] = problem.nets.size_bytes[nets[made], None] * problem.costs.price[writers]
        total: Floats = (cost * (self.counts[nets] == 0)).sum(axis=0)
        return total

    def sending(self, task: int) -> Floats:
        """Return what bringing its outputs to the readers placed so far costs, were it at each site, (s,)."""
        nets = self.wrote[task]
        carried = ((self.counts[nets] > 0) * self.problem.nets.size_bytes[nets, None]).sum(axis=0)
        total: Floats = self.problem.costs.price @ carried
        return total

    def put(self, task: int, site: int) -> None:
        """Places or moves a task."""
        if self.site_of[task] >= 0:
            self.counts[self.reads[task], self.site_of[task]] -= 1
        self.counts[self.reads[task], site] += 1
        self.site_of[task] = site


def greedy(workload: Workload, world: World, problem: Problem) -> Integers:  # noqa: ARG001  # all peers are called alike
    """Place in topological order, each task where it and its inputs are cheapest."""
    placing = _Placing(problem)
    for task in in_order(workload):
        cost = np.where(problem.allowed[task], problem.costs.unary[task] + placing.bringing(task), np.inf)
        placing.put(task, int(cost.argmin()))
    return placing.site_of


def greedy_moves(workload: Workload, world: World, problem: Problem) -> Integers:
    """Greedy, then single moves while one makes it cheaper."""
    placing = _Placing(problem)
    for task, site in enumerate(greedy(workload, world, problem).tolist()):
        placing.put(task, site)
    moved = True
    while moved:
        moved = False
        for task in range(len(placing.site_of)):
            here = placing.site_of[task]
            placing.counts[placing.reads[task], here] -= 1
            cost = problem.costs.unary[task] + placing.bringing(task) + placing.sending(task)
            placing.counts[placing.reads[task], here] += 1
            cost = np.where(problem.allowed[task], cost, np.inf)
            if cost.min() < cost[here] * (1 - 1e-12):
                placing.put(task, int(cost.argmin()))
                moved = True
    return placing.site_of


def data_gravity(workload: Workload, world: World, problem: Problem) -> Integers:  # noqa: ARG001  # as above
    """Place each task where its biggest input is, if it may be there; else where it computes cheapest."""
    site_of = np.zeros(len(problem.blocks), dtype=np.int64)
    placing = _Placing(problem)
    for task in in_order(workload):
        nets = placing.reads[task]
        held = np.zeros(problem.allowed.shape[1])
        for net in nets.tolist():
            writer = int(problem.nets.producer[net])
            where = problem.costs.fixed[net] == 0 if writer < 0 else np.arange(len(held)) == site_of[writer]
            held = np.maximum(held, where * problem.nets.size_bytes[net])
        held = np.where(problem.allowed[task], held, -1.0)
        best = np.flatnonzero(held == held.max())
        site_of[task] = int(best[problem.costs.unary[task, best].argmin()])
    return site_of


def one_site(workload: Workload, world: World, problem: Problem) -> Integers:  # noqa: ARG001  # as above
    """Place all at one site, the cheapest such; what may not be there is where it computes cheapest."""
    from bench.placement.checks import cost  # noqa: PLC0415  # checks and peers look at each other's figures

    fallback = np.where(problem.allowed, problem.costs.unary, np.inf).argmin(axis=1)
    options = [np.where(problem.allowed[:, site], site, fallback) for site in range(len(problem.sites))]
    return min(options, key=lambda option: cost(problem, option))


def heft(workload: Workload, world: World, problem: Problem) -> Integers:
    """Heterogeneous earliest finish time: by upward rank, each where it ends first (slots unlimited)."""
    tasks = len(workload.seconds)
    placing = _Placing(problem)
    seconds = workload.seconds[:, None] / world.speed
    moving = problem.nets.size_bytes / BYTES_PER_SECOND + LATENCY_SECONDS
    order = in_order(workload)
    rank = np.zeros(tasks)
    for task in reversed(order):
        after = [
            moving[net] + rank[reader]
            for net in placing.wrote[task].tolist()
            for reader in problem.nets.readers[problem.nets.starts[net] : problem.nets.starts[net + 1]].tolist()
        ]
        rank[task] = seconds[task].mean() + max(after, default=0.0)
    place = np.empty(tasks)
    place[order] = np.arange(tasks)
    ends = np.zeros(tasks)
    for task in np.lexsort((place, -rank)).tolist():
        ready = np.zeros(problem.allowed.shape[1])
        for net in placing.reads[task].tolist():
            writer = int(problem.nets.producer[net])
            if writer < 0:
                arrives = np.where(world.copies[net], 0.0, moving[net])
            else:
                arrives = ends[writer] + np.where(np.arange(len(ready)) == placing.site_of[writer], 0.0, moving[net])
            ready = np.maximum(ready, arrives)
        finish = np.where(problem.allowed[task], ready + seconds[task], np.inf)
        site = int(finish.argmin())
        ends[task] = finish[site]
        placing.put(task, site)
    return placing.site_of


PEERS: dict[str, Peer] = {
    "greedy in topological order": greedy,
    "greedy, one-move improvement": greedy_moves,
    "data gravity": data_gravity,
    "HEFT": heft,
    "one site": one_site,
}
