"""Facts about a task's pod, as a record that an informer keeps. Pure."""

from dataclasses import dataclass, fields

from moorage.kube import RawObject
from moorage.runs.pipelines import ATTEMPT_ANNOTATION, RUN_LABEL, TASK_ANNOTATION
from pipeline_executor.runners.embedded.pod_names import (
    GROUP_ANNOTATION,
    GROUP_ATTEMPT_ANNOTATION,
    MAIN,
    SIDECAR,
    SURVIVES_ANNOTATION,
    pod_name,
)
from pipeline_executor.runners.pod_states import PodState, read_state


@dataclass(frozen=True, slots=True, kw_only=True)
class PodFacts(PodState):
    """The facts about one task's pod.

    Attributes:
        owner_uid: of the PipelineGroup that it belongs to.
        survives: whether it began although its group was being cancelled.
    """

    owner_uid: str
    owner_name: str
    run_uid: str
    group: str
    group_attempt: int
    task: str
    attempt: int
    survives: bool


def read_pod(raw: RawObject) -> PodFacts | None:
    """Read the facts; None where the pod is none that a spoke makes under such a name."""
    metadata = raw["metadata"]
    annotations = metadata.get("annotations") or {}
    owner = next((each for each in metadata.get("ownerReferences") or () if each.get("kind") == "PipelineGroup"), None)
    run_uid = (metadata.get("labels") or {}).get(RUN_LABEL, "")
    task, group = annotations.get(TASK_ANNOTATION, ""), annotations.get(GROUP_ANNOTATION, "")
    attempt, group_attempt = (_number(annotations.get(key)) for key in (ATTEMPT_ANNOTATION, GROUP_ATTEMPT_ANNOTATION))
    if owner is None or not attempt or metadata["name"] != pod_name(run_uid, group, task, attempt):
        return None
    state = read_state(raw, main=MAIN, sidecar=SIDECAR)
    return PodFacts(
        **{field.name: getattr(state, field.name) for field in fields(state)},
        owner_uid=owner.get("uid", ""),
        owner_name=owner.get("name", ""),
        run_uid=run_uid,
        group=group,
        group_attempt=group_attempt,
        task=task,
        attempt=attempt,
        survives=annotations.get(SURVIVES_ANNOTATION) == "true",
    )


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() and len(text) < 10 else 0  # noqa: PLR2004 - digits
