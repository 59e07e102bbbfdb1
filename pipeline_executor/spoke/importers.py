"""Puts what was brought into a group's pipeline: each importer gets its artifact's type and metadata. Pure.

Its URI is a parameter of the pipeline already. Compiled importers hold what the producing component declares; what the
producer noted when it ran, such as the values of `system.Metrics`, is known only now.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from moorage.runs import Manifest

Raw = Mapping[str, Any]
Documents = Sequence[Raw]


def fill_importers(documents: Documents, manifests: Mapping[str, Manifest]) -> list[dict[str, Any]]:
    """The same documents, with their importers filled in; those that were given stay as they are.

    Args:
        documents: the group's pipeline, and perhaps a platform document.
        manifests: of what was brought, by the pipeline parameter that takes its URI.
    """
    if not documents:
        return []
    first = dict(documents[0])
    inner = first.get("pipelineSpec")
    if isinstance(inner, Mapping):
        first["pipelineSpec"] = _filled(inner, manifests)
    else:
        first = _filled(first, manifests)
    return [first, *(dict(each) for each in documents[1:])]


def _filled(spec: Raw, manifests: Mapping[str, Manifest]) -> dict[str, Any]:
    deployment: Raw = spec.get("deploymentSpec") or {}
    executors = dict(deployment.get("executors") or {})
    components = dict(spec.get("components") or {})
    for task in _tasks(spec):
        parameter = _uri_parameter(task)
        manifest = None if parameter is None else manifests.get(parameter)
        name = (task.get("componentRef") or {}).get("name")
        component = components.get(name) or {}
        label = component.get("executorLabel")
        importer = (executors.get(label) or {}).get("importer")
        if manifest is None or importer is None:
            continue
        filled = {**importer, "metadata": {**(importer.get("metadata") or {}), **manifest.metadata}}
        if manifest.type:
            filled["typeSchema"] = dict(manifest.type)
            components[name] = _retyped(component, manifest.type)
        executors[label] = {**executors[label], "importer": filled}
    return {**spec, "components": components, "deploymentSpec": {**deployment, "executors": executors}}


def _retyped(component: Raw, kind: Raw) -> dict[str, Any]:
    definitions: Raw = component.get("outputDefinitions") or {}
    artifacts = {
        name: {**slot, "artifactType": dict(kind)} for name, slot in (definitions.get("artifacts") or {}).items()
    }
    return {**component, "outputDefinitions": {**definitions, "artifacts": artifacts}}


def _tasks(spec: Raw) -> list[Raw]:
    dag: Raw = (spec.get("root") or {}).get("dag") or {}
    return [task for task in (dag.get("tasks") or {}).values() if isinstance(task, Mapping)]


def _uri_parameter(task: Raw) -> str | None:
    """The pipeline parameter that an importer's `uri` is given."""
    inputs: Raw = (task.get("inputs") or {}).get("parameters") or {}
    found = (inputs.get("uri") or {}).get("componentInputParameter")
    return found if isinstance(found, str) else None
