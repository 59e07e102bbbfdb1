"""Facts in Argo's Workflows about nodes that have no pod: refused ones above all. Pure.

Kubeflow Pipelines says RUNNING of a run whose pods are refused, again and again, for three minutes. What the API server
answered stands in the message of the Workflow's node, and nowhere else.
"""

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from moorage.kube import RawObject, Resource
from pipeline_executor.runners.admission import Refused, meaning_of_message
from pipeline_executor.runners.kubeflow.node_names import task_of

WORKFLOWS: Final = Resource("argoproj.io", "v1alpha1", "workflows", "Workflow")
RUN_ID_LABEL: Final = "pipeline/runid"
_MOST_NODES_BYTES: Final = 16 << 20
_ENDED: Final = frozenset({"Succeeded", "Failed", "Error"})
_GONE_WELL: Final = frozenset({"Succeeded", "Skipped", "Omitted"})


@dataclass(frozen=True, slots=True)
class WorkflowFacts:
    """The facts about one Workflow.

    Attributes:
        over: whether it has ended.
        message: why, where it says so.
        refused: by a task's path, what the API server said of its pod.
    """

    run_id: str
    over: bool
    message: str = ""
    refused: Mapping[str, Refused] = field(default_factory=dict)


def read_workflow(raw: RawObject) -> WorkflowFacts | None:
    """Read the facts; None where it is no run of Kubeflow Pipelines."""
    run_id = (raw["metadata"].get("labels") or {}).get(RUN_ID_LABEL, "")
    if not run_id:
        return None
    status = raw.get("status") or {}
    refused = {}
    for node in _nodes(status).values():
        if not isinstance(node, Mapping) or node.get("phase") in _GONE_WELL:
            continue
        path = task_of(str(node.get("name") or ""))
        meaning = None if path is None else meaning_of_message(str(node.get("message") or ""))
        if path is not None and meaning is not None:
            refused[path] = meaning
    return WorkflowFacts(run_id, status.get("phase") in _ENDED, str(status.get("message") or ""), refused)


def _nodes(status: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a Workflow's nodes; many are compressed. What lies in Argo's own database is not seen here."""
    packed = status.get("compressedNodes")
    if not packed:
        return status.get("nodes") or {}
    try:
        unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
        content = unpacker.decompress(base64.b64decode(packed), _MOST_NODES_BYTES)
        nodes = json.loads(content)
    except (ValueError, RecursionError, zlib.error):
        return {}
    return nodes if isinstance(nodes, Mapping) else {}
