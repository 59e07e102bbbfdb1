"""PersistentVolumeClaims that pipelines make and delete (kfp-kubernetes), and the workspace of a run. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from moorage.errors import InputError
from moorage.kube import Resource
from moorage.runs import PipelineGroup
from moorage.runs.pipelines import RUN_LABEL
from pipeline_executor.engine import Launch
from pipeline_executor.runners.embedded.pods import owner_reference

Raw = dict[str, Any]

CLAIMS: Final = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
_WORKSPACE_SIZE: Final = "10Gi"
_LONGEST_NAME: Final = 253


def claim_of(launch: Launch, group: PipelineGroup) -> Raw:
    """Return the claim that a task makes.

    One whose name is made for the run goes with its PipelineGroup; one that the pipeline names is its own to delete.

    Raises:
        InputError: the parameters make no claim.
    """
    given = _parameters(launch)
    name, suffix = given.get("pvc_name"), given.get("pvc_name_suffix")
    if bool(name) == bool(suffix):
        raise InputError(f"task {launch.path}", "pvc_name", "or pvc_name_suffix must be given, not both")
    spec: Raw = {
        "accessModes": list(given.get("access_modes") or ["ReadWriteOnce"]),
        "resources": {"requests": {"storage": str(given.get("size") or "")}},
    }
    if given.get("storage_class_name") is not None:
        spec["storageClassName"] = given["storage_class_name"]
    if given.get("volume_name"):
        spec["volumeName"] = given["volume_name"]
    if given.get("data_source"):
        spec["dataSource"] = dict(given["data_source"])
    made = _claim(str(name or f"{group.spec.run.uid}{suffix}"), group, spec, owned=not name)
    if given.get("annotations"):
        made["metadata"]["annotations"] = {str(key): str(value) for key, value in given["annotations"].items()}
    return made


def claim_to_delete(launch: Launch) -> str:
    """Return the name of the claim that a task deletes.

    Raises:
        InputError: it names none.
    """
    name = _parameters(launch).get("pvc_name")
    if not isinstance(name, str) or not name:
        raise InputError(f"task {launch.path}", "pvc_name", "must name the claim to delete")
    return name


def workspace_of(workspace: Mapping[str, Any] | None, group: PipelineGroup) -> Raw:
    """Return the claim of the run's workspace, shared by all tasks that use it: they are in one group.

    Args:
        workspace: the platform document's `pipelineConfig.workspace`; None: there is none.
        group: which uses it.
    """
    said = workspace or {}
    patch = (said.get("kubernetes") or {}).get("pvcSpecPatch") or {}
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": said.get("size") or _WORKSPACE_SIZE}},
        **patch,
    }
    return _claim(f"{group.spec.run.uid}-{group.spec.group}-workspace", group, spec, owned=True)


def _claim(name: str, group: PipelineGroup, spec: Raw, *, owned: bool) -> Raw:
    metadata: Raw = {
        "name": name[:_LONGEST_NAME].lower(),
        "namespace": group.namespace,
        "labels": {RUN_LABEL: group.spec.run.uid},
    }
    if owned:
        metadata["ownerReferences"] = [owner_reference(group)]
    return {"apiVersion": CLAIMS.api_version, "kind": CLAIMS.kind, "metadata": metadata, "spec": spec}


def _parameters(launch: Launch) -> Mapping[str, Any]:
    found: Mapping[str, Any] = launch.executor_input.get("inputs", {}).get("parameterValues") or {}
    return found
