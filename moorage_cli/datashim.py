"""Converts Datashim's manifests to Moorage's, with a note on each thing that changes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moorage.access import Access
from moorage.model import API_VERSION
from moorage.reading.fields import Fields
from moorage.sources import LOCAL_KINDS
from moorage.wire.local import KNOWN_KEYS, REMOTE_KEYS

GROUPS = frozenset({"datashim.io", "com.ie.ibm.hpsys"})
KINDS = frozenset({"Dataset", "DatasetInternal"})
Raw = Mapping[str, Any]

# What its author wrote. The rest is a server's: with another object's `resourceVersion` a second `apply` is a conflict,
# and a finalizer that only Datashim's operator removes would keep the new object from ever being deleted.
_OF_THE_AUTHOR = ("name", "generateName", "namespace", "labels", "annotations")
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
# By these a deployment tool finds what it may prune, and Moorage what an administrator asked for: of the old object.
_TRACKING_DOMAINS = ("moorage.dev/", "applyset.kubernetes.io/", "argocd.argoproj.io/")
_TRACKING = frozenset({"app.kubernetes.io/instance"})

# Kinds that pods could write to, unless `readonly` said otherwise.
_WRITABLE_THERE = frozenset({"COS", "S3", "NFS", "HOST"})

# Words that Datashim obeys and Moorage accepts without doing anything.
_WITHOUT_EFFECT = {
    "createDirPVC": "no folder is made: make it yourself",
    "storageClass": "the claim of a Dataset has none",
    "hostPathType": "the folder must be there on every node of the Site",
    "format": "the archive's format is detected",
}


@dataclass(frozen=True, slots=True)
class Converted:
    """One object.

    Attributes:
        raw: as it is to be applied; None where there is nothing to apply.
        notes: what changed, and what to do.
    """

    raw: dict[str, Any] | None
    notes: tuple[str, ...] = ()


def convert(raw: Raw, site: str | None) -> Converted:
    """Convert one object; what is not Datashim's comes back as it is.

    Args:
        raw: the object.
        site: where the data is; None leaves it to the only Site there is.

    Raises:
        InputError: a part of it is no mapping.
    """
    if not _is_datashims(raw):
        return Converted(dict(raw))
    notes: list[str] = []
    metadata = _metadata(_mapping(raw, "metadata", "Dataset"), notes)
    named = metadata.get("name") or f"{metadata.get('generateName')}..."
    subject = f"{raw.get('kind')} {'/'.join((*filter(None, [metadata.get('namespace')]), named))}"
    if is_bookkeeping(raw):
        return Converted(None, (f"{subject}: is Datashim's own bookkeeping: left out",))
    spec = _mapping(raw, "spec", subject)
    if "remote" in spec:
        converted = _from_remote(_mapping(spec, "remote", subject, "spec"), site, notes)
        del spec["remote"]
    else:
        local = _mapping(spec, "local", subject, "spec")
        spec.pop("local", None)
        if "type" in spec:  # older manifests have no `local`
            local = {key: spec.pop(key) for key in list(spec) if key not in {"remote", "local"}} | local
        converted = {"local": _local(local, site, notes), **_access(local, notes), "claim": True}
    notes += [f"spec.{key}: Moorage has no such field: left out" for key in sorted(spec)]
    body = {"apiVersion": API_VERSION, "kind": "Dataset", "metadata": metadata, "spec": converted}
    return Converted(body, tuple(f"{subject}: {note}" for note in notes))


def is_bookkeeping(raw: Raw) -> bool:
    """Whether it is an object that Datashim makes for itself."""
    return _is_datashims(raw) and raw.get("kind") != "Dataset"


def could_write(raw: Raw) -> bool:
    """Whether pods could write to a Dataset with Datashim."""
    spec = _mapping(raw, "spec", "Dataset")
    local = spec | _mapping(spec, "local", "Dataset", "spec")
    writable = str(local.get("type") or "").upper() in _WRITABLE_THERE
    return _is_datashims(raw) and writable and str(local.get("readonly") or "").lower() != "true"


def _is_datashims(raw: Raw) -> bool:
    return str(raw.get("apiVersion")).partition("/")[0] in GROUPS


def _mapping(raw: Raw, key: str, subject: str, path: str = "") -> dict[str, Any]:
    """A copy: what is converted is taken out of it."""
    return dict(Fields(subject, path, raw).mapping(key))


def _metadata(metadata: Raw, notes: list[str]) -> dict[str, Any]:
    kept = {key: metadata[key] for key in _OF_THE_AUTHOR if metadata.get(key)}
    for field in ("labels", "annotations"):
        words = _mapping(kept, field, "Dataset", "metadata")
        tracking = sorted(key for key in words if key in _TRACKING or key.startswith(_TRACKING_DOMAINS))
        notes += [f"metadata.{field}.{key}: was about the old object: left out" for key in tracking]
        kept[field] = {key: value for key, value in words.items() if key not in {*tracking, _LAST_APPLIED}}
        if not kept[field]:
            del kept[field]
    return kept


def _local(local: dict[str, Any], site: str | None, notes: list[str]) -> dict[str, Any]:
    known = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in local.items()}
    for key in sorted(set(known) - set(KNOWN_KEYS)):
        notes.append(f"spec.local.{key}: is not known here: left out")
        del known[key]
    notes += [f"spec.local.{key}: {_WITHOUT_EFFECT[key]}" for key in sorted(known) if key in _WITHOUT_EFFECT]
    if known.get("provision") == "true":
        kind = LOCAL_KINDS.get(str(known.get("type", "")).upper())
        made = kind is not None and "provision" in kind.local_keys
        what = "the bucket is made if it is missing, and kept when the Dataset goes" if made else "nothing is made"
        notes.append(f"spec.local.provision: {what}")
    if "accessKeyID" in known:
        notes.append("spec.local.accessKeyID: everybody who may read the Dataset sees it: use secret-name")
    if "secret-namespace" in known:
        notes.append("spec.local.secret-namespace: only a Secret in the Dataset's own namespace is read")
    if str(known.get("type", "")).upper() == "H3":
        notes.append("spec.local.type: H3 is accepted, and not served: give the data as COS or NFS")
    if site is not None:
        known["site"] = site
    return known


def _access(local: Raw, notes: list[str]) -> dict[str, str]:
    """`readonly: "false"` is `access: readWrite` here, for the kinds that can be written; silence is not."""
    readonly = str(local.get("readonly") or "").lower()
    name = str(local.get("type", "")).upper()
    if readonly != "false" and (readonly or name not in _WRITABLE_THERE):
        return {}
    kind = LOCAL_KINDS.get(name)
    if kind is None or not kind.abilities.writable:
        notes.append("spec.local.readonly: a source of this kind is mounted read-only")
        return {}
    if not readonly:
        notes.append(
            "spec.local.readonly: is not given, and pods only read here: if they write, add spec.access: readWrite"
        )
        return {}
    notes.append(
        "spec.access: readWrite; a pod that writes mounts the claim, or needs the label dataset.N.access: readWrite"
    )
    return {"access": Access.READ_WRITE.value}


def _from_remote(remote: dict[str, Any], site: str | None, notes: list[str]) -> dict[str, Any]:
    """A catalogue's table."""
    known = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in remote.items()}
    for key in sorted(set(known) - set(REMOTE_KEYS)):
        notes.append(f"spec.remote.{key}: is not known here: left out")
        del known[key]
    if "bucket" not in known:
        notes.append(
            "spec.remote.bucket: say where the table's files may be: endpoint, bucket, folder, secret-name; a "
            "catalogue alone does not decide what a Dataset's keys are used for"
        )
    if site is not None:
        known["site"] = site
    return {"remote": known} | ({"claim": True} if known.get("mountAllowed") == "true" else {})
