"""Reader of a container's output files."""

import json
from collections.abc import Mapping
from typing import Any, Final

from moorage.errors import InputError
from moorage.reading.documents import is_deeper
from pipeline_executor.engine.limits import DEEPEST_VALUE, MOST_OUTPUT_BYTES
from pipeline_executor.engine.records import Artifact, ArtifactOutput, Launch, Outputs, ParameterOutput
from pipeline_executor.engine.values import BOOLEAN, TEXT, made_whole
from pipeline_splitter.kfp.places import Place

_NO_JSON: Final = "is no JSON"


def read_outputs(launch: Launch, executor_output: bytes | None, files: Mapping[str, bytes]) -> Outputs:
    """Read an attempt's outputs from its container's files.

    Artifacts are those that it was launched to write, with the name, URI and metadata that the container says; a URI
    that differs from the launch's is the container's own word, to be judged by whoever follows it. Parameters come
    from the executor's output, else from the files.

    Args:
        launch: as `step` gave it.
        executor_output: what is in `launch.output_file`; None where it is absent.
        files: what is in those files of `launch.output_parameters` that exist, by output.

    Raises:
        InputError: it can't be read, or is too large; says which output.
    """
    subject = f"task {launch.path}"
    size = len(executor_output or b"") + sum(map(len, files.values()))
    if size > MOST_OUTPUT_BYTES:
        problem = f"take {size} bytes, more than {MOST_OUTPUT_BYTES}: hand over large values as artifacts"
        raise InputError(subject, "outputs", problem)
    said = Place(subject, "executor output", _object(subject, executor_output))
    values = said.sub("parameterValues").raw
    parameters = {}
    for each in launch.output_parameters:
        if each.name in values:
            parameters[each.name] = made_whole(values[each.name], each.type)
        elif each.name in files:
            parameters[each.name] = _from_file(subject, each, files[each.name])
    artifacts = {each.name: (_artifact(said.sub("artifacts"), each),) for each in launch.output_artifacts}
    return Outputs(parameters, artifacts)


def _object(subject: str, content: bytes | None) -> dict[str, Any]:
    if content is None or not content.strip():
        return {}
    value = _parsed(subject, "executor output", content)
    if not isinstance(value, dict):
        raise InputError(subject, "executor output", "must be a JSON object")
    return value


def _parsed(subject: str, field: str, content: bytes) -> Any:  # noqa: ANN401 - JSON
    try:
        value = json.loads(content, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise InputError(subject, field, _NO_JSON) from None
    if is_deeper(value, DEEPEST_VALUE):
        raise InputError(subject, field, f"must be nested at most {DEEPEST_VALUE} levels deep")
    return value


def _refuse(word: str) -> None:
    raise ValueError(word)


def _from_file(subject: str, output: ParameterOutput, content: bytes) -> Any:  # noqa: ANN401
    """Read an output file as Kubeflow's launcher does: text as it is, all else as JSON."""
    field = f"output {output.name}"
    if output.type in {TEXT, ""}:
        try:
            return content.decode()
        except UnicodeDecodeError:
            raise InputError(subject, field, "is no UTF-8 text") from None
    if output.type == BOOLEAN:
        content = content.lower()
    return made_whole(_parsed(subject, field, content), output.type)


def _artifact(said: Place, output: ArtifactOutput) -> Artifact:
    several = said.sub(output.name).subs("artifacts")
    if not several:
        return Artifact(output.name, output.type, output.uri)
    one = several[0]
    return Artifact(
        name=one.text("name") or output.name,
        type=output.type,
        uri=one.text("uri") or output.uri,
        metadata=one.sub("metadata").raw,
    )
