"""One sentence: why the sidecar gives up, or why the task API refuses."""

from typing import Final

from moorage.reading.documents import read_object
from pipeline_executor.task_sidecar.exchange.bounds import PAGE_BOUNDS
from pipeline_executor.task_sidecar.exchange.parts import write_document

LONGEST_MESSAGE: Final = 2_000


def write_message(message: str) -> bytes:
    """Write a request to `FAILURE`, and the body of an answer that is an error."""
    return write_document({"message": message[:LONGEST_MESSAGE]})


def read_message(content: bytes) -> str:
    """Read a request to `FAILURE`, or the body of an answer that is an error; no line breaks are left in it.

    Raises:
        InputError: it is none.
    """
    text = read_object(content, "message", PAGE_BOUNDS).text("message", lines=True) or ""
    return "".join(letter if letter.isprintable() else " " for letter in text[:LONGEST_MESSAGE])
