"""Conversion between raw Kubernetes objects and records. Pure; the only module that knows labels and keys.

Experiments, pipelines and versions are ConfigMaps whose names are made of what must be unique, so that the API server
itself refuses a second one; a client knows them by the object's uid, which nobody can choose. A run that this server
made is called by its run_id, so that asking for it twice is asking once; any other StretchedPipeline is known by its
uid.
"""

import hashlib
import re
import zlib
from collections.abc import Mapping
from typing import Any, Final

import orjson

from kfp_api.placement import settings_in
from kfp_api.records import Experiment, Pipeline, Run, Version
from kfp_api.states import progress_of
from moorage.errors import InputError
from moorage.kube import RawObject
from moorage.runs.schedules import SCHEDULE_LABEL

KIND_LABEL: Final = "moorage.dev/kfp"
EXPERIMENT, PIPELINE, VERSION, RUN = "experiment", "pipeline", "version", "run"
PIPELINE_LABEL: Final = "moorage.dev/kfp-pipeline"
VERSION_LABEL: Final = "moorage.dev/kfp-version"
EXPERIMENT_LABEL: Final = "moorage.dev/kfp-experiment"
UNOWNED_LABEL: Final = "moorage.dev/kfp-unowned"
"""The label of a ConfigMap with a run's pipeline until the run owns it."""

DISPLAY_NAME: Final = "moorage.dev/display-name"
DESCRIPTION: Final = "moorage.dev/description"
PIPELINE_ROOT: Final = "moorage.dev/kfp-pipeline-root"
REQUEST_DIGEST: Final = "moorage.dev/kfp-request"
CREATED_BY: Final = "moorage.dev/created-by"
CANCELING_AT: Final = "moorage.dev/kfp-canceling-at"
ARCHIVED_AT: Final = "moorage.dev/kfp-archived-at"
UNARCHIVED_AT: Final = "moorage.dev/kfp-unarchived-at"
FILE: Final = "pipeline.yaml"

LONGEST_NAME: Final = 128
LONGEST_DESCRIPTION: Final = 4096
_LONGEST_MESSAGE = 4096
_MOST_TAGS = 32
_LONGEST_TAG = 256
_PACKED_BYTES = 16 << 10
_PLAIN_BYTES = 2 << 10
_RUN_ID = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_LABEL_VALUE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")


def unique_name(kind: str, *parts: str) -> str:
    """Return the name of an experiment's, pipeline's or version's ConfigMap; equal parts give the same name."""
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
    return f"kfp-{kind}-{digest[:32]}"


def run_config_map(run_id: str) -> str:
    """Return the name of the ConfigMap that holds the pipeline of a single run."""
    return f"kfp-run-{run_id}"


def is_run_id(text: str) -> bool:
    """Return whether a client may give a run this id, which becomes the object's name."""
    return bool(_RUN_ID.fullmatch(text))


def is_label_value(text: str) -> bool:
    """Return whether the text can be an id of ours."""
    return bool(_LABEL_VALUE.fullmatch(text))


# --- reading ---


def read_config_map(raw: RawObject) -> Experiment | Pipeline | Version | None:
    """Read the record of a ConfigMap; None for those that are none of ours, whatever their labels say."""
    metadata = raw["metadata"]
    labels = metadata.get("labels") or {}
    data = raw.get("data") or {}
    description = _cut(data.get("description"), LONGEST_DESCRIPTION)
    tags = _tags(data.get("tags"))
    settings = settings_in({**tags, **(metadata.get("annotations") or {})}, description)
    common: dict[str, Any] = {
        **_common(metadata),
        "id": str(metadata.get("uid") or ""),
        "display_name": _cut(data.get("displayName"), LONGEST_NAME) or metadata["name"],
        "description": description,
        "settings": settings,
    }
    name = _cut(data.get("name"), LONGEST_NAME) or common["display_name"]
    match labels.get(KIND_LABEL):
        case "experiment":
            archived_at = _cut(data.get("archivedAt"), 64)
            return Experiment(archived=data.get("archived") == "true", archived_at=archived_at, **common)
        case "pipeline":
            return Pipeline(name=name, tags=tags, **common)
        case "version":
            pipeline_id = str(labels.get(PIPELINE_LABEL) or "")
            source = _cut(data.get("codeSourceUrl"), 1024)
            return Version(name=name, pipeline_id=pipeline_id, code_source_url=source, tags=tags, **common)
        case _:
            return None


