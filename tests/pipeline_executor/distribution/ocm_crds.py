"""Definitions of our own for the kinds of Open Cluster Management that the hub uses.

They have the fields, the enumerations and the merge keys of the published ones that we depend on, and no others. They
are none of the published files, which hold more. What OCM's own webhook checks (500 KiB of manifests) is not in them.
"""

from typing import Any

from moorage.kube import Resource
from pipeline_executor.distribution.ocm.works import MANAGED_CLUSTERS, MANIFEST_WORKS
from pipeline_executor.placement_scores.scores import ADD_ON_PLACEMENT_SCORES

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_ANY: Schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_CONDITIONS: Schema = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["type", "status", "reason", "lastTransitionTime", "message"],
        "properties": {
            "type": {"type": "string", "maxLength": 316},
            "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
            "reason": {"type": "string", "minLength": 1, "maxLength": 1024},
            "message": {"type": "string", "maxLength": 32768},
            "lastTransitionTime": {"type": "string", "format": "date-time"},
            "observedGeneration": {"type": "integer", "format": "int64"},
        },
    },
}


def _object(required: tuple[str, ...] = (), **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties} | ({"required": list(required)} if required else {})


def _map(key: str, items: Schema) -> Schema:
    return {"type": "array", "items": items, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}


def _definition(resource: Resource, spec: Schema, status: Schema) -> Schema:
    group, kind, version = resource.group, resource.kind, resource.version
    scope = "Namespaced" if resource.namespaced else "Cluster"
    plural = resource.plural
    schema = _object(apiVersion=_TEXT, kind=_TEXT, metadata={"type": "object"}, spec=spec, status=status)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": scope,
            "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()},
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


def _manifest_config() -> Schema:
    identifier = _object(("resource", "name"), group=_TEXT, resource=_TEXT, name=_TEXT, namespace=_TEXT)
    path = _object(("name", "path"), name=_TEXT, path=_TEXT, version=_TEXT)
    feedback = _object(
        ("type",), type={"type": "string", "enum": ["WellKnownStatus", "JSONPaths"]}, jsonPaths=_map("name", path)
    )
    rule = _object(
        ("condition", "type"),
        condition=_TEXT,
        type={"type": "string", "enum": ["WellKnownConditions", "CEL"]},
        celExpressions={"type": "array", "items": _TEXT},
        message=_TEXT,
        messageExpression=_TEXT,
    )
    apply = _object(force={"type": "boolean"}, fieldManager={"type": "string", "pattern": "^work-agent"})
    strategies = ["Update", "CreateOnly", "ServerSideApply", "ReadOnly"]
    strategy = _object(("type",), type={"type": "string", "enum": strategies}, serverSideApply=apply)
    return _object(
        ("resourceIdentifier",),
        resourceIdentifier=identifier,
        updateStrategy=strategy,
        feedbackRules={"type": "array", "items": feedback},
        conditionRules=_map("condition", rule),
    )


def _manifest_status() -> Schema:
    types = {"type": "string", "enum": ["Integer", "String", "Boolean", "JsonRaw"]}
    value = _object(
        ("type",),
        type=types,
        integer={"type": "integer", "format": "int64"},
        string=_TEXT,
        boolean={"type": "boolean"},
        jsonRaw={"type": "string", "maxLength": 1024},
    )
    feedback = _object(("name", "fieldValue"), name=_TEXT, fieldValue=value)
    return _object(
        ("resourceMeta", "conditions"),
        resourceMeta=_ANY,
        conditions=_CONDITIONS,
        statusFeedback=_object(values=_map("name", feedback)),
    )


def manifest_works() -> Schema:
    """ManifestWork."""
    manifest = {**_ANY, "x-kubernetes-embedded-resource": True}
    spec = _object(
        workload=_object(manifests={"type": "array", "items": manifest}),
        manifestConfigs={"type": "array", "items": _manifest_config()},
        executor=_ANY,
    )
    status = _object(
        conditions=_CONDITIONS, resourceStatus=_object(manifests={"type": "array", "items": _manifest_status()})
    )
    return _definition(MANIFEST_WORKS, spec, status)


def managed_clusters() -> Schema:
    """ManagedCluster."""
    spec = _object(hubAcceptsClient={"type": "boolean"}, leaseDurationSeconds={"type": "integer"})
    status = _object(conditions=_CONDITIONS)
    return _definition(MANAGED_CLUSTERS, spec, status)


def add_on_placement_scores() -> Schema:
    """AddOnPlacementScore: scores from -100 to 100, each name once."""
    value = {"type": "integer", "format": "int32", "minimum": -100, "maximum": 100}
    score = _object(("name", "value"), name=_TEXT, value=value)
    status = _object(
        conditions=_CONDITIONS, scores=_map("name", score), validUntil={"type": "string", "format": "date-time"}
    )
    return _definition(ADD_ON_PLACEMENT_SCORES, _object(), status)
