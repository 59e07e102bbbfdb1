"""Certificates: writes `bound.json`, the multipliers from which anybody recomputes each lower bound. Pure.

Everything is by name, so that a checker needs none of the planner's arrays. What is left out has a default: a share is
1 / (number of the datum's readers), a message or a price is 0. See docs/bound.md.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from moorage.model import API_VERSION
from pipeline_splitter.flow import Candidate
from pipeline_splitter.problem import Certificate, Problem
from pipeline_splitter.solving.bound import certified_bound

SAME = 1e-9
"""Relative: bounds that differ by rounding only."""
_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Branch:
    """One part of all choices of releases, and what was proven of it.

    Attributes:
        taken, left, free: inserted, not inserted, not decided.
        lower_bound: infinite where nothing in it is feasible.
        certified: the multipliers (or a task that may be nowhere) prove it.
        proven_bound: what the multipliers prove; -infinity without any.
    """

    taken: tuple[Candidate, ...]
    left: tuple[Candidate, ...]
    free: tuple[Candidate, ...]
    lower_bound: float
    problem: Problem | None = None
    certificate: Certificate | None = None
    certified: bool = False
    proven_bound: float = -math.inf


@dataclass(frozen=True, slots=True)
class ProvenObjective:
    """One objective's bound: the least of its branches'."""

    objective: str
    lower_bound: float
    budgets: tuple[tuple[str, float], ...]
    branches: tuple[Branch, ...]


def rounded(certificate: Certificate) -> Certificate:
    """Return the multipliers as they are written: what is proven is proven by these."""

    def short(values: Any) -> Any:  # noqa: ANN401 - arrays of any shape
        import numpy as np  # noqa: PLC0415 - only where there is something to round

        return np.array([float(f"{value:.{_DIGITS}g}") for value in values.ravel().tolist()]).reshape(values.shape)

    return Certificate(
        short(certificate.shares),
        short(certificate.messages),
        short(certificate.quota_prices),
        tuple(float(f"{price:.{_DIGITS}g}") for price in certificate.budget_prices),
    )


def proven(problem: Problem, certificate: Certificate | None) -> float:
    """Return the bound that a certificate gives; -infinity without one."""
    return -math.inf if certificate is None else certified_bound(problem, certificate)


def certify(branches: Sequence[Branch]) -> tuple[Branch, ...]:
    """Return the branches with the bounds that their multipliers prove, each at least the least of all bounds.

    A solver may know more of a branch than its multipliers prove. That counts only where the least bound is at stake.
    """
    floor = min((branch.lower_bound for branch in branches), default=math.inf)
    return tuple(
        replace(branch, lower_bound=branch.proven_bound, certified=True)
        if not branch.certified and branch.proven_bound >= floor - SAME * abs(floor)
        else branch
        for branch in branches
    )


def write_bound(name: str, digest: str, objectives: Sequence[ProvenObjective]) -> str:
    """Write `bound.json`, which proves the lower bounds."""
    body = {
        "apiVersion": API_VERSION,
        "kind": "Bound",
        "pipeline": {"name": name, "digest": digest},
        "objectives": [_objective(each) for each in objectives],
    }
    return orjson.dumps(body).decode() + "\n"


def _objective(proof: ProvenObjective) -> dict[str, Any]:
    return {
        "objective": proof.objective,
        "lowerBound": proof.lower_bound,
        "budgets": [{"objective": objective, "limit": limit} for objective, limit in proof.budgets],
        "branches": [_branch(branch) for branch in proof.branches],
    }


def _branch(branch: Branch) -> dict[str, Any]:
    written: dict[str, Any] = {
        name: [_choice(candidate) for candidate in candidates]
        for name, candidates in (("inserted", branch.taken), ("left", branch.left), ("undecided", branch.free))
    }
    if math.isinf(branch.lower_bound) and branch.lower_bound > 0:
        return {**written, "infeasible": True}
    written["lowerBound"] = branch.lower_bound
    if branch.problem is not None and branch.certificate is not None:
        written["multipliers"] = _multipliers(branch.problem, branch.certificate)
    return written


def _choice(candidate: Candidate) -> dict[str, str]:
    artifact = candidate.artifact
    written = {
        "datum": artifact.datum,
        "dataset": str(candidate.dataset),
        "release": candidate.release,
        "reader": candidate.step,
    }
    return {**written, "importer": f"{artifact.source}.{artifact.output}"} if artifact.source else written


def _multipliers(problem: Problem, certificate: Certificate) -> dict[str, Any]:
    nets = problem.nets
    starts = nets.starts.tolist()
    readers = nets.readers.tolist()
    shares, messages = certificate.shares.tolist(), certificate.messages.tolist()
    data: dict[str, Any] = {}
    for index, key in enumerate(nets.keys):
        begin, end = starts[index], starts[index + 1]
        usual = 1.0 / (end - begin)
        told = {}
        for entry in range(begin, end):
            reader = {
                "shares": _sparse(problem.sites, shares[entry], usual),
                "messages": _sparse(problem.sites, messages[entry], 0.0),
            }
            if short := {name: values for name, values in reader.items() if values}:
                told[problem.blocks[readers[entry]]] = short
        if told:
            data[key] = told
    return {
        "quotaPrices": _sparse(problem.sites, certificate.quota_prices.tolist(), 0.0),
        "budgetPrices": list(certificate.budget_prices),
        "data": data,
    }


def _sparse(names: Sequence[str], values: Sequence[float], usual: float) -> Mapping[str, float]:
    return {name: value for name, value in zip(names, values, strict=True) if value != usual}
