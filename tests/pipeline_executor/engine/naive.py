"""A plain recursion over a compiled pipeline of `making`: one task after the other."""

import json
from collections.abc import Callable
from typing import Any

Raw = dict[str, Any]
_GOOD = {"Succeeded"}


class _Run:
    def __init__(self, document: Raw, fails: Callable[[str, int], bool]) -> None:
        self.components = document["components"]
        self.fails = fails
        self.phases: dict[str, str] = {}
        self.values: dict[str, Any] = {}

    def dag(self, dag: Raw, prefix: str, given: Raw) -> tuple[str, Any]:
        ended: dict[str, tuple[str, Any]] = {}
        for name, task in sorted(dag["tasks"].items()):
            ended[name] = self.task(task, f"{prefix}{name}", given, ended)
        phase = "Failed" if any(each == "Failed" for each, _ in ended.values()) else "Succeeded"
        taken = dag["outputs"]["parameters"]["Output"]["valueFromParameter"]["producerSubtask"]
        return phase, ended[taken][1]

    def task(self, task: Raw, path: str, given: Raw, ended: dict[str, tuple[str, Any]]) -> tuple[str, Any]:
        values: Raw = {}
        upstream = set(task.get("dependentTasks", ()))
        for name, binding in task["inputs"]["parameters"].items():
            if "runtimeValue" in binding:
                values[name] = binding["runtimeValue"]["constant"]
            elif "componentInputParameter" in binding:
                values[name] = given.get(name)
            else:
                producer = binding["taskOutputParameter"]["producerTask"]
                upstream.add(producer)
                values[name] = ended[producer][1]
        policy = task.get("triggerPolicy", {})
        if "strategy" not in policy and any(ended[name][0] not in _GOOD for name in upstream):
            return self.skipped(task, path)
        values = {name: value for name, value in values.items() if value is not None}
        component = self.components[task["componentRef"]["name"]]
        values.setdefault("a", 1)
        if "condition" in policy:
            _, operator, number = policy["condition"].split(" ")
            left, right = values["a"], int(number)
            if not {"<": left < right, ">=": left >= right, "!=": left != right}[operator]:
                return self.skipped(task, path)
        if "parameterIterator" not in task:
            return self.noted(path, self.body(task, component, path, values))
        items = json.loads(task["parameterIterator"]["items"]["raw"])
        each = [
            self.noted(f"{path}#{index}", self.body(task, component, f"{path}#{index}", {**values, "a": item}))
            for index, item in enumerate(items)
        ]
        if any(phase == "Failed" for phase, _ in each):
            return self.noted(path, ("Failed", None))
        return self.noted(path, ("Succeeded", [value for _, value in each if value is not None]))

    def body(self, task: Raw, component: Raw, path: str, values: Raw) -> tuple[str, Any]:
        if "dag" in component:
            phase, value = self.dag(component["dag"], f"{path}/", values)
            return phase, value if phase == "Succeeded" else None
        tries = 1 + task.get("retryPolicy", {}).get("maxRetryCount", 0)
        if all(self.fails(path, attempt) for attempt in range(1, tries + 1)):
            return "Failed", None
        return "Succeeded", 1 + values["a"] + sum(values.get("xs", ()))

    def noted(self, path: str, ended: tuple[str, Any]) -> tuple[str, Any]:
        self.phases[path] = ended[0]
        if ended[0] == "Succeeded" and ended[1] is not None:
            self.values[path] = ended[1]
        return ended

    def skipped(self, task: Raw, path: str) -> tuple[str, Any]:
        component = self.components[task["componentRef"]["name"]]
        if "dag" in component and "parameterIterator" not in task:
            for name, inner in component["dag"]["tasks"].items():
                self.skipped(inner, f"{path}/{name}")
        return self.noted(path, ("Skipped", None))


def run_naively(document: Raw, fails: Callable[[str, int], bool]) -> tuple[dict[str, str], dict[str, Any]]:
    """Final phases, and the outputs that there are, by path."""
    run = _Run(document, fails)
    run.dag(document["root"]["dag"], "", {"a": 1})
    return run.phases, run.values
