"""A pod of a launch. Pure.

The user's container runs as the pipeline says: its image, command, arguments and environment, nothing of ours beside it
but the folders from which it reads its inputs and into which it writes its outputs. A native sidecar fetches the former
before it starts and uploads the latter once it has ended.
"""

from dataclasses import dataclass
from typing import Any, Final

from moorage.model import Site
from moorage.runs import PipelineGroup
from moorage.runs.pipelines import ATTEMPT_ANNOTATION, GROUP_LABEL, QUEUE_LABEL, RUN_LABEL, TASK_ANNOTATION
from pipeline_executor.engine import WORKSPACE_PATH, Launch
from pipeline_executor.runners.embedded.platforms import Extras, extras_of
from pipeline_executor.runners.embedded.pod_names import (
    GROUP_ANNOTATION,
    GROUP_ATTEMPT_ANNOTATION,
    MAIN,
    SIDECAR,
    SURVIVES_ANNOTATION,
    group_label,
    pod_name,
)
from pipeline_executor.task_sidecar.exchange import AUDIENCE

Raw = dict[str, Any]

_ROOTS: Final = ("/moorage", "/s3", "/gcs", "/minio")
_TOKEN_VOLUME: Final = "moorage-token"  # noqa: S105 - a volume's name
_TOKEN_FOLDER: Final = "/var/run/secrets/moorage-task"  # noqa: S105 - a path
_RUN_VOLUME: Final = "moorage-run"
_RUN_FOLDER: Final = "/run/moorage"
_TOKEN: Final[Raw] = {
    "name": _TOKEN_VOLUME,
    "projected": {
        "sources": [{"serviceAccountToken": {"audience": AUDIENCE, "expirationSeconds": 3600, "path": "token"}}]
    },
}
_RESTRICTED: Final[Raw] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SidecarSettings:
    """The settings of every task's sidecar.

    Attributes:
        image: its reference.
        pull_policy: of its image.
        api: the task API's URL.
        certificates: PEM of the authority that signed the API's certificate.
        upload_seconds: how long it may take to upload what the task wrote.
    """

    image: str
    pull_policy: str = "IfNotPresent"
    api: str
    certificates: str = ""
    upload_seconds: int = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class PodContext:
    """The context of a pod besides its launch.

    Attributes:
        non_root: whether the namespace refuses pods that don't say `runAsNonRoot`.
        survives: whether it begins although the group is being cancelled, as an exit handler does.
        workspace_claim: the claim of the run's workspace; "": there is none.
    """

    group: PipelineGroup
    site: Site
    sidecar: SidecarSettings
    non_root: bool = False
    survives: bool = False
    workspace_claim: str = ""


def build_pod(launch: Launch, context: PodContext) -> Raw:
    """Make the pod; the same launch gives the same pod."""
    group, extras = context.group, extras_of(launch.platform)
    folders = _folders(launch)
    if launch.workspace and context.workspace_claim:
        claim = {"persistentVolumeClaim": {"claimName": context.workspace_claim}}
        extras.volumes.append({"name": "moorage-workspace", **claim})
        extras.mounts.append({"name": "moorage-workspace", "mountPath": WORKSPACE_PATH})
    shared = [{"name": _volume(root), "mountPath": root} for root in folders]
    spec: Raw = {
        **extras.spec,
        "restartPolicy": "Never",
        "serviceAccountName": group.spec.service_account,
        "enableServiceLinks": False,
        # The sidecar gets so long for the upload; whoever cancels a task deletes its pod with less.
        "terminationGracePeriodSeconds": context.sidecar.upload_seconds,
        # The pipeline may not choose the nodes of a Site.
        "nodeSelector": {**extras.spec.get("nodeSelector", {}), **context.site.node_selector},
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "initContainers": [_sidecar(context.sidecar, shared, extras)],
        "containers": [_main(launch, extras, shared)],
        "volumes": [
            *({"name": _volume(root), "emptyDir": {}} for root in folders),
            _TOKEN,
            {"name": _RUN_VOLUME, "emptyDir": {}},
            *extras.volumes,
        ],
    }
    if context.non_root:
        spec["securityContext"]["runAsNonRoot"] = True
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": pod_name(group.spec.run.uid, group.spec.group, launch.path, launch.attempt),
            "namespace": group.namespace,
            "labels": {
                **({QUEUE_LABEL: group.queue} if group.queue else {}),
                **extras.labels,
                RUN_LABEL: group.spec.run.uid,
                GROUP_LABEL: group_label(group.spec.group),
            },
            "annotations": {
                **extras.annotations,
                TASK_ANNOTATION: launch.path,
                ATTEMPT_ANNOTATION: str(launch.attempt),
                GROUP_ANNOTATION: group.spec.group,
                GROUP_ATTEMPT_ANNOTATION: str(group.spec.attempt),
                **({SURVIVES_ANNOTATION: "true"} if context.survives else {}),
            },
            "ownerReferences": [owner_reference(group)],
        },
        "spec": spec,
    }


