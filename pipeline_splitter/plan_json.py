"""`plan.json` and `infeasible.json`: records in, text out, and back.

Keys stand in the order of the specification, numbers are JSON numbers, lists that have no order of their own are
sorted: the same plan gives the same bytes. Governance is in the words of the Dataset API, with two differences: `[]`
means nowhere or nobody, and `releases` are left out, because they are what a dataset declares and not what data carry.
`plan.schema.json` and `infeasible.schema.json`, beside this module, describe the files.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from moorage.model import API_VERSION, DatasetRef, Governance
from moorage.objectives import OBJECTIVES, priced
from moorage.wire.governance import write_governance
from pipeline_splitter.plan import (
    Alternative,
    Denial,
    Export,
    Group,
    Import,
    Infeasible,
    InsertedRelease,
    ObjectiveResult,
    Plan,
    PlannedTask,
    Transfer,
)
from pipeline_splitter.plan_reading import read_infeasible, read_plan

__all__ = ["read_infeasible", "read_plan", "write_governance_of_plan", "write_infeasible", "write_plan"]

Raw = dict[str, Any]
_LARGEST_EXACT = 2.0**53
_FACT_ORDER = ("task", "together", "dataset", "rule", "site", "resource", "pin", "sites")
_REMEDY_ORDER = ("release", "acceptance", "clearance", "dataset", "task", "site")


def write_plan(plan: Plan) -> str:
    """Write the text of `plan.json`.

    Raises:
        ValueError: a number of the plan is not finite.
    """
    return _text(
        {
            "apiVersion": API_VERSION,
            "kind": "Plan",
            "pipeline": {"name": plan.pipeline_name, "digest": plan.pipeline_digest},
            "cost": [_objective(result) for result in plan.cost],
            "costs": {name: _number(plan.costs[name]) for name in OBJECTIVES},
            **({"currency": plan.currency} if plan.currency else {}),
            "tasks": [_task(task) for task in plan.tasks],
            "transfers": [_transfer(transfer) for transfer in plan.transfers],
            "groups": [_group(group) for group in plan.groups],
            "releases": [_release(release) for release in plan.releases],
            "warnings": list(plan.warnings),
        }
    )


def write_infeasible(infeasible: Infeasible) -> str:
    """Write the text of `infeasible.json`."""
    return _text(
        {
            "facts": [_sentence(fact, _FACT_ORDER) for fact in infeasible.facts],
            "remedies": [_sentence(remedy, _REMEDY_ORDER) for remedy in infeasible.remedies],
            **({"undecided": sorted(infeasible.undecided)} if infeasible.undecided else {}),
        }
    )


def write_governance_of_plan(governances: Mapping[DatasetRef, Governance]) -> Raw:
    """Write a task's rules by dataset, sorted; absent means any, `[]` nowhere or nobody."""
    return {str(ref): write_governance(replace(governances[ref], releases=())) for ref in sorted(governances)}


def _text(raw: Raw) -> str:
    text = json.dumps(raw, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # Half of a surrogate pair can't be encoded; in JSON it can be escaped.
    return text.encode("utf-8", "backslashreplace").decode()


def _number(value: float) -> float:
    """Whole numbers without a fraction, and no negative zero."""
    return int(value) if abs(value) <= _LARGEST_EXACT and value == int(value) else value


def _objective(result: ObjectiveResult) -> Raw:
    return {
        "objective": result.objective,
        "value": _number(result.value),
        "lowerBound": _number(result.lower_bound),
        "gap": _number(result.gap),
        "optimal": result.optimal,
        "certified": result.certified,
        "solver": result.solver,
    }


def _task(task: PlannedTask) -> Raw:
    return {
        "name": task.name,
        **({"displayName": task.title} if task.title else {}),
        "site": task.site,
        "group": task.group,
        "start": _number(task.start),
        "end": _number(task.end),
        "reason": task.reason,
        "governance": write_governance_of_plan(task.governance),
        "assumed": list(task.assumed),
        "inserted": task.inserted,
        "alternatives": [_alternative(alternative) for alternative in task.alternatives],
    }


def _alternative(alternative: Alternative) -> Raw:
    if alternative.denied is not None:
        return {"site": alternative.site, "denied": _denial(alternative.denied)}
    if alternative.cost_delta is None:
        raise ValueError(f"alternative {alternative.site} has neither a cost nor a denial")
    return {"site": alternative.site, "costDelta": _number(alternative.cost_delta)}


def _denial(denial: Denial) -> Raw:
    dataset = {} if denial.dataset is None else {"dataset": str(denial.dataset)}
    return {"rule": denial.rule, **dataset, "message": denial.message}


def _transfer(transfer: Transfer) -> Raw:
    return {
        "what": {transfer.kind.value: transfer.key},
        "from": transfer.origin,
        "to": transfer.target,
        "bytes": _number(transfer.size_bytes),
        "seconds": _number(transfer.seconds),
        **{each.name: _number(transfer.costs[each.name]) for each in priced()},
        "readers": list(transfer.readers),
    }


def _group(group: Group) -> Raw:
    return {
        "id": group.id,
        "site": group.site,
        "tasks": list(group.tasks),
        "after": list(group.after),
        "file": group.file,
        "imports": [_import(item) for item in group.imports],
        "exports": [_export(item) for item in group.exports],
    }


def _import(item: Import) -> Raw:
    return {"parameter": item.parameter, **_carried(item), "from": item.origin}


def _export(item: Export) -> Raw:
    return {"output": item.output, **_carried(item)}


def _carried(item: Import | Export) -> Raw:
    if (item.artifact is None) == (item.value is None):
        raise ValueError(f"{item} must carry either an artifact or a value")
    return {"value": item.value} if item.artifact is None else {"artifact": item.artifact}


def _release(release: InsertedRelease) -> Raw:
    return {
        "dataset": str(release.dataset),
        "release": release.release,
        "task": release.task,
        "site": release.site,
        "datum": release.datum,
        "readers": list(release.readers),
    }


def _sentence(words: Mapping[str, str], order: tuple[str, ...]) -> Raw:
    """Known words first, in order, then others by name; the message last."""
    keys = [*order, *sorted(set(words) - {*order, "message"}), "message"]
    return {key: words[key] for key in keys if key in words}
