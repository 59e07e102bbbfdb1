"""WfFormat 1.5: tasks and files by id; the specification and what was measured lie apart."""

from pipeline_splitter.documents.shown import shown
from pipeline_splitter.wfformat.recording import RecordedTask, Recording
from pipeline_splitter.wfformat.values import Raw, entries, fail, mapping, number, text, texts

_SPECIFICATION = "workflow.specification"
_EXECUTION = "workflow.execution"


def read_recording(workflow: Raw, subject: str) -> Recording:
    """Read a recorded workflow.

    Raises:
        InputError: naming the place and the remedy.
    """
    specification = mapping(workflow, "specification", subject, "workflow")
    sizes = _read_sizes(specification, subject)
    measured = _read_measured(workflow, subject)
    tasks: dict[str, RecordedTask] = {}
    for index, raw in enumerate(entries(specification, "tasks", subject, _SPECIFICATION)):
        place = f"{_SPECIFICATION}.tasks[{index}]"
        name = text(raw, "id", subject, place)
        if name in tasks:
            fail(subject, f"{place}.id", f"{shown(name)} is the id of {tasks[name].place}, too: ids are unique")
        seconds, cores, _ = measured.pop(name, (None, None, ""))
        tasks[name] = RecordedTask(
            name=name,
            place=place,
            reads=texts(raw, "inputFiles", subject, place),
            writes=texts(raw, "outputFiles", subject, place),
            parents=texts(raw, "parents", subject, place),
            children=texts(raw, "children", subject, place),
            seconds=seconds,
            cores=cores,
        )
    for name, (_, _, place) in measured.items():
        fail(
            subject,
            f"{place}.id",
            f"{shown(name)} is not a task of {_SPECIFICATION}.tasks: add it there, or correct the id",
        )
    if "files" not in specification:
        sizes = dict.fromkeys(each for task in tasks.values() for each in task.reads + task.writes)
    _refuse_unlisted_files(tasks, sizes, subject)
    return Recording(tasks, sizes)


def _read_sizes(specification: Raw, subject: str) -> dict[str, float | None]:
    sizes: dict[str, float | None] = {}
    for index, raw in enumerate(entries(specification, "files", subject, _SPECIFICATION)):
        place = f"{_SPECIFICATION}.files[{index}]"
        name = text(raw, "id", subject, place)
        if name in sizes:
            fail(subject, f"{place}.id", f"{shown(name)} appears twice: ids are unique")
        sizes[name] = number(raw, ("sizeInBytes",), subject, place)
    return sizes


def _read_measured(workflow: Raw, subject: str) -> dict[str, tuple[float | None, float | None, str]]:
    """Read seconds, cores and place of each task that was run; a workflow that never ran has none."""
    if workflow.get("execution") is None:
        return {}
    measured: dict[str, tuple[float | None, float | None, str]] = {}
    execution = mapping(workflow, "execution", subject, "workflow")
    for index, raw in enumerate(entries(execution, "tasks", subject, _EXECUTION)):
        place = f"{_EXECUTION}.tasks[{index}]"
        name = text(raw, "id", subject, place)
        if name in measured:
            fail(subject, f"{place}.id", f"{shown(name)} appears twice: a task is measured once")
        seconds = number(raw, ("runtimeInSeconds",), subject, place)
        measured[name] = (seconds, number(raw, ("coreCount", "cores"), subject, place), place)
    return measured


def _refuse_unlisted_files(tasks: dict[str, RecordedTask], sizes: dict[str, float | None], subject: str) -> None:
    for task in tasks.values():
        for key, names in (("inputFiles", task.reads), ("outputFiles", task.writes)):
            for name in names:
                if name not in sizes:
                    fail(
                        subject,
                        f"{task.place}.{key}",
                        f"{shown(name)} is not a file of {_SPECIFICATION}.files: add it there, or correct the id",
                    )
