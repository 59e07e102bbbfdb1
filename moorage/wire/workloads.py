"""Pod templates inside workloads: Deployments, StatefulSets, DaemonSets, Jobs, CronJobs and Argo's workflows. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from moorage.reading.fields import Raw

MOST_TEMPLATES = 64
"""Templates of one workload that are looked at; an Argo workflow may have thousands."""


@dataclass(frozen=True, slots=True)
class PodTemplate:
    """A pod template of a workload.

    Attributes:
        field: where it stands, as `spec.template`.
        metadata: labels and annotations of its pods.
        spec: of its pods; of an Argo template only what admission asks for.
    """

    field: str
    metadata: dict[str, Any]
    spec: dict[str, Any]


def pod_templates(kind: str, raw: Raw) -> tuple[PodTemplate, ...]:
    """Return the templates of a workload, at most `MOST_TEMPLATES`; none where its kind is unknown or it is empty."""
    found: list[PodTemplate] = []
    for template in _templates(kind, _mapping(raw.get("spec"))):
        found.append(template)
        if len(found) == MOST_TEMPLATES:
            break
    return tuple(found)


def _templates(kind: str, spec: Raw) -> Iterator[PodTemplate]:
    match kind:
        case "Deployment" | "StatefulSet" | "ReplicaSet" | "DaemonSet" | "Job":
            yield _template("spec.template", _mapping(spec.get("template")))
        case "CronJob":
            job = _mapping(_mapping(spec.get("jobTemplate")).get("spec"))
            yield _template("spec.jobTemplate.spec.template", _mapping(job.get("template")))
        case "Workflow" | "WorkflowTemplate" | "ClusterWorkflowTemplate":
            yield from _argo("spec", spec)
        case "CronWorkflow":
            yield from _argo("spec.workflowSpec", _mapping(spec.get("workflowSpec")))


def _template(field: str, template: Raw) -> PodTemplate:
    return PodTemplate(field, _mapping(template.get("metadata")), _mapping(template.get("spec")))


def _argo(field: str, spec: Raw) -> Iterator[PodTemplate]:
    """Yield each template of a workflow that runs a container, with what the workflow says of all its pods."""
    common = _mapping(spec.get("podMetadata"))
    templates = spec.get("templates")
    for index, template in enumerate(templates if isinstance(templates, list) else ()):
        body = _mapping(template)
        own = _mapping(body.get("metadata"))
        container = body.get("container") or body.get("script")
        if not isinstance(container, dict):
            continue
        metadata = {
            part: {**_mapping(common.get(part)), **_mapping(own.get(part))} for part in ("labels", "annotations")
        }
        account = body.get("serviceAccountName") or spec.get("serviceAccountName")
        pod_spec = {"containers": [{"name": "main", **container}]}
        yield PodTemplate(
            f"{field}.templates[{index}]",
            metadata,
            {**pod_spec, **({"serviceAccountName": account} if isinstance(account, str) else {})},
        )


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