def read_run(raw: RawObject) -> Run:
    """Read the record of a StretchedPipeline, whoever made it."""
    metadata, spec, status = raw["metadata"], raw.get("spec") or {}, raw.get("status") or {}
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    progress = progress_of(status, cancel=spec.get("cancel") is True)
    source = (spec.get("pipeline") or {}).get("configMapRef") or {}
    is_ours = labels.get(KIND_LABEL) == RUN
    return Run(
        **_common(metadata),
        id=metadata["name"] if is_ours else str(metadata.get("uid") or ""),
        uid=str(metadata.get("uid") or ""),
        display_name=_cut(annotations.get(DISPLAY_NAME), LONGEST_NAME) or metadata["name"],
        description=_cut(annotations.get(DESCRIPTION), LONGEST_DESCRIPTION),
        experiment_id=str(labels.get(EXPERIMENT_LABEL) or ""),
        state=progress.state,
        pipeline_id=str(labels.get(PIPELINE_LABEL) or ""),
        version_id=str(labels.get(VERSION_LABEL) or ""),
        config_map=_cut(source.get("name"), 253),
        service_account=_cut(spec.get("serviceAccountName"), 253) or "default",
        pipeline_root=_cut(annotations.get(PIPELINE_ROOT), 1024),
        request_digest=_cut(annotations.get(REQUEST_DIGEST), 64),
        started_at=progress.started_at,
        canceling_at=_cut(annotations.get(CANCELING_AT), 64),
        finished_at=progress.finished_at,
        final=progress.final,
        message=progress.message[:_LONGEST_MESSAGE],
        archived_at=_cut(annotations.get(ARCHIVED_AT), 64),
        unarchived_at=_cut(annotations.get(UNARCHIVED_AT), 64),
        retries=int(spec.get("retries") or 0),
        recurring_run_id=str(labels.get(SCHEDULE_LABEL) or ""),
        details=pack(raw),
    )


def read_lasting_run(raw: RawObject) -> Run | None:
    """Read the same; None for one that is being deleted, which may take its hub a while."""
    return None if raw["metadata"].get("deletionTimestamp") else read_run(raw)


def pack(raw: RawObject) -> bytes | None:
    """Compress the details that only a get of this run returns; None where they are too large to keep in the index."""
    plain = orjson.dumps(details_of(raw))
    if len(plain) <= _PLAIN_BYTES:
        return plain
    packed = zlib.compress(plain, 1)
    return packed if len(packed) <= _PACKED_BYTES else None


def details_of(raw: RawObject) -> dict[str, Any]:
    """Return the same from the object itself."""
    spec, status = raw.get("spec") or {}, raw.get("status") or {}
    tasks = status.get("tasks")
    return {"parameters": spec.get("parameters") or {}, "tasks": tasks if isinstance(tasks, list) else []}


def unpack(details: bytes) -> dict[str, Any]:
    """Decompress what `pack` returned."""
    plain = details if details[:1] == b"{" else zlib.decompress(details)
    found: dict[str, Any] = orjson.loads(plain)
    return found


def _common(metadata: Mapping[str, Any]) -> dict[str, Any]:
    revision = str(metadata.get("resourceVersion") or "0")
    return {
        "namespace": str(metadata.get("namespace") or ""),
        "object_name": str(metadata["name"]),
        "revision": int(revision) if revision.isdecimal() else 0,
        "created_at": str(metadata.get("creationTimestamp") or ""),
    }


def _cut(value: object, most: int) -> str:
    return value[:most] if isinstance(value, str) else ""


def _tags(value: object) -> dict[str, str]:
    if not isinstance(value, str) or not value:
        return {}
    try:
        return read_tags(orjson.loads(value))
    except (orjson.JSONDecodeError, InputError):
        return {}


def read_tags(raw: object) -> dict[str, str]:
    """Tags as a client gives them.

    Raises:
        InputError: they are no mapping of a few short texts.
    """
    if raw is None or raw == "":
        return {}
    if (
        not isinstance(raw, dict)
        or len(raw) > _MOST_TAGS
        or not all(isinstance(text, str) and len(text) <= _LONGEST_TAG for pair in raw.items() for text in pair)
    ):
        raise InputError(
            "request", "tags", f"must be at most {_MOST_TAGS} texts by texts of at most {_LONGEST_TAG} characters"
        )
    return dict(raw)


# --- writing ---


def make_config_map(  # noqa: PLR0913 - the last two are keywords
    kind: str,
    namespace: str,
    name: str,
    data: Mapping[str, str],
    *,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> RawObject:
    """Make a ConfigMap of one of our kinds; empty values are left out."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "namespace": namespace,
            "name": name,
            "labels": {KIND_LABEL: kind, **(labels or {})},
            "annotations": {key: value for key, value in (annotations or {}).items() if value},
        },
        "data": {key: value for key, value in data.items() if value},
    }


def owner_of(raw: RawObject) -> dict[str, Any]:
    """Return the reference by which another object goes when this one does."""
    metadata = raw["metadata"]
    return {"apiVersion": raw["apiVersion"], "kind": raw["kind"], "name": metadata["name"], "uid": metadata["uid"]}


def written_json(value: object) -> bytes:
    """Serialize a value as JSON.

    Raises:
        InputError: it holds a number that JSON here can't.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        raise InputError("request", "body", "holds a whole number beyond 64 bits: write it as a text") from None
