"""The check of bound.json for each objective: its branches cover all choices, its multipliers give the bound."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from moorage.model import DatasetRef
from pipeline_splitter.checking.bounds.certificate import Multipliers, bound
from pipeline_splitter.checking.definition.choices import Branch, covers, nowhere, part_of, slots_of
from pipeline_splitter.checking.definition.costs import LINEAR, Tariff
from pipeline_splitter.checking.definition.insertions import Option, Spot, options
from pipeline_splitter.checking.findings import TOLERANCE, CheckInputs, Notes
from pipeline_splitter.plan import ObjectiveResult, Plan


def check_bound(plan: Plan, text: str | None, inputs: CheckInputs, notes: Notes) -> None:
    """Check bound.json for each certified objective, and the limits between objectives."""
    file = "bound.json"
    try:
        raw = json.loads(text) if text is not None else None
        proofs = raw["objectives"] if raw is not None else []
        pipeline = {"name": plan.pipeline_name, "digest": plan.pipeline_digest}
        if raw is None:
            notes.add(file, "is not there")
            return
        notes.same(f"{file} kind", raw.get("kind"), "Bound")
        notes.same(f"{file} pipeline", raw.get("pipeline"), pipeline)
        found, expected = [proof["objective"] for proof in proofs], [each.objective for each in plan.cost]
        if not notes.same(f"{file} objectives", found, expected):
            return
        checker = _Certifier(plan, inputs, notes)
        for number, (each, proof) in enumerate(zip(plan.cost, proofs, strict=True)):
            checker.check(each, proof, [earlier.objective for earlier in plan.cost[:number]])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        notes.add(file, f"can't be read: {type(error).__name__}: {error}")


class _Certifier:
    def __init__(self, plan: Plan, inputs: CheckInputs, notes: Notes) -> None:
        self._plan, self._inputs, self._notes = plan, inputs, notes
        self._options = options(inputs.graph, inputs.datasets)
        self._slots = slots_of(self._options)

    def check(self, result: ObjectiveResult, proof: Mapping[str, Any], earlier: Sequence[str]) -> None:
        """Check one objective's proof."""
        where = f"bound.json objectives[{result.objective}]"
        self._notes.near(f"{where}.lowerBound", float(proof["lowerBound"]), result.lower_bound)
        budgets = [(str(raw["objective"]), float(raw["limit"])) for raw in proof["budgets"]]
        linear = [objective for objective in earlier if objective != "time"]
        if not self._notes.same(f"{where}.budgets", [objective for objective, _ in budgets], linear):
            return
        for objective, limit in budgets:
            self._check_limit(where, objective, limit)
        if result.objective not in LINEAR or not (result.certified or _is_complete(proof["branches"])):
            self._notes.unchecked.append(f"the lower bound of {result.objective}: it is not certified")
            return
        branches = self._branches(where, proof["branches"])
        if branches is None:
            return
        tariff = Tariff(
            self._inputs.inventory, self._inputs.datasets, self._inputs.kwh_per_gb, (*earlier, result.objective)
        )
        proven = [
            self._proven(f"{where}.branches[{number}]", branch, raw, budgets, tariff, certified=result.certified)
            for number, (branch, raw) in enumerate(zip(branches, proof["branches"], strict=True))
        ]
        self._compare(result, min(proven, default=math.inf), len(branches))

    def _compare(self, result: ObjectiveResult, least: float, count: int) -> None:
        """Compare what the multipliers prove with the plan's figures."""
        where, slack = f"cost[{result.objective}]", _slack(result.lower_bound, least)
        if not result.certified:
            # Half of what is allowed to who claims it: no rounding leaves a bound certified and not at once.
            if least >= result.lower_bound - slack / 2:
                self._notes.add(f"{where}.certified", "is false, but the multipliers in bound.json prove the bound")
            else:
                self._notes.unchecked.append(f"the lower bound of {result.objective}: it is not certified")
            return
        if result.lower_bound > least + slack:
            self._notes.add(
                f"{where}.lowerBound",
                f"is {result.lower_bound!r}, but the multipliers in bound.json prove {least!r} only",
            )
        self._notes.checked.append(f"the certificate of {result.objective}: {least!r} over {count} branches")

    def _branches(self, where: str, raw: Sequence[Mapping[str, Any]]) -> list[Branch] | None:
        """Return the branches; None where they are not all choices."""
        branches = [_branch(each) for each in raw]
        for number, branch in enumerate(branches):
            listed = [*branch.taken, *branch.left, *branch.free]
            if len(listed) != len(set(listed)) or set(listed) != self._options:
                self._notes.add(f"{where}.branches[{number}]", "does not name each release that could be inserted once")
                return None
        if not covers(branches, self._slots):
            self._notes.add(f"{where}.branches", "do not cover all choices of releases")
            return None
        return branches

    def _proven(  # noqa: PLR0913 - a branch, as it is and as it was written, and what bounds it
        self,
        where: str,
        branch: Branch,
        raw: Mapping[str, Any],
        budgets: Sequence[tuple[str, float]],
        tariff: Tariff,
        *,
        certified: bool,
    ) -> float:
        """Return the bound on a branch's plans: infinite where there is none, -infinity where nothing is proven."""
        part = part_of(branch, self._inputs)
        if raw.get("infeasible"):
            if nowhere(part) is not None:
                return math.inf
            if not certified:
                return -math.inf  # By the word of the solver.
            self._notes.add(f"{where}.infeasible", "is true, but every task may be somewhere")
        multipliers = Multipliers(raw.get("multipliers") or {})
        value = bound(part, tariff, tariff.objectives[-1], budgets, multipliers)
        said = float(raw.get("lowerBound", -math.inf))
        if certified and said > value + _slack(said, value):
            self._notes.add(f"{where}.lowerBound", f"is {said!r}, but the multipliers prove {value!r} only")
        return value

    def _check_limit(self, where: str, objective: str, limit: float) -> None:
        """Check that an earlier objective's value is within the tolerance of its best."""
        value = self._plan.costs[objective]
        bound_of = {each.objective: each.lower_bound for each in self._plan.cost}
        least = bound_of[objective] * (1 + self._inputs.tolerance)
        if value > limit + TOLERANCE * max(abs(value), abs(limit)):
            self._notes.add(f"costs.{objective}", f"is {value!r}, above the limit {limit!r} for later objectives")
        if limit < least - TOLERANCE * abs(least):
            self._notes.add(
                f"{where}.budgets[{objective}].limit",
                f"is {limit!r}, less than the tolerance ({self._inputs.tolerance:g}) leaves of any value: {least!r}",
            )


def _slack(one: float, other: float) -> float:
    """Return the rounding error to allow; an infinite figure allows none."""
    return TOLERANCE * max(abs(each) if math.isfinite(each) else 0.0 for each in (one, other))


def _is_complete(branches: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether each branch has multipliers, or is said to be infeasible."""
    return bool(branches) and all("multipliers" in raw or raw.get("infeasible") for raw in branches)


def _branch(raw: Mapping[str, Any]) -> Branch:
    parts = [[_option(each) for each in raw.get(word) or []] for word in ("inserted", "left", "undecided")]
    taken, left, free = map(frozenset, parts)
    if sum(map(len, parts)) != len(taken) + len(left) + len(free):
        raise ValueError("a branch names a release twice")
    return Branch(taken, left, free)


def _option(raw: Mapping[str, Any]) -> Option:
    namespace, _, name = str(raw["dataset"]).partition("/")
    importer, _, output = str(raw.get("importer", "")).rpartition(".")
    spot = Spot(str(raw["datum"]), importer, output)
    return Option(spot, DatasetRef(namespace, name), str(raw["release"]), str(raw["reader"]))
