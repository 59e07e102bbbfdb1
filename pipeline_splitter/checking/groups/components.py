"""Components: containers to the letter, inner pipelines task by task, inserted releases as they are declared."""

import json
from collections.abc import Mapping
from typing import Any

from pipeline_splitter.checking.definition.governance import declared
from pipeline_splitter.checking.groups.files import File
from pipeline_splitter.checking.groups.labels import check_labels
from pipeline_splitter.kfp.pipeline import Raw

_REFERENCES = ("taskOutputParameter", "componentInputParameter")


def check_release(file: File, where: str, path: str, task: Raw) -> None:
    """Check that an inserted task runs the declared container, labelled as what it is."""
    ref, name = file.graph.tasks[path].release or (None, "")
    release = declared(ref, name, file.inputs.datasets) if ref is not None else None
    if ref is None or release is None:
        return
    label = file.spec["components"][task["componentRef"]["name"]]["executorLabel"]
    expected: dict[str, Any] = {"image": release.component.image}
    expected |= {"command": list(release.component.command)} if release.component.command else {}
    expected |= {"args": list(release.component.args)} if release.component.args else {}
    file.notes.same(f"{where} container", file.executors()[label].get("container"), expected)
    labels = (file.configuration(label).get("podMetadata") or {}).get("labels") or {}
    wanted = {"dataset.0.id": ref.name, "dataset.0.namespace": ref.namespace, "dataset.0.release": name}
    file.notes.same(f"{where} labels", labels, wanted)
    sources = {source for _, source in file.sources(task)}
    known = {f"{read.step}.{read.output}" for read in file.graph.tasks[path].steps[0].reads if read.step}
    datum = file.graph.tasks[path].reads[0]
    for kind, key in sources:
        if kind != "input" and key not in {*known, datum}:
            file.notes.add(f"{where}.inputs", f"reads {key}, expected {datum}")


def same_component(file: File, where: str, original: str, found: str, path: str) -> None:
    """Check that a task runs what it ran before: containers to the letter, dags task by task."""
    before, now = file.pipeline.components[original], file.spec["components"][found]
    if "dag" in before:
        same_dag(file, where, before, now, path, wired=file.is_whole)
        return
    old, new = before["executorLabel"], now["executorLabel"]
    expected, there = file.pipeline.executors.get(old, {}), file.executors().get(new, {})
    is_old = file.pipeline.schema_version.startswith("2.0")
    for kind in sorted({*expected, *there}):
        if is_old and kind == "importer":
            continue
        if expected.get(kind) != there.get(kind):
            _tell_difference(file, f"{where} {kind}", there.get(kind), expected.get(kind))
    _same_platform(file, where, old, new, path)


def _tell_difference(file: File, where: str, found: Any, expected: Any) -> None:  # noqa: ANN401 - raw JSON
    if isinstance(found, Mapping) and isinstance(expected, Mapping):
        for key in sorted({*found, *expected}):
            file.notes.same(f"{where}.{key}", found.get(key), expected.get(key))
    else:
        file.notes.same(where, found, expected)


def same_dag(  # noqa: PLR0913 - two dags, and where they stand
    file: File, where: str, before: Raw, now: Raw, path: str, *, wired: bool
) -> None:
    """Check that a dag's tasks are the former ones and run the same; `wired`: with the same inputs, too."""
    old, new = before["dag"].get("tasks") or {}, now["dag"].get("tasks") or {}
    if not file.notes.same(f"{where} (tasks)", sorted(new), sorted(old)):
        return
    is_old = file.pipeline.schema_version.startswith("2.0")
    for name in sorted(old):
        inner = f"{path}/{name}" if path else name
        if wired and not is_old:
            kept = [
                {key: value for key, value in task.items() if key != "componentRef"} for task in (new[name], old[name])
            ]
            file.notes.same(f"{where}/{name}", *kept)
        original, found = (dag[name]["componentRef"]["name"] for dag in (old, new))
        same_component(file, f"{where}/{name}", original, found, inner)


def _same_platform(file: File, where: str, old: str, new: str, path: str) -> None:
    """Check that the platform configuration is unchanged, but for hints' labels and rewired references."""
    before, now = file.pipeline.platform_executors.get(old) or {}, file.configuration(new)
    pods = [dict(each.get("podMetadata") or {}) for each in (before, now)]
    labels, there = (pod.pop("labels", None) or {} for pod in pods)
    check_labels(file.notes, where, file.steps.get(path), labels, there)
    file.notes.same(f"{where} podMetadata", pods[1], pods[0])
    for key in sorted(before):
        if key != "podMetadata" and not any(word in json.dumps(before[key]) for word in _REFERENCES):
            file.notes.same(f"{where} {key}", now.get(key), before[key])
