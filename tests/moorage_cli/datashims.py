"""Datashim's kinds in an API server, and objects as its users and its operator write them."""

from typing import Any

from moorage.kube import Resource
from tests.world import World

Raw = dict[str, Any]
NEWER, OLDER = "datashim.io", "com.ie.ibm.hpsys"
_PLURALS = {"Dataset": "datasets", "DatasetInternal": "datasetsinternal"}
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_TEXT = {"type": "string"}
_SPEC = {"local": _TEXTS, "remote": _TEXTS, "type": _TEXT, "url": _TEXT, "format": _TEXT, "extract": _TEXT}


def crd(group: str, kind: str) -> Raw:
    """One kind: all values are texts, as Datashim has it."""
    plural = _PLURALS[kind]
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    spec = {"type": "object", "properties": _SPEC}
    schema = {"type": "object", "properties": {"spec": spec, "status": free}}
    version = {"name": "v1alpha1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [{**version, "subresources": {"status": {}}}],
        },
    }


def install(world: World) -> None:
    """Both kinds of both groups."""
    made = [crd(group, kind) for group in (NEWER, OLDER) for kind in _PLURALS]
    world.apply(*made)
    names = [f"crd/{each['metadata']['name']}" for each in made]
    world.kubectl("wait", "--for=condition=Established", "--timeout=60s", *names)


def remove(world: World) -> None:
    """The kinds, with all their objects."""
    names = [f"{plural}.{group}" for group in (NEWER, OLDER) for plural in _PLURALS.values()]
    world.kubectl("delete", "crd", *names, "--ignore-not-found")


def resource(group: str) -> Resource:
    """Datasets of a group."""
    return Resource(group, "v1alpha1", "datasets", "Dataset")


def dataset(world: World, name: str, spec: Raw, group: str = NEWER, kind: str = "Dataset") -> Raw:
    """A Dataset of the steward's, as its author wrote it."""
    metadata = {"name": name, "namespace": world.steward, "labels": {"team": "a"}}
    return {"apiVersion": f"{group}/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def s3(**more: str) -> Raw:
    """A bucket."""
    words = {"type": "COS", "endpoint": "https://s3.test", "bucket": "b", "secret-name": "keys", **more}
    return {"local": words}
