"""Makes a run of a pipeline: a function of kfp's, or a compiled file."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from moorage import wire
from moorage.client.objects import Objects
from moorage.errors import InputError, KubeError
from moorage.runs import RunRef, StretchedPipeline
from moorage.runs.submissions import Packed, made_name, owned_by, pack

_PLURAL = "stretchedpipelines"


def submission(
    pipeline: str | Path | Callable[..., Any],
    namespace: str,
    name: str | None,
    **more: Any,  # noqa: ANN401 - fields of StretchedPipeline
) -> tuple[StretchedPipeline, Packed]:
    """Return the run, and where its pipeline goes.

    Raises:
        InputError: it is no pipeline, or too large.
    """
    content, subject = _content(pipeline)
    chosen = name or made_name(_name(content, subject))
    packed = pack(content, chosen, subject)
    return StretchedPipeline(ref=RunRef(namespace, chosen, ""), source=packed.source, **more), packed


def create(objects: Objects, wanted: StretchedPipeline, packed: Packed) -> dict[str, Any]:
    """Create the run, after the ConfigMap that it names; the ConfigMap goes with the run.

    Raises:
        KubeError: the API server refused, or did not answer.
    """
    name, namespace = wanted.ref.name, wanted.ref.namespace
    held = packed.config_map(namespace, name)
    if held is not None:
        objects.create_config_map(held)
    try:
        created = objects.create(_PLURAL, namespace, name, wire.write_stretched_pipeline_spec(wanted))
    except KubeError:
        if held is not None:
            objects.delete_config_map(namespace, name)
        raise
    if held is not None:
        objects.change_config_map(owned_by(created, namespace, name))
    return created


def _content(pipeline: str | Path | Callable[..., Any]) -> tuple[bytes, str]:
    if not isinstance(pipeline, str | Path):
        return _compiled(pipeline), str(getattr(pipeline, "name", None) or getattr(pipeline, "__name__", "pipeline"))
    try:
        return Path(pipeline).read_bytes(), str(pipeline)
    except OSError as error:
        raise InputError(str(pipeline), "pipeline", f"can't be read: {error.strerror}") from None


def _compiled(pipeline: Callable[..., Any]) -> bytes:
    try:
        from kfp import compiler  # noqa: PLC0415 - only for functions, and it takes seconds
    except ImportError:
        raise InputError("pipeline", "function", "is compiled by kfp, which is not here: pip install kfp") from None
    with tempfile.TemporaryDirectory(prefix="moorage-") as folder:
        file = Path(folder) / "pipeline.yaml"
        try:
            compiler.Compiler().compile(pipeline, str(file))
        except (TypeError, ValueError, AttributeError) as error:
            problem = f"is no pipeline that kfp can compile: {error}"
            raise InputError("pipeline", "function", problem) from error
        return file.read_bytes()


def _name(content: bytes, subject: str) -> str:
    """Return the name that the pipeline states."""
    try:
        document = next(yaml.load_all(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)), None)
    except (yaml.YAMLError, UnicodeDecodeError):
        document = None
    about = document.get("pipelineInfo") if isinstance(document, dict) else None
    name = about.get("name") if isinstance(about, dict) else None
    if not isinstance(name, str) or not name:
        raise InputError(subject, "pipelineInfo.name", "is missing: give a compiled Kubeflow pipeline")
    return name
