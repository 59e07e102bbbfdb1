"""Recurring runs: PipelineSchedules as Kubeflow Pipelines' API has them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kfp_api import objects
from kfp_api.records import Kept
from moorage.kube import RawObject


@dataclass(frozen=True, slots=True, kw_only=True)
class RecurringRun(Kept):
    """A recurring run.

    Attributes:
        trigger: as answers hold it.
        disabled: whether it makes no runs now.
        message: why it can make none; "" where it can.
    """

    experiment_id: str = ""
    pipeline_id: str = ""
    version_id: str = ""
    service_account: str = ""
    trigger: Mapping[str, Any] = field(default_factory=dict)
    max_concurrency: int = 1
    catches_up: bool = False
    disabled: bool = False
    message: str = ""

    @property
    def parents(self) -> tuple[str, ...]:
        """The ids of its experiment and of the version that it runs."""
        return tuple(dict.fromkeys(each for each in (self.experiment_id, self.version_id) if each))

    @property
    def status(self) -> str:
        """The status as Kubeflow's backend writes it."""
        return "DISABLED" if self.disabled else "ENABLED"


def read_recurring(raw: RawObject) -> RecurringRun | None:
    """Read the record of a PipelineSchedule, whoever made it; None for one that is being deleted."""
    metadata, spec = raw["metadata"], raw.get("spec") or {}
    if metadata.get("deletionTimestamp"):
        return None
    annotations = metadata.get("annotations") or {}
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    conditions = (raw.get("status") or {}).get("conditions") or [{}]
    broken = conditions[0].get("status") == "False"
    catch_up, concurrent = spec.get("catchUp"), spec.get("maxActiveRuns")
    forbids = spec.get("concurrencyPolicy") in {"Forbid", "Replace"}
    revision = str(metadata.get("resourceVersion") or "0")
    return RecurringRun(
        namespace=str(metadata.get("namespace") or ""),
        object_name=str(metadata["name"]),
        id=str(metadata.get("uid") or ""),
        revision=int(revision) if revision.isdecimal() else 0,
        created_at=str(metadata.get("creationTimestamp") or ""),
        display_name=str(annotations.get(objects.DISPLAY_NAME) or metadata["name"])[: objects.LONGEST_NAME],
        description=str(annotations.get(objects.DESCRIPTION) or "")[: objects.LONGEST_DESCRIPTION],
        experiment_id=str(labels.get(objects.EXPERIMENT_LABEL) or ""),
        pipeline_id=str(labels.get(objects.PIPELINE_LABEL) or ""),
        version_id=str(labels.get(objects.VERSION_LABEL) or ""),
        service_account=str((template.get("spec") or {}).get("serviceAccountName") or "default"),
        trigger=_shown_trigger(spec),
        max_concurrency=1 if forbids else concurrent if isinstance(concurrent, int) else 10,
        catches_up=isinstance(catch_up, int) and catch_up > 1,
        disabled=bool(spec.get("suspend")),
        message=str(conditions[0].get("message") or "")[:4096] if broken else "",
    )


def _shown_trigger(spec: Mapping[str, Any]) -> dict[str, Any]:
    times = {"start_time": spec.get("startTime"), "end_time": spec.get("endTime")}
    times = {key: time for key, time in times.items() if time}
    if spec.get("everySeconds"):
        return {"periodic_schedule": {**times, "interval_second": str(spec["everySeconds"])}}
    return {"cron_schedule": {**times, "cron": str(spec.get("schedule") or "")}}


def recurring_body(recurring: RecurringRun, parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """V2beta1RecurringRun; in lists without parameters."""
    reference = None
    if recurring.version_id:
        reference = {"pipeline_id": recurring.pipeline_id, "pipeline_version_id": recurring.version_id}
    fields = {
        "recurring_run_id": recurring.id,
        "display_name": recurring.display_name,
        "description": recurring.description,
        "pipeline_version_id": recurring.version_id,
        "pipeline_version_reference": reference,
        "runtime_config": {"parameters": dict(parameters)} if parameters else None,
        "service_account": recurring.service_account,
        "max_concurrency": str(recurring.max_concurrency),
        "trigger": dict(recurring.trigger),
        "mode": "DISABLE" if recurring.disabled else "ENABLE",
        "created_at": recurring.created_at,
        "updated_at": recurring.created_at,
        "status": recurring.status,
        "error": {"code": 2, "message": recurring.message} if recurring.message else None,
        "namespace": recurring.namespace,
        "experiment_id": recurring.experiment_id,
    }
    body = {key: value for key, value in fields.items() if value not in (None, "", {}, [])}
    return body | {"no_catchup": not recurring.catches_up}
