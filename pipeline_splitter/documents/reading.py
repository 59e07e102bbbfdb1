"""Reader of texts into documents."""

from collections.abc import Mapping, Sequence
from typing import Any

from moorage.errors import InputError
from pipeline_splitter.documents.json_text import parse_json
from pipeline_splitter.documents.limits import MAX_BYTES
from pipeline_splitter.documents.yaml_text import parse_yaml

_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")


def parse(text: str | bytes, subject: str) -> list[Any]:
    """Read all documents of a YAML or JSON text; empty ones are left out.

    Bounded in size, depth and number of nodes, aliases expanded; builds nothing but plain values.

    Args:
        text: at most 64 MiB; bytes are UTF-8, or UTF-16 with a byte order mark.
        subject: the file, for errors.

    Raises:
        InputError: with line and column, and the remedy.
    """
    if len(text) > MAX_BYTES:
        raise InputError(subject, "size", f"is more than {MAX_BYTES >> 20} MiB: that is not a pipeline; leave data out")
    text = _decode(text, subject).removeprefix("\ufeff")
    if text.lstrip()[:1] in {"{", "["}:
        return parse_json(text, subject)
    return parse_yaml(text, subject)


def _decode(text: str | bytes, subject: str) -> str:
    if isinstance(text, str):
        return text
    encoding = "utf-16" if text[:2] in _BYTE_ORDER_MARKS else "utf-8"
    try:
        return text.decode(encoding)
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise InputError(subject, f"line {line}", "is not UTF-8 text: save the file as UTF-8, uncompressed") from None


def is_workflow(documents: Sequence[Any]) -> bool:
    """Return whether it is a recorded workflow (WfFormat) rather than a Kubeflow pipeline, by its content."""
    return any(
        isinstance(document, Mapping)
        and "workflow" in document
        and not {"pipelineInfo", "pipelineSpec", "root"} & document.keys()
        for document in documents
    )
