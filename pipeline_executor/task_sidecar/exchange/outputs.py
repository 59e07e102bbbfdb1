"""Messages about a task's outputs: pieces to upload and their URLs, and the report of all of them."""

from collections.abc import Iterable, Sequence

from moorage.reading.documents import read_object
from pipeline_executor.task_sidecar.exchange.bounds import ANSWER_BOUNDS, PAGE_BOUNDS, REPORT_BOUNDS
from pipeline_executor.task_sidecar.exchange.parts import file_path, read_count, read_digest, read_page, write_document
from pipeline_executor.task_sidecar.exchange.records import OutputFile, OutputReport, PieceRequest, TaskLimits


def write_pieces(pieces: Iterable[PieceRequest]) -> bytes:
    """Write a request to `UPLOADS`, and the answer of `OUTPUTS`."""
    return write_document(
        {
            "pieces": [
                {"output": each.output, "path": each.path, "bytes": each.file_bytes, "part": each.part}
                for each in pieces
            ]
        }
    )


def read_pieces(content: bytes) -> tuple[PieceRequest, ...]:
    """Read a request to `UPLOADS`, or the answer of `OUTPUTS`.

    Raises:
        InputError: it is none.
    """
    fields = read_object(content, "pieces", PAGE_BOUNDS)
    pieces = tuple(
        PieceRequest(
            each.required_text("output"), file_path(each, "path"), read_count(each, "bytes"), read_count(each, "part")
        )
        for each in read_page(fields, "pieces")
    )
    fields.finish()
    return pieces


def write_urls(urls: Sequence[str]) -> bytes:
    """Write the answer of `UPLOADS`: one URL for each piece, in their order. They are secrets."""
    return write_document({"urls": list(urls)})


def read_urls(content: bytes, count: int) -> tuple[str, ...]:
    """Read the answer of `UPLOADS` to a request for `count` pieces.

    Raises:
        InputError: it is none.
    """
    fields = read_object(content, "uploads", ANSWER_BOUNDS)
    urls = fields.value("urls")
    if not isinstance(urls, list) or len(urls) != count or not all(isinstance(url, str) and url for url in urls):
        fields.fail("urls", "must be one URL for each piece")
    return tuple(urls)


def write_report(report: OutputReport) -> bytes:
    """Write a request to `OUTPUTS`."""
    files = [
        {"output": each.output, "path": each.path, "bytes": each.size_bytes, "sha256": each.sha256}
        for each in report.files
    ]
    return write_document(
        {
            "files": files,
            "parameters": dict(report.parameters),
            "executorOutput": report.executor_output,
            "bytesIn": report.bytes_in,
        }
    )


def read_report(content: bytes, limits: TaskLimits) -> OutputReport:
    """Read a request to `OUTPUTS`.

    Raises:
        InputError: it is none, or it is beyond the limits.
    """
    fields = read_object(content, "outputs", REPORT_BOUNDS)
    raw = fields.value("files")
    if not isinstance(raw, list) or len(raw) > limits.files:
        fields.fail("files", f"must be a list of at most {limits.files} files")
    files = tuple(
        OutputFile(
            each.required_text("output"),
            file_path(each, "path"),
            read_count(each, "bytes"),
            read_digest(each, "sha256"),
        )
        for each in fields.subs("files")
    )
    size_bytes = sum(file.size_bytes for file in files)
    if size_bytes > limits.size_bytes:
        fields.fail("files", f"have {size_bytes:,} bytes together; an attempt may give out {limits.size_bytes:,}")
    parameters, executor_output = fields.mapping("parameters"), fields.value("executorOutput")
    texts = [*parameters.values(), executor_output or ""]
    if not all(isinstance(text, str) for text in texts):
        fields.fail("parameters", "must be texts")
    text_bytes = sum(len(text.encode(errors="replace")) for text in texts)
    if text_bytes > limits.text_bytes:
        problem = f"take {text_bytes:,} bytes; {limits.text_bytes:,} are allowed: hand over large values as artifacts"
        fields.fail("parameters", problem)
    report = OutputReport(files, parameters, executor_output, read_count(fields, "bytesIn"))
    fields.finish()
    return report