def owner_reference(group: PipelineGroup) -> Raw:
    """Return the owner reference by which an object vanishes with its PipelineGroup."""
    return {
        "apiVersion": "moorage.dev/v1alpha1",
        "kind": "PipelineGroup",
        "name": group.name,
        "uid": group.uid,
        "controller": True,
    }


def escaped(text: str) -> str:
    """Escape a text for a pod's container, so that the kubelet's expansion of `$(NAME)` and `$$` gives it back."""
    return text.replace("$", "$$")


def _main(launch: Launch, extras: Extras, shared: list[Raw]) -> Raw:
    container: Raw = {
        "name": MAIN,
        "image": launch.image,
        "env": [*({"name": key, "value": escaped(value)} for key, value in launch.env.items()), *extras.env],
        "volumeMounts": [*shared, *extras.mounts],
        "resources": _resources(launch),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        **extras.container,
        "securityContext": {**_RESTRICTED, **extras.container.get("securityContext", {})},
    }
    if launch.command:
        container["command"] = [escaped(word) for word in launch.command]
    if launch.args:
        container["args"] = [escaped(word) for word in launch.args]
    return container


def _sidecar(settings: SidecarSettings, shared: list[Raw], extras: Extras) -> Raw:
    # As the user's own account, where the pipeline says one: what it writes can then be read, whatever its mode.
    account = {
        key: value
        for key, value in extras.container.get("securityContext", {}).items()
        if key in {"runAsUser", "runAsGroup"}
    }
    return {
        "name": SIDECAR,
        "image": settings.image,
        "imagePullPolicy": settings.pull_policy,
        "restartPolicy": "Always",
        "command": ["python3", "-m", "pipeline_executor.task_sidecar"],
        "env": [
            {"name": "MOORAGE_TASK_API", "value": settings.api},
            {"name": "MOORAGE_TASK_API_CA", "value": settings.certificates},
            {"name": "MOORAGE_MOUNTS", "value": ",".join(each["mountPath"] for each in shared)},
        ],
        "lifecycle": {
            "postStart": {"exec": {"command": ["python3", "-m", "pipeline_executor.task_sidecar.post_start"]}}
        },
        "volumeMounts": [
            *shared,
            {"name": _TOKEN_VOLUME, "mountPath": _TOKEN_FOLDER, "readOnly": True},
            {"name": _RUN_VOLUME, "mountPath": _RUN_FOLDER},
        ],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "256Mi"}},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            **_RESTRICTED,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": account.get("runAsUser") != 0,
            **account,
        },
    }


def _folders(launch: Launch) -> list[str]:
    """Return the roots of all paths that the container reads or writes."""
    paths = [each.local_path for each in launch.inputs if each.local_path]
    paths += [each.local_path for each in launch.output_artifacts]
    paths += [launch.output_file, *(each.file for each in launch.output_parameters)]
    return [root for root in _ROOTS if root == _ROOTS[0] or any(path.startswith(f"{root}/") for path in paths)]


def _volume(root: str) -> str:
    return f"moorage-{root.strip('/')}" if root != _ROOTS[0] else "moorage-task"


def _resources(launch: Launch) -> Raw:
    given = {"requests": dict(launch.resources.requests), "limits": dict(launch.resources.limits)}
    return {key: value for key, value in given.items() if value}
