"""Costs and bounds once more, in plain loops that share nothing with the solvers."""

import math

import numpy as np

from pipeline_splitter.problem import Certificate, Integers, Problem, Solution

_SLACK = 1e-9


def cost(problem: Problem, site_of: Integers) -> float:
    """Compute the cost of a placement."""
    sites = site_of.tolist()
    costs, nets = problem.costs, problem.nets
    parts = [float(costs.unary[task, site]) for task, site in enumerate(sites)]
    starts, readers, producer = nets.starts.tolist(), nets.readers.tolist(), nets.producer.tolist()
    for net, size in enumerate(nets.size_bytes.tolist()):
        for site in {sites[reader] for reader in readers[starts[net] : starts[net + 1]]}:
            if producer[net] >= 0:
                parts.append(size * float(costs.price[sites[producer[net]], site]))
            else:
                parts.append(float(costs.fixed[net, site]))
    return math.fsum(parts)


def bound(problem: Problem, certificate: Certificate) -> float:
    """Compute the bound that the multipliers prove, entry by entry (no budgets)."""
    nets = problem.nets
    priced = np.isfinite(problem.quota_cpu_hours)
    mu = np.where(priced, np.maximum(certificate.quota_prices, 0.0), 0.0)
    theta = problem.costs.unary + mu * problem.cpu_hours
    for net in range(len(nets.size_bytes)):
        entries = range(int(nets.starts[net]), int(nets.starts[net + 1]))
        shares = np.maximum(certificate.shares[entries.start : entries.stop], 0.0)
        shares = shares / np.maximum(1.0, shares.sum(axis=0))
        writer = int(nets.producer[net])
        for number, entry in enumerate(entries):
            reader = int(nets.readers[entry])
            if writer < 0:
                theta[reader] += shares[number] * problem.costs.fixed[net]
                continue
            psi = certificate.messages[entry]
            theta[reader] += psi
            crossing = shares[number] * nets.size_bytes[net] * problem.costs.price - psi
            theta[writer] += crossing[:, problem.allowed[reader]].min(axis=1)
    least = np.where(problem.allowed, theta, np.inf).min(axis=1)
    return math.fsum(least.tolist()) - float((mu[priced] * problem.quota_cpu_hours[priced]).sum())


def check(problem: Problem, solution: Solution) -> str:  # noqa: PLR0911  # one return for each thing that may be wrong
    """Return what is wrong with the solution; empty where it is what it says."""
    placement = solution.placement
    if placement is None:
        return "no placement"
    if not problem.allowed[np.arange(len(placement)), placement].all():
        return "a task is where it may not be"
    hours = problem.cpu_hours[np.arange(len(placement)), placement]
    used = np.bincount(placement, hours, minlength=len(problem.sites))
    if (used > problem.quota_cpu_hours * (1 + _SLACK)).any():
        return "a quota is exceeded"
    if abs(cost(problem, placement) - solution.value) > _SLACK * abs(solution.value):
        return "the cost is another"
    if solution.lower_bound > solution.value:
        return "the bound is above the cost"
    if solution.certificate is not None:
        proven = bound(problem, solution.certificate)
        if proven < solution.lower_bound - _SLACK * abs(solution.value):
            return f"the certificate proves {proven}, not {solution.lower_bound}"
    return ""
