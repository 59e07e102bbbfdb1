"""PipelineHistory objects: what earlier runs of a pipeline took. The hub writes them, planning reads them."""

from collections.abc import Iterable
from typing import Any

from moorage.reading.fields import Fields, Raw, object_fields
from moorage.runs.measurements import MOST_SAMPLES, History, TaskSamples, Teacher
from moorage.wire.numbers import write_number


def read_history(raw: Raw) -> History:
    """Read the history that a raw object holds; `version` is its generation.

    Raises:
        InputError: naming the object, the field and the remedy.
    """
    subject, _, metadata = object_fields(raw, "PipelineHistory")
    spec = Fields(subject, "", raw).required_sub("spec")
    tasks = spec.sub("tasks")
    artifacts = spec.sub("artifacts")
    history = History(
        pipeline=spec.required_text("pipeline"),
        runs=tuple(_read_teacher(entry) for entry in spec.subs("runs")),
        tasks={name: _read_task(Fields(subject, f"tasks[{name}]", entry)) for name, entry in _entries(tasks)},
        sizes={
            name: _whole(Fields(subject, f"artifacts[{name}]", entry), "bytes") for name, entry in _entries(artifacts)
        },
        version=int(metadata.get("generation") or 0),
    )
    spec.finish()
    return history


def _entries(fields: Fields | None) -> Iterable[tuple[str, Any]]:
    if fields is None:
        return
    for name, entry in fields.raw.items():
        if not isinstance(entry, dict):
            fields.fail(name, "must be a mapping")
        yield name, entry


def _read_teacher(fields: Fields) -> Teacher:
    teacher = Teacher(
        fields.required_text("name"),
        fields.required_text("uid"),
        fields.text("digest") or "",
        fields.text("completionTime") or "",
    )
    fields.finish()
    return teacher


def _read_task(fields: Fields) -> TaskSamples:
    seconds: list[float] = []
    for index, value in enumerate(_list(fields, "seconds")):
        number = Fields(fields.subject, f"{fields.path}.seconds", {str(index): value}).number(str(index))
        seconds.append(number or 0.0)
    samples = TaskSamples(tuple(seconds), _whole(fields, "iterations"))
    fields.finish()
    return samples


def _whole(fields: Fields, key: str) -> tuple[int, ...]:
    found = []
    for index, value in enumerate(_list(fields, key)):
        count = Fields(fields.subject, f"{fields.path}.{key}", {str(index): value}).count(str(index))
        found.append(count or 0)
    return tuple(found)


def _list(fields: Fields, key: str) -> list[Any]:
    value = fields.value(key) or []
    if not isinstance(value, list) or len(value) > MOST_SAMPLES:
        fields.fail(key, f"must be a list of at most {MOST_SAMPLES} numbers")
    return value


def write_history_spec(history: History) -> dict[str, Any]:
    """Write the `spec` that reads back as `history`."""
    tasks: dict[str, Any] = {}
    for path, samples in history.tasks.items():
        entry: dict[str, Any] = {}
        if samples.seconds:
            entry["seconds"] = [write_number(round(each, 3)) for each in samples.seconds]
        if samples.iterations:
            entry["iterations"] = list(samples.iterations)
        tasks[path] = entry
    return {
        "pipeline": history.pipeline,
        "runs": [
            {
                "name": each.name,
                "uid": each.uid,
                **({"digest": each.digest} if each.digest else {}),
                **({"completionTime": each.end} if each.end else {}),
            }
            for each in history.runs
        ],
        "tasks": tasks,
        "artifacts": {key: {"bytes": list(sizes)} for key, sizes in history.sizes.items()},
    }
