"""Runs as objects, made by hand: what a hub writes of the hospitals' plan, and what a hostile tenant would like to."""

from typing import Any

from moorage.model import API_VERSION
from pipeline_splitter.plan import Plan

Raw = dict[str, Any]
EVIL = '</script><img src=x onerror="window.hacked=1">\x1b]0;t\x07\u202e<b>"\'&'
UID = "5c4f3d62-0000-4000-8000-2c0ffee0a11c"


def run_object(plan: Plan | None = None, namespace: str = "sepsis-study", name: str = "nightly", **status: Any) -> Raw:  # noqa: ANN401
    """A StretchedPipeline; with a plan, one that runs: the first group is done, the second under way."""
    told: Raw = {"phase": "Planning", "startTime": "2026-11-30T10:00:00Z"}
    if plan is not None:
        phases = ["Succeeded", "Running"] + ["Waiting"] * len(plan.groups)
        of_task = {"Succeeded": "Succeeded", "Running": "Running", "Waiting": "Pending"}
        groups = [
            {"id": group.id, "site": group.site, "phase": phase, "attempt": 1, "startTime": "2026-11-30T10:00:10Z"}
            for group, phase in zip(plan.groups, phases, strict=False)
        ]
        tasks = [
            {"name": task, "phase": of_task[phase], "site": group.site, "attempt": 1}
            for group, phase in zip(plan.groups, phases, strict=False)
            for task in group.tasks
        ]
        told |= {"phase": "Running", "groups": groups, "tasks": tasks, "groupsDone": f"1/{len(plan.groups)}"}
        told |= {"bytesMoved": 400_000_000, "bytesPlanned": int(plan.costs["bytes"])}
        told |= {
            "plan": {"digest": "d" * 64, "file": "plan.json", "revision": 1, "objective": "money", "value": "1.43"}
        }
    return {
        "apiVersion": API_VERSION,
        "kind": "StretchedPipeline",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": UID,
            "creationTimestamp": "2026-11-30T10:00:00Z",
            "resourceVersion": "41",
        },
        "spec": {"pipeline": {"inline": "{}"}, "parameters": {"threshold": 8}},
        "status": told | status,
    }


def table(*rows: Raw) -> Raw:
    """The API server's table of these objects."""
    names = ["Name", "Phase", "Groups", "Objective", "Cost", "Gap", "Age", "Message"]
    made = []
    for raw in rows:
        status, plan = raw["status"], raw["status"].get("plan") or {}
        cells = [raw["metadata"]["name"], status.get("phase"), status.get("groupsDone"), plan.get("objective")]
        cells += [plan.get("value"), plan.get("gap"), "5m", status.get("message")]
        made.append({"cells": cells, "object": {"metadata": raw["metadata"]}})
    return {"columnDefinitions": [{"name": name} for name in names], "rows": made}
