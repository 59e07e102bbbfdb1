"""Small time problems drawn by seed, and what is true of them, found by trying everything."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from pipeline_splitter.problem import Budget, Costs, Limits, Nets, Problem, TimeProblem, TimeSolution


class Ticking:
    """A clock that moves by itself each time it is read."""

    def __init__(self, step: float = 0.0) -> None:
        self.now = 0.0
        self.step = step

    def __call__(self) -> float:
        """Seconds."""
        self.now += self.step
        return self.now


def patient(gap: float = 1e-9) -> Limits:
    """Limits that never strike."""
    return Limits(gap=gap, deadline=60.0, clock=Ticking())


def draw(seed: int, *, tasks: int = 4, sites: int = 2, blocks: bool = False) -> TimeProblem:
    """A random problem: data with and without producers, order edges, slots of 0 to 2, forbidden sites."""
    rng = np.random.default_rng(seed)
    block_of = np.arange(tasks)
    if blocks and tasks > 1:
        block_of = np.concatenate([[0, 0], np.arange(1, tasks - 1)])
    count = int(block_of.max()) + 1 if tasks else 0
    data = [(int(rng.integers(-1, tasks - 1)), int(rng.integers(1, 3))) for _ in range(tasks)] if tasks > 1 else []
    reads: list[tuple[int, list[int]]] = []
    for producer, wanted in data:
        later = np.arange(producer + 1, tasks)
        readers = rng.choice(later, min(wanted, len(later)), replace=False)
        reads.append((producer, sorted(readers.tolist())))
    size = rng.integers(0, 4, len(reads)).astype(float)
    slower = rng.integers(1, 4, (sites, sites)).astype(float)
    np.fill_diagonal(slower, 0.0)
    starts = np.concatenate([[0], np.cumsum([len(readers) for _, readers in reads])]).astype(np.int64)
    order = [(0, tasks - 1)] if tasks > 1 and rng.random() < 0.5 else []
    allowed = rng.random((count, sites)) < 0.85
    allowed[np.arange(count), rng.integers(0, sites, count)] = True
    nets = [
        (
            int(block_of[producer]) if producer >= 0 else -1,
            sorted({int(block_of[reader]) for reader in readers}),
            bytes_,
        )
        for (producer, readers), bytes_ in zip(reads, size.tolist(), strict=True)
    ]
    nets = [(writer, [reader for reader in readers if reader != writer], bytes_) for writer, readers, bytes_ in nets]
    nets = [net for net in nets if net[1]]
    fixed = np.array([rng.integers(0, 3, sites) if writer < 0 else np.zeros(sites) for writer, _, _ in nets])
    away = 1.0 - np.eye(sites)
    problem = Problem(
        blocks=tuple(f"b{block}" for block in range(count)),
        sites=tuple(f"s{site}" for site in range(sites)),
        allowed=allowed,
        costs=Costs(rng.integers(0, 5, (count, sites)) / 3, away, fixed.reshape(-1, sites).astype(float)),
        nets=Nets(
            np.array([writer for writer, _, _ in nets], dtype=np.int64),
            np.array([bytes_ for _, _, bytes_ in nets], dtype=float),
            np.concatenate([[0], np.cumsum([len(readers) for _, readers, _ in nets])]).astype(np.int64),
            np.array([reader for _, readers, _ in nets for reader in readers], dtype=np.int64),
        ),
        cpu_hours=rng.integers(0, 4, (count, sites)).astype(float),
        quota_cpu_hours=np.full(sites, np.inf),
        edges=np.zeros((0, 2), dtype=np.int64),
    )
    return TimeProblem(
        problem=problem,
        tasks=tuple(f"t{task}" for task in range(tasks)),
        block_of=block_of,
        seconds=rng.integers(0, 6, (tasks, sites)) / 0.7,
        slots=rng.integers(0, 3, sites),
        producer=np.array([producer for producer, _ in reads], dtype=np.int64),
        starts=starts,
        readers=np.array([reader for _, readers in reads for reader in readers], dtype=np.int64),
        delay=size[:, None, None] * slower / 3,
        fixed_delay=rng.integers(0, 3, (len(reads), sites)).astype(np.float64),
        order=np.array(order, dtype=np.int64).reshape(-1, 2),
    )


def with_quota(problem: TimeProblem, hours: float) -> TimeProblem:
    """The same, with a quota at the first site."""
    quota = problem.problem.quota_cpu_hours.copy()
    quota[0] = hours
    return replace(problem, problem=replace(problem.problem, quota_cpu_hours=quota))


def with_budget(problem: TimeProblem, seed: int, limit: float) -> TimeProblem:
    """The same, with another cost limited."""
    rng = np.random.default_rng(seed)
    costs = problem.problem.costs
    other = replace(costs, unary=rng.integers(0, 5, costs.unary.shape) / 3)
    return replace(problem, problem=replace(problem.problem, budgets=(Budget(other, limit),)))


def waits(problem: TimeProblem) -> Iterator[tuple[int, int, int]]:
    """(producer, reader, datum); datum -1 where only the end is waited for; producer -1 where nobody writes."""
    for datum, producer in enumerate(problem.producer.tolist()):
        for reader in problem.readers[problem.starts[datum] : problem.starts[datum + 1]].tolist():
            yield producer, reader, datum
    for earlier, later in problem.order.tolist():
        yield earlier, later, -1


def cost(problem: Problem, costs: Costs, sites: tuple[int, ...]) -> float:
    """By the definition in `Problem`."""
    total = sum(float(costs.unary[block, site]) for block, site in enumerate(sites))
    for net, producer in enumerate(problem.nets.producer.tolist()):
        readers = problem.nets.readers[problem.nets.starts[net] : problem.nets.starts[net + 1]].tolist()
        for site in {sites[reader] for reader in readers}:
            if producer >= 0:
                total += float(problem.nets.size_bytes[net] * costs.price[sites[producer], site])
            else:
                total += float(costs.fixed[net, site])
    return total


def placements(problem: Problem) -> Iterator[tuple[int, ...]]:
    """Every placement that meets the constraints."""
    for sites in itertools.product(range(len(problem.sites)), repeat=len(problem.blocks)):
        if not all(problem.allowed[block, site] for block, site in enumerate(sites)):
            continue
        used = [0.0] * len(problem.sites)
        for block, site in enumerate(sites):
            used[site] += float(problem.cpu_hours[block, site])
        if any(hours > quota + 1e-9 for hours, quota in zip(used, problem.quota_cpu_hours, strict=True)):
            continue
        if any(cost(problem, budget.costs, sites) > budget.limit + 1e-9 for budget in problem.budgets):
            continue
        yield sites


def shortest(problem: TimeProblem, block_sites: tuple[int, ...]) -> float:
    """The least makespan of a placement: every order of the tasks, each as early as can be."""
    site_of = [block_sites[block] for block in problem.block_of]
    before: dict[int, list[tuple[int, float]]] = {task: [] for task in range(len(problem.tasks))}
    release = [0.0] * len(problem.tasks)
    for producer, reader, datum in waits(problem):
        if producer < 0:
            release[reader] = max(release[reader], float(problem.fixed_delay[datum, site_of[reader]]))
        else:
            delay = float(problem.delay[datum, site_of[producer], site_of[reader]]) if datum >= 0 else 0.0
            before[reader].append((producer, delay))
    best = math.inf
    for order in itertools.permutations(range(len(problem.tasks))):
        ends: dict[int, float] = {}
        free = {site: [0.0] * slots for site, slots in enumerate(problem.slots.tolist())}
        for task in order:
            if any(earlier not in ends for earlier, _ in before[task]):
                break
            site = site_of[task]
            start = max([release[task], *(ends[earlier] + delay for earlier, delay in before[task])])
            if free[site]:
                start = max(start, min(free[site]))
                free[site].remove(min(free[site]))
                free[site].append(start + float(problem.seconds[task, site]))
            ends[task] = start + float(problem.seconds[task, site])
        else:
            best = min(best, max(ends.values(), default=0.0))
    return best


def fastest(problem: TimeProblem) -> float:
    """The least makespan of all; infinite where nothing is feasible."""
    return min((shortest(problem, sites) for sites in placements(problem.problem)), default=math.inf)


def cheapest_within(problem: TimeProblem, horizon: float) -> float:
    """The least cost of all that end in time; infinite where nothing does."""
    return min(
        (
            cost(problem.problem, problem.problem.costs, sites)
            for sites in placements(problem.problem)
            if shortest(problem, sites) <= horizon + 1e-9
        ),
        default=math.inf,
    )


def broken(problem: TimeProblem, found: TimeSolution) -> list[str]:
    """What a solution's schedule breaks; nothing where it holds."""
    assert found.placement is not None
    assert found.task_starts is not None
    wrong: list[str] = []
    site_of = found.placement[problem.block_of].tolist()
    starts = found.task_starts.tolist()
    ends = [start + float(problem.seconds[task, site_of[task]]) for task, start in enumerate(starts)]
    if tuple(found.placement.tolist()) not in set(placements_met(problem.problem, tuple(found.placement.tolist()))):
        wrong.append("placement")
    for producer, reader, datum in waits(problem):
        if producer < 0:
            arrival = float(problem.fixed_delay[datum, site_of[reader]])
        else:
            arrival = ends[producer]
            if datum >= 0:
                arrival += float(problem.delay[datum, site_of[producer], site_of[reader]])
        if starts[reader] < arrival - 1e-9:
            wrong.append(f"task {reader} starts before datum {datum} is there")
    for site, slots in enumerate(problem.slots.tolist()):
        here = sorted((starts[task], ends[task]) for task in range(len(starts)) if site_of[task] == site)
        free = [0.0] * slots
        for start, end in here:
            if not slots:
                break
            if min(free) > start + 1e-9:
                wrong.append(f"no slot at site {site} at {start}")
            free.remove(min(free))
            free.append(end)
    return wrong


