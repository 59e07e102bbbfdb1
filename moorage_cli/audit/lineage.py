"""Grants as OpenLineage run events (specification 2-0-2): which pod was given which data, in which version.

The pod is the run, by its uid; its namespace and name are the job. A grant tells neither when a pod began nor how it
ended, so each event is of type OTHER: it adds an input to a run, whoever else tells of that run.
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from moorage.evidence.line import Line, What

PRODUCER: Final = "https://moorage.dev"
_SCHEMA: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs"
_VERSION_SCHEMA: Final = (
    "https://openlineage.io/spec/facets/1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet"
)
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def run_event(line: Line) -> dict[str, Any] | None:
    """The event of a grant; None where the line is none, or names no pod by a uid."""
    event = line.event
    if event.what is not What.GRANTED or event.dataset is None or event.pod is None:
        return None
    if event.uid is None or not _UUID.fullmatch(event.uid):
        return None
    namespace, _, name = event.pod.partition("/")
    data = _data(event.dataset, event.version, event.source or {})
    grant = {
        "access": event.access,
        "account": event.account,
        "purpose": event.purpose,
        "node": event.node,
        "site": event.site,
        "evidence": f"{line.component}/{line.chain}/{line.sequence}",
        "hash": line.hash,
    }
    return {
        "eventType": "OTHER",
        "eventTime": line.time,
        "producer": PRODUCER,
        "schemaURL": f"{_SCHEMA}/RunEvent",
        "run": {"runId": event.uid.lower(), "facets": {"moorage_grant": _facet(f"{_SCHEMA}/RunFacet", grant)}},
        "job": {"namespace": namespace, "name": name},
        "inputs": [data],
        # The version is that before anything was written.
        "outputs": [] if event.access is None else [_data(event.dataset, None, event.source or {})],
    }


def _data(dataset: str, version: str | None, source: Mapping[str, str]) -> dict[str, Any]:
    namespace, name = _identity(dataset, source)
    about = {"dataset": dataset, "site": source.get("site"), "kind": source.get("kind")}
    facets = {"moorage_dataset": _facet(f"{_SCHEMA}/DatasetFacet", about)}
    if version is not None:
        facets["version"] = _facet(_VERSION_SCHEMA, {"datasetVersion": version})
    return {"namespace": namespace, "name": name, "facets": facets}


def _identity(dataset: str, source: Mapping[str, str]) -> tuple[str, str]:
    """By OpenLineage's naming where it has one for the source, so that it meets what others tell of the same data."""
    match source:
        case {"bucket": bucket}:
            return f"s3://{bucket}", source.get("prefix", "").strip("/") or "/"
        case {"url": url}:
            parts = urlsplit(url)
            return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", parts.path or "/"
    return "moorage", dataset


def _facet(schema: str, values: Mapping[str, str | None]) -> dict[str, str]:
    told = {name: value for name, value in values.items() if value is not None}
    return {"_producer": PRODUCER, "_schemaURL": schema, **told}
