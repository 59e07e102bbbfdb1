"""Input bindings of one Kubeflow task, as its spec says them: nothing is resolved yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline_splitter.kfp.places import Place, Raw
from pipeline_splitter.kfp.spec import unwrap_value


@dataclass(frozen=True, slots=True)
class Given:
    """A constant value of an input."""

    value: Any


@dataclass(frozen=True, slots=True)
class FromInput:
    """An input of the component that the task is in."""

    name: str


@dataclass(frozen=True, slots=True)
class FromTask:
    """An output of a task beside it."""

    task: str
    output: str


@dataclass(frozen=True, slots=True)
class FromStatus:
    """The final status of a task beside it."""

    task: str


Origin = Given | FromInput | FromTask | FromStatus


@dataclass(frozen=True, slots=True)
class Said:
    """One binding: where the value comes from, what is selected of it, and how it is written."""

    origin: Origin
    selector: str | None
    raw: Raw
    place: Place

    @property
    def task(self) -> str | None:
        """The task beside it that it waits for, if any."""
        return self.origin.task if isinstance(self.origin, FromTask | FromStatus) else None


def read_parameters(inputs: Place) -> Mapping[str, Said]:
    """Read the parameter bindings of a task's `inputs`, by input name, sorted."""
    return {name: read_parameter(place) for name, place in inputs.sub("parameters").children()}


def read_artifacts(inputs: Place) -> Mapping[str, Said]:
    """Read the artifact bindings of a task's `inputs`, by input name, sorted."""
    return {name: _read_artifact(place) for name, place in inputs.sub("artifacts").children()}


def read_parameter(place: Place) -> Said:
    """Read one parameter binding."""
    return Said(_parameter_origin(place), place.text("parameterExpressionSelector") or None, place.raw, place)


def _parameter_origin(place: Place) -> Origin:
    if place.has("taskOutputParameter"):
        output = place.required("taskOutputParameter")
        return FromTask(output.required_text("producerTask"), output.required_text("outputParameterKey"))
    if place.has("componentInputParameter"):
        return FromInput(place.required_text("componentInputParameter"))
    if place.has("taskFinalStatus"):
        return FromStatus(place.required("taskFinalStatus").required_text("producerTask"))
    if "runtimeValue" not in place.raw:
        place.fail("must have one of taskOutputParameter, componentInputParameter, taskFinalStatus and runtimeValue")
    value = place.sub("runtimeValue")
    if value.has("runtimeParameter"):
        return FromInput(value.required_text("runtimeParameter"))
    if value.has("constantValue"):
        return Given(unwrap_value(value.value("constantValue")))
    return Given(value.value("constant"))


def _read_artifact(place: Place) -> Said:
    origin: Origin
    if place.has("taskOutputArtifact"):
        output = place.required("taskOutputArtifact")
        origin = FromTask(output.required_text("producerTask"), output.required_text("outputArtifactKey"))
    elif place.has("componentInputArtifact"):
        origin = FromInput(place.required_text("componentInputArtifact"))
    else:
        place.fail("must have either taskOutputArtifact or componentInputArtifact")
    return Said(origin, None, place.raw, place)
