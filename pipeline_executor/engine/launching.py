"""One attempt, resolved: what its container is, what it reads, and where it writes."""

import re
from collections.abc import Mapping
from typing import Any, Final

from moorage.reading.quantity import parse_quantity
from pipeline_executor.engine.limits import MOST_ARGUMENT_BYTES, MOST_POD_BYTES
from pipeline_executor.engine.paths import OUTPUT_FILE, WORKSPACE_PATH, local_path, output_uri, parameter_file
from pipeline_executor.engine.platforms import resolved_platform
from pipeline_executor.engine.program import Container
from pipeline_executor.engine.records import (
    Artifact,
    ArtifactInput,
    ArtifactOutput,
    Launch,
    ParameterOutput,
    Resources,
)
from pipeline_executor.engine.resolving import Inputs, Surroundings, facts
from pipeline_executor.engine.templates import Filling, Template, fill, fill_item
from pipeline_executor.engine.values import is_larger

_CAPITAL_K: Final = re.compile(r"[0-9.]+K")


def launch(here: Surroundings, container: Container, inputs: Inputs, attempt: int) -> Launch:
    """Return the attempt of a task that runs a container.

    Raises:
        InputError: it can't be run with these inputs.
    """
    try:
        return _launch(here, container, inputs, attempt)
    except ValueError as error:
        raise here.fail("container", str(error)) from None


def _launch(here: Surroundings, container: Container, inputs: Inputs, attempt: int) -> Launch:
    task = here.task
    output_artifacts = tuple(
        _artifact_output(here, name, slot.type, attempt)
        for name, slot in sorted(task.signature.output_artifacts.items())
    )
    output_parameters = tuple(
        ParameterOutput(name, kind, parameter_file(name))
        for name, kind in sorted(task.signature.output_parameters.items())
    )
    executor_input = _executor_input(inputs, output_artifacts, output_parameters)
    if is_larger(executor_input, MOST_POD_BYTES):
        raise ValueError(f"its inputs take more than {MOST_POD_BYTES} bytes: hand over large values as artifacts")
    declared = frozenset({*task.parameters, *task.signature.parameters})
    filling = Filling(facts(here.job, here.path), inputs.parameters, declared, executor_input)
    made = Launch(
        path=here.path,
        attempt=attempt,
        image=fill(container.image, filling),
        command=tuple(text for item in container.command for text in fill_item(item, filling)),
        args=tuple(text for item in container.args for text in fill_item(item, filling)),
        env={name: fill(template, filling) for name, template in container.env},
        executor_input=executor_input,
        output_file=OUTPUT_FILE,
        kind=container.kind,
        inputs=tuple(_artifact_inputs(inputs)),
        output_artifacts=output_artifacts,
        output_parameters=output_parameters,
        resources=_resources(container, filling),
        platform=resolved_platform(here, container, filling),
        timeout_seconds=container.timeout_seconds,
        caching=task.caching,
        cache_key=task.cache_key,
        workspace=container.workspace or _mentions_workspace(inputs),
    )
    _check_size(made)
    return made


def _artifact_output(here: Surroundings, name: str, kind: Mapping[str, Any], attempt: int) -> ArtifactOutput:
    uri = output_uri(here.job.root_uri, here.path, attempt, name)
    return ArtifactOutput(name, kind, uri, local_path(uri) or uri)


def _artifact_inputs(inputs: Inputs) -> list[ArtifactInput]:
    return [
        ArtifactInput(name, index, artifact, local_path(artifact.uri))
        for name, artifacts in sorted(inputs.artifacts.items())
        for index, artifact in enumerate(artifacts)
    ]


def _executor_input(
    inputs: Inputs, artifacts: tuple[ArtifactOutput, ...], parameters: tuple[ParameterOutput, ...]
) -> dict[str, Any]:
    outputs: dict[str, Any] = {"outputFile": OUTPUT_FILE}
    if parameters:
        outputs["parameters"] = {each.name: {"outputFile": each.file} for each in parameters}
    if artifacts:
        made = {each.name: Artifact(each.name, each.type, each.uri) for each in artifacts}
        outputs["artifacts"] = {name: {"artifacts": [_runtime_artifact(each)]} for name, each in made.items()}
    given: dict[str, Any] = {}
    if inputs.parameters:
        given["parameterValues"] = dict(inputs.parameters)
    if inputs.artifacts:
        given["artifacts"] = {
            name: {"artifacts": [_runtime_artifact(each) for each in several]}
            for name, several in inputs.artifacts.items()
        }
    return {"inputs": given, "outputs": outputs}


def _runtime_artifact(artifact: Artifact) -> dict[str, Any]:
    return {
        "name": artifact.name,
        "type": dict(artifact.type),
        "uri": artifact.uri,
        "metadata": dict(artifact.metadata),
    }


def _resources(container: Container, filling: Filling) -> Resources:
    requests = _quantities(container.requests, filling)
    limits = _quantities(container.limits, filling)
    if container.accelerator is not None:
        kind, count = (fill(template, filling) for template in container.accelerator)
        if kind and count not in {"", "0"}:
            limits[kind] = _quantity(kind, count)
    return Resources(requests, limits)


def _quantities(templates: Mapping[str, Template], filling: Filling) -> dict[str, str]:
    return {name: _quantity(name, fill(template, filling)) for name, template in templates.items()}


def _quantity(name: str, text: str) -> str:
    # The SDK also takes a capital K, which Kubernetes does not have.
    text = f"{text[:-1]}k" if _CAPITAL_K.fullmatch(text) else text
    try:
        amount = parse_quantity(text)
    except ValueError as error:
        raise ValueError(f"it asks for {name}: {error}") from None
    if amount < 0:
        raise ValueError(f"it asks for {name}: {text} is less than nothing")
    return text


def _mentions_workspace(inputs: Inputs) -> bool:
    return any(isinstance(value, str) and WORKSPACE_PATH in value for value in inputs.parameters.values())


def _check_size(made: Launch) -> None:
    total = 0
    for text in (made.image, *made.command, *made.args, *made.env.values()):
        size = len(text.encode())
        total += size
        if size > MOST_ARGUMENT_BYTES:
            raise ValueError(
                f"an argument of {size} bytes is longer than Linux passes to a program ({MOST_ARGUMENT_BYTES}): hand "
                "over large values as artifacts"
            )
    if total > MOST_POD_BYTES:
        raise ValueError(
            f"its arguments take {total} bytes, more than {MOST_POD_BYTES}: hand over large values as artifacts"
        )
