"""Messages about a task's inputs and outputs, and the files to fetch: the task API's answers to `GET`."""

from typing import Final

from moorage.reading.documents import read_object
from pipeline_executor.task_sidecar.exchange.bounds import ANSWER_BOUNDS
from pipeline_executor.task_sidecar.exchange.parts import (
    file_path,
    read_count,
    read_digest,
    read_page,
    read_place,
    read_text,
    write_document,
)
from pipeline_executor.task_sidecar.exchange.records import (
    InputFile,
    InputPage,
    InputView,
    OutputView,
    TaskLimits,
    TaskView,
)

_LONGEST_URL: Final = 16_384
_LONGEST_CERTIFICATES: Final = 65_536


def write_task(view: TaskView) -> bytes:
    """Write the answer about a task."""
    limits = view.limits
    return write_document(
        {
            "inputs": [{"path": each.path, "files": each.files, "bytes": each.size_bytes} for each in view.inputs],
            "outputs": [
                {"name": each.name, "kind": "artifact" if each.is_artifact else "parameter", "path": each.path}
                for each in view.outputs
            ],
            "executorOutput": view.executor_output,
            "limits": {
                "files": limits.files,
                "bytes": limits.size_bytes,
                "depth": limits.depth,
                "textBytes": limits.text_bytes,
            },
            "storeCertificates": view.store_certificates,
            "ended": view.ended,
        }
    )


def read_task(content: bytes) -> TaskView:
    """Read the answer to `GET TASK`.

    Raises:
        InputError: it is none.
    """
    fields = read_object(content, "task", ANSWER_BOUNDS)
    limits = fields.required_sub("limits")
    return TaskView(
        inputs=tuple(
            InputView(read_place(each, "path"), read_count(each, "files"), read_count(each, "bytes"))
            for each in fields.subs("inputs")
        ),
        outputs=tuple(
            OutputView(
                each.required_text("name"),
                read_place(each, "path"),
                each.word("kind", "artifact", "parameter") == "artifact",
            )
            for each in fields.subs("outputs")
        ),
        executor_output=read_place(fields, "executorOutput"),
        limits=TaskLimits(
            files=read_count(limits, "files"),
            size_bytes=read_count(limits, "bytes"),
            depth=read_count(limits, "depth"),
            text_bytes=read_count(limits, "textBytes"),
        ),
        store_certificates=read_text(fields, "storeCertificates", _LONGEST_CERTIFICATES),
        ended=fields.flag("ended"),
    )


def write_inputs(page: InputPage) -> bytes:
    """Write an answer. It holds secrets."""
    files = [
        {"input": each.input, "path": each.path, "bytes": each.size_bytes, "sha256": each.sha256, "url": each.url}
        for each in page.files
    ]
    return write_document({"files": files, "next": page.next})


def read_inputs(content: bytes) -> InputPage:
    """Read the answer to `GET INPUTS`.

    Raises:
        InputError: it is none.
    """
    fields = read_object(content, "inputs", ANSWER_BOUNDS)
    files = tuple(
        InputFile(
            read_count(each, "input"),
            file_path(each, "path"),
            read_count(each, "bytes"),
            read_digest(each, "sha256", empty=True),
            read_text(each, "url", _LONGEST_URL),
        )
        for each in read_page(fields, "files")
    )
    return InputPage(files, fields.count("next"))
