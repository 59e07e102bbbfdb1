"""A compiled pipeline, read as the planner reads it, and made ready to be kept. Pure; runs in a child process."""

import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from kfp_api.packages import MOST_TEXT_BYTES, SUBJECT, unpack
from moorage.errors import InputError
from pipeline_splitter.documents import parse
from pipeline_splitter.hints import Hints
from pipeline_splitter.kfp import read_pipeline

MOST_KEPT_BYTES: Final = 900_000
"""The limit of a pipeline's text, gzipped: a ConfigMap holds one MiB."""
BETWEEN: Final = b"\n---\n"
"""Between the two documents; JSON on one line never holds it."""
# JSON may hold these as they are, YAML may not, and two documents are read as YAML.
_NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Compiled:
    """A pipeline that can be planned.

    Attributes:
        name: it gave itself.
        description: likewise; "" for none.
        kept: its documents as JSON, gzipped.
        spec: the pipeline spec, as answers hold it, in JSON.
        inputs: the root's input parameters, by name.
    """

    name: str
    description: str
    kept: bytes
    spec: bytes
    inputs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Refused:
    """The reason why a package can't be compiled; a value, because exceptions cross processes badly."""

    message: str


def compile_package(content: bytes) -> Compiled | Refused:
    """Compile an uploaded package: YAML, JSON, zip or tar.gz."""
    try:
        return _compiled(parse(unpack(content), SUBJECT), SUBJECT)
    except InputError as error:
        return Refused(str(error))


def compile_spec(content: bytes) -> Compiled | Refused:
    """Return the JSON of a request's `pipeline_spec`: a spec, or `{pipeline_spec, platform_spec}`."""
    subject = "pipeline_spec"
    try:
        documents = parse(content, subject)
        if len(documents) == 1 and isinstance(documents[0], dict):
            for spec, platform in (("pipeline_spec", "platform_spec"), ("pipelineSpec", "platformSpec")):
                if spec in documents[0]:
                    documents = [documents[0][spec], documents[0].get(platform)]
                    break
        return _compiled([document for document in documents if document], subject)
    except InputError as error:
        return Refused(str(error))


def _compiled(documents: list[Any], subject: str) -> Compiled:
    graph, pipeline = read_pipeline(documents, Hints(), {}, subject)
    spec, platform = dict(pipeline.spec), pipeline.platform
    if not graph.tasks and not graph.importers:
        raise InputError(subject, "root", "has no task: a pipeline needs one")
    try:
        written = BETWEEN.join(_json(document) for document in ([spec, dict(platform)] if platform else [spec]))
    except TypeError:
        raise InputError(subject, "document", "holds a whole number beyond 64 bits: write it as a text") from None
    if len(written) > MOST_TEXT_BYTES:
        raise InputError(subject, "size", f"is more than {MOST_TEXT_BYTES >> 20} MiB: leave data out of it")
    kept = gzip.compress(written, 6, mtime=0)
    if len(kept) > MOST_KEPT_BYTES:
        raise InputError(
            subject,
            "size",
            f"has {len(kept)} bytes even when gzipped, and at most {MOST_KEPT_BYTES} can be kept: leave data out of it",
        )
    info = spec.get("pipelineInfo") or {}
    return Compiled(
        name=graph.name,
        description=str(info.get("description") or ""),
        kept=kept,
        spec=shown_spec(written),
        inputs=inputs_of(spec),
    )


def shown_spec(written: bytes) -> bytes:
    """Return kept documents as the backend shows them, in JSON: the spec, with its platform spec where it has one."""
    spec, between, platform = written.partition(BETWEEN)
    return b'{"pipeline_spec":%b,"platform_spec":%b}' % (spec, platform) if between else spec


def inputs_of(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the root's input parameters."""
    root = spec.get("root") or {}
    inputs: dict[str, Any] = (root.get("inputDefinitions") or {}).get("parameters") or {}
    return inputs


def _json(document: object) -> bytes:
    text = orjson.dumps(document).decode()
    return _NOT_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()
