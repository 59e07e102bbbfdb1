"""Importers: artifacts made of URIs. They run in the engine itself, and end as they begin."""

from typing import Any

from pipeline_executor.engine.program import Importer
from pipeline_executor.engine.records import Artifact, Outputs
from pipeline_executor.engine.resolving import Inputs, Surroundings, facts
from pipeline_executor.engine.templates import Filling, fill, fill_deeply


def imported(here: Surroundings, importer: Importer, inputs: Inputs) -> Outputs:
    """Return the outputs of an importer. `reimport` is ignored, as by Kubeflow's backend where the artifact is new.

    Raises:
        InputError: its URI or its metadata can't be had.
    """
    filling = Filling(facts(here.job, here.path), inputs.parameters, frozenset(here.task.signature.parameters))
    try:
        uri = inputs.parameters.get(importer.parameter) if importer.uri is None else fill(importer.uri, filling)
        metadata = {fill_deeply(key, filling): _filled(value, filling) for key, value in importer.metadata.items()}
    except ValueError as error:
        raise here.fail("importer", str(error)) from None
    if not isinstance(uri, str) or not uri:
        raise here.fail("importer", f"input {importer.parameter} must be the URI of an artifact")
    slots = here.task.signature.output_artifacts
    return Outputs(
        artifacts={name: (Artifact(name, importer.type or slot.type, uri, metadata),) for name, slot in slots.items()}
    )


def _filled(value: Any, filling: Filling) -> Any:  # noqa: ANN401 - JSON
    """Return values, and keys at any depth."""
    if isinstance(value, dict):
        return {fill_deeply(key, filling): _filled(item, filling) for key, item in value.items()}
    return fill_deeply(value, filling)
