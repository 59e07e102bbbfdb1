"""WfFormat 1.4: tasks by name, with their files and what was measured in line."""

from pipeline_splitter.documents.shown import shown
from pipeline_splitter.wfformat.recording import RecordedTask, Recording
from pipeline_splitter.wfformat.values import Raw, entries, fail, number, text, texts

_LINKS = ("input", "output")


def read_recording(workflow: Raw, subject: str) -> Recording:
    """Read a recorded workflow.

    Of a file that several tasks name with different sizes, what its writer says holds; else the largest.

    Raises:
        InputError: naming the place and the remedy.
    """
    tasks: dict[str, RecordedTask] = {}
    written: dict[str, float | None] = {}
    read: dict[str, float | None] = {}
    for index, raw in enumerate(entries(workflow, "tasks", subject, "workflow")):
        place = f"workflow.tasks[{index}]"
        name = text(raw, "name", subject, place)
        if name in tasks:
            fail(subject, f"{place}.name", f"{shown(name)} is the name of {tasks[name].place}, too: names are unique")
        inputs, outputs = _read_files(raw, subject, place)
        written |= outputs
        for file, size in inputs.items():
            read[file] = _larger(read.get(file), size)
        tasks[name] = RecordedTask(
            name=name,
            place=place,
            reads=tuple(inputs),
            writes=tuple(outputs),
            parents=texts(raw, "parents", subject, place),
            children=texts(raw, "children", subject, place),
            seconds=number(raw, ("runtimeInSeconds", "runtime"), subject, place),
            cores=number(raw, ("coreCount", "cores"), subject, place),
        )
    return Recording(tasks, read | {file: read.get(file) if size is None else size for file, size in written.items()})


def _read_files(raw: Raw, subject: str, place: str) -> tuple[dict[str, float | None], dict[str, float | None]]:
    """Sizes of the files that the task reads, and of those that it writes."""
    inputs: dict[str, float | None] = {}
    outputs: dict[str, float | None] = {}
    for index, file in enumerate(entries(raw, "files", subject, place)):
        where = f"{place}.files[{index}]"
        name = text(file, "name", subject, where)
        link = text(file, "link", subject, where).lower()
        if link not in _LINKS:
            fail(subject, f"{where}.link", f"{shown(file['link'])} is not one of {', '.join(_LINKS)}")
        sizes = inputs if link == "input" else outputs
        sizes[name] = _larger(sizes.get(name), number(file, ("sizeInBytes", "size"), subject, where))
    return inputs, outputs


def _larger(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)