def placements_met(problem: Problem, sites: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The placement itself, where it meets the constraints."""
    used = [0.0] * len(problem.sites)
    for block, site in enumerate(sites):
        used[site] += float(problem.cpu_hours[block, site])
    fits = all(problem.allowed[block, site] for block, site in enumerate(sites))
    fits &= all(hours <= quota * (1 + 1e-9) for hours, quota in zip(used, problem.quota_cpu_hours, strict=True))
    fits &= all(cost(problem, budget.costs, sites) <= budget.limit * (1 + 1e-9) for budget in problem.budgets)
    return [sites] if fits else []


def one_slot(seconds: list[float]) -> TimeProblem:
    """Independent tasks, one site, one slot."""
    problem = draw(0, tasks=0, sites=1)
    tasks = len(seconds)
    blocks = replace(
        problem.problem,
        blocks=tuple(f"b{task}" for task in range(tasks)),
        allowed=np.ones((tasks, 1), dtype=bool),
        costs=replace(problem.problem.costs, unary=np.zeros((tasks, 1))),
        cpu_hours=np.zeros((tasks, 1)),
    )
    return replace(
        problem,
        problem=blocks,
        tasks=tuple(f"t{task}" for task in range(tasks)),
        block_of=np.arange(tasks),
        seconds=np.array(seconds)[:, None],
        slots=np.array([1]),
    )
