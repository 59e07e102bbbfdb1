"""The optimization problem as flat arrays: which site for each block, at least cost. Nothing of pipelines is left.

A *block* is a set of tasks that share one site (most have one task). A *net* is one datum with its readers: it is
brought once to each site where a block reads it.

Shapes: n blocks, s sites, m nets, r reader entries in all.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Costs:
    """One linear cost of a placement.

    Attributes:
        unary: (n, s): of a block at a site, whatever else; finite and >= 0 also where it is not allowed.
        price: (s, s): of one byte from site a to site b; diagonal 0; >= 0.
        fixed: (m, s): of bringing net k to site b where nobody writes it (producer -1); 0 elsewhere and where a copy
            is.
    """

    unary: Floats
    price: Floats
    fixed: Floats


@dataclass(frozen=True, slots=True)
class Budget:
    """A cost that must not exceed a limit: an earlier objective of a list."""

    costs: Costs
    limit: float


@dataclass(frozen=True, slots=True)
class Nets:
    """The nets: each datum's producer and readers.

    Readers of net k: `readers[starts[k]:starts[k + 1]]`, blocks, without repetition, never the producer itself; at
    least one.

    Attributes:
        producer: (m,): block, or -1.
        size_bytes: (m,).
        starts: (m + 1,).
        readers: (r,).
        keys: (m,) of the data, for messages and for bound.json; may be empty in tests.
    """

    producer: Integers
    size_bytes: Floats
    starts: Integers
    readers: Integers
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """Minimise `costs` over x: blocks -> sites with allowed[i, x_i], subject to the quotas and budgets.

    The cost of x under Costs c: sum of c.unary[i, x_i] over blocks, plus for each net k and each site b where at least
    one reader sits: size_bytes[k] * c.price[x_producer, b] if it has a producer, else c.fixed[k, b].

    Attributes:
        blocks: (n,) names, for messages; sorted by name.
        sites: (s,) names; sorted.
        allowed: (n, s); a row without any True: nothing is feasible.
        cpu_hours: (n, s): what a block takes of a site's quota there.
        quota_cpu_hours: (s,); infinite where there is none.
        edges: (e, 2) pairs (earlier, later) of different blocks; acyclic; for whoever needs the order.
    """

    blocks: tuple[str, ...]
    sites: tuple[str, ...]
    allowed: Flags
    costs: Costs
    nets: Nets
    cpu_hours: Floats
    quota_cpu_hours: Floats
    edges: Integers
    budgets: tuple[Budget, ...] = ()


@dataclass(frozen=True, slots=True)
class TimeProblem:
    """The makespan problem. Shapes: t tasks (a block has one or more), s sites, k data with their readers.

    A task takes `seconds[i, x]` without interruption from its start, in one of its site's slots. It starts no earlier
    than each input's arrival: the end of its producer, plus `latency + size / bandwidth` where it crosses (each
    crossing at once, not contended); data that nobody writes arrive
    `fixed_delay` after 0; order edges: the end of the earlier.

    Attributes:
        problem: the blocks: where each may be, quotas, budgets; its `costs` are minimised only where `time` is a limit.
        tasks: (t,) names, sorted.
        block_of: (t,): index of the task's block in `problem`.
        seconds: (t, s).
        slots: (s,); 0: unlimited.
        producer: (k,): task, or -1.
        starts, readers: as in Nets, of tasks. A task's reading of what its own block writes is listed here too.
        delay: (k, s, s): seconds from site a to site b; 0 on the diagonal; for data with a producer.
        fixed_delay: (k, s): for data without a producer.
        order: (e, 2): (earlier, later) tasks.
    """

    problem: "Problem"
    tasks: tuple[str, ...]
    block_of: Integers
    seconds: Floats
    slots: Integers
    producer: Integers
    starts: Integers
    readers: Integers
    delay: Floats
    fixed_delay: Floats
    order: Integers


@dataclass(frozen=True, slots=True)
class TimeSolution:
    """A `Solution` with the seconds at which each task starts.

    `value` is the makespan, or the cost within a limit.
    """

    placement: Integers | None
    task_starts: Floats | None
    value: float
    lower_bound: float
    infeasible: bool = False
    solver: str = ""


@dataclass(frozen=True, slots=True)
class Certificate:
    """Multipliers from which anybody recomputes a lower bound on `costs`; valid whatever their values are.

    With pair (k, j) for the j-th reader entry of net k, at index `starts[k] + j`:

        bound = sum over blocks i of min over allowed s of
                  ( unary[i, s] + sum over budgets q of nu_q * unary_q[i, s] + mu[s] * cpu_hours[i, s]
                    + sum over entries e read by i of  psi_e(s)  (producer nets)  or  share[e, s] * F_k(s)  (others)
                    + sum over entries e of nets that i writes of  phi_e(s) )
                - sum over sites s with a quota of mu[s] * quota[s] - sum over q of nu_q * limit_q

    where F_k(b) and P(a, b) are the fixed and pairwise prices with budgets added (fixed + nu_q * fixed_q, ...), psi_e =
    `messages[e]`, and phi_e(a) = min over sites b allowed to the reader of (share[e, b] * size_k * P(a, b) -
    psi_e(b)). Valid when shares are >= 0 and, for each net k and site b, the shares of k's entries sum to at most 1,
    where mu, nu >= 0. A checker divides the shares of a net by their sum where rounding made it exceed 1.

    Attributes:
        shares: (r, s): the part of each crossing's price that each reader carries; in [0, 1].
        messages: (r, s): psi; 0 for nets without a producer.
        quota_prices: (s,): mu.
        budget_prices: one for each budget: nu.
    """

    shares: Floats
    messages: Floats
    quota_prices: Floats
    budget_prices: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a search.

    Attributes:
        gap: relative: good enough.
        deadline: in the clock's seconds; the best so far is returned soon after.
        clock: seconds, monotonic.
        progress: told the best value and the bound now and then (None, where there is none yet).
    """

    gap: float
    deadline: float
    clock: Callable[[], float]
    progress: Callable[[float | None, float | None], None] = lambda _value, _bound: None


@dataclass(frozen=True, slots=True)
class Solution:
    """A solver's solution.

    Attributes:
        placement: (n,) site of each block; None where none was found (`infeasible` tells whether there is none).
        value: cost of the placement; infinite without one.
        lower_bound: holds for every feasible placement, rounding included.
        infeasible: it was proven that no placement meets the constraints.
        certificate: multipliers whose bound is `lower_bound`; None where the bound was proven in another way.
        solver: its name.
    """

    placement: Integers | None
    value: float
    lower_bound: float
    infeasible: bool = False
    certificate: Certificate | None = None
    solver: str = ""
