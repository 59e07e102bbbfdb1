"""The documents of a compiled pipeline, told apart and unwrapped; nothing inside is looked at yet."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from moorage.errors import InputError
from pipeline_splitter.kfp.places import Place, Raw, shown

_SCHEMAS = ("2.0", "2.1")
_WHOLE = re.compile(r"-?[0-9]{1,19}")


@dataclass(frozen=True, slots=True)
class Spec:
    """A pipeline spec and what came with it.

    Attributes:
        pipeline: the spec itself.
        platform: the document with `platforms`, or None.
        platform_executors: the Kubernetes configuration, by executor key.
        runtime_config: what stood beside a wrapped spec, or None.
    """

    name: str
    schema_version: str
    pipeline: Place
    platform: Raw | None
    platform_executors: Place
    runtime_config: Place | None

    def pipeline_default(self, name: str) -> Any:  # noqa: ANN401 - raw JSON
        """Return a pipeline parameter's value unless a run gives another; None where there is none."""
        if self.runtime_config is not None:
            values = self.runtime_config.sub("parameterValues")
            if values.has(name):
                return values.value(name)
            wrapped = self.runtime_config.sub("parameters")
            if wrapped.has(name):
                return unwrap_value(wrapped.value(name))
        declared = self.pipeline.required("root").sub("inputDefinitions").sub("parameters")
        return unwrap_value(declared.sub(name).value("defaultValue"))


def unwrap_value(value: Any) -> Any:  # noqa: ANN401 - raw JSON
    """Schema 2.0 writes `{stringValue: x}`, `{intValue: "1"}` or `{doubleValue: 1}` where 2.1 writes the value."""
    if isinstance(value, dict) and len(value) == 1:
        for key in ("stringValue", "doubleValue"):
            if key in value:
                return value[key]
        if "intValue" in value:
            return _whole_number(value["intValue"])
    return value


def _whole_number(value: Any) -> Any:  # noqa: ANN401 - raw JSON
    """Return the integer that stands there as text (protobuf's JSON does that to 64 bits); anything else as it is."""
    return int(value) if isinstance(value, str) and _WHOLE.fullmatch(value) else value


def read_spec(documents: Sequence[Any], subject: str) -> Spec:
    """Read the pipeline's documents, in whatever order they stand.

    Raises:
        InputError: they are not one pipeline spec and at most one platform document.
    """
    specs: list[Place] = []
    platforms: list[Place] = []
    for index, document in enumerate(documents):
        if document is None:
            continue
        at = f"document {index + 1}" if len(documents) > 1 else ""
        if not isinstance(document, dict):
            raise InputError(subject, at or "document", f"must be a mapping, not {shown(document)}")
        is_platform = "platforms" in document and not {"root", "pipelineSpec", "components"} & set(document)
        (platforms if is_platform else specs).append(Place(subject, "", document))
    if len(specs) != 1 or len(platforms) > 1:
        raise InputError(
            subject,
            "document",
            "must hold one compiled pipeline and at most one document with `platforms`; "
            f"found {len(specs)} and {len(platforms)}",
        )
    document = specs[0]
    is_wrapped = document.has("pipelineSpec")
    pipeline = document.required("pipelineSpec") if is_wrapped else document
    if not platforms and is_wrapped and document.has("platformSpec"):
        platforms.append(document.required("platformSpec"))
    return Spec(
        name=pipeline.required("pipelineInfo").required_text("name"),
        schema_version=_schema_version(pipeline),
        pipeline=pipeline,
        platform=platforms[0].raw if platforms else None,
        platform_executors=_platform_executors(platforms[0] if platforms else Place(subject, "", {})),
        runtime_config=document.required("runtimeConfig") if is_wrapped and document.has("runtimeConfig") else None,
    )


def _schema_version(pipeline: Place) -> str:
    version = pipeline.required_text("schemaVersion")
    if not version.startswith(tuple(f"{each}." for each in _SCHEMAS)) and version not in _SCHEMAS:
        pipeline.fail(f"{shown(version)} is not read here; known are {' and '.join(_SCHEMAS)}", "schemaVersion")
    return version


def _platform_executors(platform: Place) -> Place:
    platforms = platform.sub("platforms")
    # Other platforms' configuration is not understood here, but handed on executor by executor.
    for name in platforms.raw:
        platforms.sub(name).sub("pipelineConfig")
        executors = platforms.sub(name).sub("deploymentSpec").sub("executors")
        for executor in executors.raw:
            executors.sub(executor)
    return platforms.sub("kubernetes").sub("deploymentSpec").sub("executors")
