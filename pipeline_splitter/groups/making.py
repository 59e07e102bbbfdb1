"""Tasks that are not in the pipeline: importers of what other groups make, and inserted releases."""

from typing import Any

from moorage.errors import InputError
from moorage.model import Component, DatasetRef
from pipeline_splitter.groups.catalogue import Catalogue
from pipeline_splitter.groups.crossing import ARTIFACTS, PARAMETERS, Crossing
from pipeline_splitter.groups.nodes import DATA, RELEASED, Node
from pipeline_splitter.groups.splitting import Split
from pipeline_splitter.groups.units import DATASET_TYPE
from pipeline_splitter.groups.wiring import IMPORTED, Wiring

_URI = "uri"
_ANY_TYPE = {"schemaTitle": "system.Artifact", "schemaVersion": "0.0.1"}


def import_task(split: Split, wiring: Wiring, catalogue: Catalogue, crossing: Crossing) -> dict[str, Any]:
    """Return a task that makes an artifact of a URI, of the type and with the metadata that its component declares."""
    name = split.crossings.tasks[crossing]
    definition = split.definition(crossing)
    artifact_type = definition.get("artifactType") or _ANY_TYPE
    importer = {"artifactUri": {"runtimeParameter": _URI}, "reimport": False, "typeSchema": artifact_type}
    importer |= {key: definition[key] for key in ("metadata", "properties", "customProperties") if key in definition}
    component = catalogue.add(
        name,
        {
            "inputDefinitions": {PARAMETERS: {_URI: {"parameterType": "STRING"}}},
            "outputDefinitions": {ARTIFACTS: {IMPORTED: {"artifactType": artifact_type}}},
        },
        {"importer": importer},
    )
    return {
        "cachingOptions": {},
        "componentRef": {"name": component},
        "inputs": {PARAMETERS: {_URI: {"componentInputParameter": wiring.import_artifact(crossing)}}},
        "taskInfo": {"name": name},
    }


def release_task(split: Split, wiring: Wiring, catalogue: Catalogue, node: Node) -> dict[str, Any]:
    """Return an inserted release: the dataset's own container, labelled as what it is.

    Raises:
        InputError: the dataset declares no such release.
    """
    name = split.names[node.path]
    ref, release, container = _release(split, node.path)
    written: dict[str, Any] = {"image": container.image}
    if container.command:
        written["command"] = list(container.command)
    if container.args:
        written["args"] = list(container.args)
    component = catalogue.add(
        name,
        {
            "inputDefinitions": {ARTIFACTS: {DATA: {"artifactType": DATASET_TYPE}}},
            "outputDefinitions": {ARTIFACTS: {RELEASED: {"artifactType": DATASET_TYPE}}},
        },
        {"container": written},
        {"dataset.0.id": ref.name, "dataset.0.namespace": ref.namespace, "dataset.0.release": release},
    )
    task = {
        "cachingOptions": {},
        "componentRef": {"name": component},
        "inputs": wiring.inputs_of(node),
        "taskInfo": {"name": name},
    }
    before = wiring.waits_for(node)
    return {**task, "dependentTasks": before} if before else task


def _release(split: Split, path: str) -> tuple[DatasetRef, str, Component]:
    ref, wanted = split.graph.tasks[path].release or (DatasetRef("", ""), "")
    dataset = split.datasets.get(ref)
    for release in dataset.governance.releases if dataset else ():
        if release.name == wanted:
            return ref, wanted, release.component
    raise InputError(f"Dataset {ref}", "spec.governance.releases", f"has no release {wanted}: declare it")
