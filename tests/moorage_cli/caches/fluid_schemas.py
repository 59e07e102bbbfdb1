"""Schemas of our own for the two kinds of Fluid that we print.

They have the fields, types and enumerations of `data.fluid.io/v1alpha1` that we set, as Fluid's API has them, and no
others: what is not in them is refused. They are none of the published files.
"""

from typing import Any

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_TEXTS: Schema = {"type": "object", "additionalProperties": _TEXT}
_QUANTITY: Schema = {"type": "string", "pattern": "^[1-9][0-9]*Mi$"}
_RATIO: Schema = {"type": "string", "pattern": r"^0\.[0-9]+$"}


def _object(needed: tuple[str, ...] = (), /, **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(needed), "additionalProperties": False}


def _list(items: Schema, **more: object) -> Schema:
    return {"type": "array", "items": items, **more}


def _kind(kind: str, spec: Schema) -> Schema:
    owner = _object(("apiVersion", "kind", "name", "uid"), apiVersion=_TEXT, kind=_TEXT, name=_TEXT, uid=_TEXT)
    metadata = _object(("name", "namespace"), name=_TEXT, namespace=_TEXT, labels=_TEXTS, ownerReferences=_list(owner))
    return _object(
        ("apiVersion", "kind", "metadata", "spec"),
        apiVersion={"const": "data.fluid.io/v1alpha1"},
        kind={"const": kind},
        metadata=metadata,
        spec=spec,
    )


_SECRET = _object(secretKeyRef=_object(name=_TEXT, key=_TEXT))
_MOUNT = _object(
    ("mountPoint",),
    mountPoint={"type": "string", "minLength": 5},
    name=_TEXT,
    path=_TEXT,
    options=_TEXTS,
    encryptOptions=_list(_object(name=_TEXT, valueFrom=_SECRET)),
    readOnly={"type": "boolean"},
    shared={"type": "boolean"},
)
_REQUIREMENT = _object(("key", "operator"), key=_TEXT, operator=_TEXT, values=_list(_TEXT))
_TERMS = _list(_object(matchExpressions=_list(_REQUIREMENT), matchFields=_list(_REQUIREMENT)))
_LEVEL = _object(
    ("mediumtype",),
    mediumtype={"enum": ["MEM", "SSD", "HDD"]},
    path={"type": "string", "minLength": 1},
    quota=_QUANTITY,
    high=_RATIO,
    low=_RATIO,
)
_PART = _object(nodeSelector=_TEXTS)

SCHEMAS: dict[str, Schema] = {
    "Dataset": _kind(
        "Dataset",
        _object(
            mounts=_list(_MOUNT, minItems=1),
            accessModes=_list({"enum": ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"]}),
            nodeAffinity=_object(required=_object(("nodeSelectorTerms",), nodeSelectorTerms=_TERMS)),
        ),
    ),
    "AlluxioRuntime": _kind(
        "AlluxioRuntime",
        _object(
            replicas={"type": "integer", "minimum": 1},
            tieredstore=_object(levels=_list(_LEVEL)),
            master=_PART,
            worker=_PART,
            fuse=_PART,
        ),
    ),
}
