"""Views of an attempt: its inputs and outputs, and pages of URLs for the files that it reads."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from moorage.errors import InputError
from moorage.runs import FileEntry
from pipeline_executor.task_api.places import file_key, readable_key
from pipeline_executor.task_api.tasks import Task, TaskInput
from pipeline_executor.task_sidecar.exchange import (
    MOST_IN_PAGE,
    InputFile,
    InputPage,
    InputView,
    OutputView,
    TaskView,
)

URL_SECONDS: Final = 3600
"""The validity of a URL; a slower sidecar asks for another."""


def view_of(task: Task) -> TaskView:
    """Return the task as its sidecar sees it. Pure."""
    launch = task.launch
    artifacts = [OutputView(each.name, each.local_path, is_artifact=True) for each in launch.output_artifacts]
    parameters = [OutputView(each.name, each.file, is_artifact=False) for each in launch.output_parameters]
    return TaskView(
        inputs=tuple(
            InputView(each.path, len(each.files), sum(file.size_bytes for file in each.files)) for each in task.inputs
        ),
        # An artifact whose URI has another scheme than ours is told to the container only: it has no local path.
        outputs=tuple(each for each in (*artifacts, *parameters) if each.path.startswith("/")),
        executor_output=launch.output_file,
        limits=task.limits,
        store_certificates=task.store.certificates,
        ended=task.ended,
    )


async def page_of(task: Task, first: int) -> InputPage:
    """Return the files from number `first` on, counted over all inputs, with URLs.

    Raises:
        InputError: an input lies where this run may not read.
    """
    some = list(islice(_files(task), first, first + MOST_IN_PAGE + 1))

    def sign() -> tuple[InputFile, ...]:
        return tuple(
            InputFile(
                number,
                file.path,
                file.size_bytes,
                file.sha256,
                task.store.presigned("get_object", URL_SECONDS, Key=file_key(_key(task, read), file.path)),
            )
            for number, read, file in some[:MOST_IN_PAGE]
        )

    files = await task.store.run("sign URLs", sign)
    return InputPage(files, first + MOST_IN_PAGE if len(some) > MOST_IN_PAGE else None)


def _files(task: Task) -> Iterator[tuple[int, TaskInput, FileEntry]]:
    for number, each in enumerate(task.inputs):
        for file in each.files:
            yield number, each, file


def _key(task: Task, read: TaskInput) -> str:
    key = readable_key(task, read.uri)
    if key is None:
        problem = f"{read.uri} is not in the store of Site {task.store.site}, or belongs to a run of another namespace"
        raise InputError(f"task {task.launch.path}", "inputs", problem)
    return key
