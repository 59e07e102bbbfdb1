"""What does not fit together in a compiled pipeline: names that name nothing, inputs that nobody gives."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.pipeline_splitter.groups import splitting

Raw = Mapping[str, Any]
KINDS = ("parameters", "artifacts")


def file_faults(text: str) -> list[str]:
    """Everything wrong with one file by itself."""
    spec, *rest = splitting.documents(text)
    faults = list(_component_faults("root", spec["root"], spec))
    needed = _reached(spec["root"], spec)
    labels = {spec["components"][name].get("executorLabel") for name in needed} - {None}
    configured = {
        label
        for document in rest
        for platform in document["platforms"].values()
        for label in platform.get("deploymentSpec", {}).get("executors", {})
    }
    if set(spec["components"]) != needed:
        faults.append("components that nobody needs")
    if set(spec["deploymentSpec"]["executors"]) != labels:
        faults.append("executors that nobody needs")
    if not configured <= labels:
        faults.append("platform configuration that nobody needs")
    return faults


def _component_faults(name: str, component: Raw, spec: Raw) -> Iterator[str]:
    """In a component with a dag, and inside of it."""
    tasks = component["dag"]["tasks"]
    for task_name, task in tasks.items():
        called = spec["components"].get(task["componentRef"]["name"])
        if called is None:
            yield f"{name}/{task_name}: no component {task['componentRef']['name']}"
            continue
        for fault in (*_order_faults(task, tasks), *_input_faults(task, called, component)):
            yield f"{name}/{task_name}: {fault}"
        if "dag" in called:
            yield from _component_faults(f"{name}/{task_name}", called, spec)
    outputs = component["dag"].get("outputs", {})
    for kind in KINDS:
        if set(outputs.get(kind, {})) != set(component.get("outputDefinitions", {}).get(kind, {})):
            yield f"{name}: outputs and their definitions differ"
    for producer in re.findall(r"'producerSubtask': '([^']*)'", str(outputs)):
        if producer not in tasks:
            yield f"{name}: outputs: no task {producer}"


def _order_faults(task: Raw, tasks: Raw) -> Iterator[str]:
    waits = task.get("dependentTasks", [])
    for before in waits:
        if before not in tasks:
            yield f"waits for {before}"
    for producer in re.findall(r"'producerTask': '([^']*)'", str(task.get("inputs"))):
        if producer not in tasks:
            yield f"no task {producer}"
        elif producer not in waits:
            yield f"does not wait for {producer}"


def _input_faults(task: Raw, called: Raw, around: Raw) -> Iterator[str]:
    iterated = {task.get(each, {}).get("itemInput") for each in ("parameterIterator", "artifactIterator")}
    for kind in KINDS:
        bound = task.get("inputs", {}).get(kind, {})
        for name, definition in called.get("inputDefinitions", {}).get(kind, {}).items():
            if name not in bound and name not in iterated and not definition.get("isOptional"):
                yield f"{name} is not given"
        for name, binding in bound.items():
            reference = binding.get("componentInputParameter") or binding.get("componentInputArtifact")
            if reference is not None and reference not in around.get("inputDefinitions", {}).get(kind, {}):
                yield f"{name}: no input {reference}"


def _reached(component: Raw, spec: Raw) -> set[str]:
    """Names of all components that a dag needs."""
    names = set()
    for task in component["dag"]["tasks"].values():
        name = task["componentRef"]["name"]
        names.add(name)
        if "dag" in spec["components"][name]:
            names |= _reached(spec["components"][name], spec)
    return names
