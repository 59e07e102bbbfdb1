"""The pods of Kubeflow Pipelines' runs, as records that an informer keeps. Pure."""

from dataclasses import dataclass, fields
from typing import Final

from moorage.kube import RawObject
from pipeline_executor.runners.kubeflow.node_names import task_of
from pipeline_executor.runners.kubeflow.workflows import RUN_ID_LABEL
from pipeline_executor.runners.pod_states import PodState, read_state

MAIN: Final = "main"
_NODE_NAME: Final = "workflows.argoproj.io/node-name"
_ROLE: Final = "pipelines.kubeflow.org/runtime-role"
_DRIVER: Final = "driver"


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeflowPod(PodState):
    """A pod of a run.

    Attributes:
        run_id: Kubeflow's.
        task: its task's path, as `train#2/evaluate`.
        is_driver: whether it is the driver, which runs before the task's own pod.
    """

    run_id: str
    task: str
    is_driver: bool


def read_pod(raw: RawObject) -> KubeflowPod | None:
    """Read the facts; None where it is no task's pod."""
    metadata = raw["metadata"]
    annotations = metadata.get("annotations") or {}
    run_id = (metadata.get("labels") or {}).get(RUN_ID_LABEL, "")
    node_name = annotations.get(_NODE_NAME, "")
    task = task_of(node_name)
    if not run_id or task is None:
        return None
    state = read_state(raw, main=MAIN)
    return KubeflowPod(
        **{each.name: getattr(state, each.name) for each in fields(state)},
        run_id=run_id,
        task=task,
        is_driver=annotations.get(_ROLE) == _DRIVER or node_name.endswith("-driver"),
    )
