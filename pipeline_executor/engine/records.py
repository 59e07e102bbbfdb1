"""Records of the engine's inputs and answers. Times in seconds since the epoch; values are plain JSON, immutable."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from moorage.runs.phases import TaskPhase


@dataclass(frozen=True, slots=True)
class Job:
    """The run that tasks belong to, as far as they may know it.

    Attributes:
        name: what `{{$.pipeline_job_name}}` says.
        uid: what `{{$.pipeline_job_uuid}}` says; task uuids are made from it.
        root_uri: below it lie the outputs of all tasks, as `s3://bucket/prefix/runs/namespace/name/uid`.
        resource_name: what `{{$.pipeline_job_resource_name}}` says; "": the pipeline's name and the uid.
        create_time, schedule_time: RFC 3339, UTC.
    """

    name: str
    uid: str
    root_uri: str
    resource_name: str = ""
    create_time: str = ""
    schedule_time: str = ""


@dataclass(frozen=True, slots=True)
class Artifact:
    """An artifact with its metadata.

    Attributes:
        name: for people; Kubeflow's components see it as `artifact.name`.
        type: as compiled pipelines write it: `{schemaTitle, schemaVersion}` or `{instanceSchema}`.
    """

    name: str
    type: Mapping[str, Any]
    uri: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outputs:
    """The outputs of a task, a loop, a nested pipeline or the whole pipeline.

    Attributes:
        parameters: by name; what is absent was not given.
        artifacts: by name; one, unless the name is in `lists`.
        lists: names of artifact outputs that are lists; such a list may be empty.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Mapping[str, tuple[Artifact, ...]] = field(default_factory=dict)
    lists: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a leaf task, as pods and the store say.

    Attributes:
        number: from 1; none is used twice.
        outputs: of an attempt that is Succeeded or Cached; None otherwise.
        reason: why it failed, for people.
        ended_seconds: when; counts for the back-off of retries.
        counts: whether it says anything of the task. One that does not (its node was lost, or a person had the whole
            group tried again) is followed by another, as if it had not been, but for its number.
    """

    number: int
    phase: TaskPhase
    outputs: Outputs | None = None
    reason: str = ""
    ended_seconds: float | None = None
    counts: bool = True


@dataclass(frozen=True, slots=True)
class ArtifactInput:
    """An artifact that a container reads.

    Attributes:
        index: in the input's list; 0 where it is no list.
        local_path: where the container looks for it; None where its URI has a scheme that is not brought into
            containers, which are told the URI only.
    """

    name: str
    index: int
    artifact: Artifact
    local_path: str | None


@dataclass(frozen=True, slots=True)
class ArtifactOutput:
    """An artifact that a container writes, at `local_path`: a file or a folder, which becomes what lies at `uri`."""

    name: str
    type: Mapping[str, Any]
    uri: str
    local_path: str


@dataclass(frozen=True, slots=True)
class ParameterOutput:
    """A parameter that a container writes, to `file` or into the executor's output file.

    Attributes:
        type: `NUMBER_INTEGER`, `NUMBER_DOUBLE`, `STRING`, `BOOLEAN`, `LIST` or `STRUCT`.
    """

    name: str
    type: str
    file: str


@dataclass(frozen=True, slots=True)
class Resources:
    """The resources of a container: Kubernetes quantities by resource name, accelerators among the limits."""

    requests: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)


class LaunchKind(StrEnum):
    """The kind of a launch."""

    CONTAINER = "container"
    CREATE_CLAIM = "create-claim"
    """A PersistentVolumeClaim, as kfp.kubernetes.CreatePVC's parameters say (`executor_input`); output: `name`."""
    DELETE_CLAIM = "delete-claim"


@dataclass(frozen=True, slots=True)
class Launch:
    """An attempt that may start now; everything in it is resolved.

    Attributes:
        path: the task's, as `train#2/evaluate`; what plan.json calls it.
        attempt: the number that it will have.
        command, args: as a pod's container takes them; "$" means what it says only if the pod escapes it.
        executor_input: as Kubeflow's launcher makes it.
        output_file: where Kubeflow's executor writes its outputs.
        platform: the executor's entry in the document's `platforms.kubernetes`, each reference replaced by its value;
            what refers to an optional input that is absent is left out.
        timeout_seconds: after which the attempt has failed; None: never.
        caching: whether an earlier run's outputs may serve.
        cache_key: the pipeline author's own; "": none.
        workspace: whether it uses the run's workspace, mounted at `WORKSPACE_PATH`.
    """

    path: str
    attempt: int
    image: str
    command: tuple[str, ...]
    args: tuple[str, ...]
    env: Mapping[str, str]
    executor_input: Mapping[str, Any]
    output_file: str
    kind: LaunchKind = LaunchKind.CONTAINER
    inputs: tuple[ArtifactInput, ...] = ()
    output_artifacts: tuple[ArtifactOutput, ...] = ()
    output_parameters: tuple[ParameterOutput, ...] = ()
    resources: Resources = field(default_factory=Resources)
    platform: Mapping[str, Any] = field(default_factory=dict)
    timeout_seconds: int | None = None
    caching: bool = False
    cache_key: str = ""
    workspace: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """The result of one step.

    Attributes:
        launches: what may start, sorted by path; at most `MOST_LAUNCHES`, the rest once these are known to have begun.
        phases: of every task, loop, iteration and nested pipeline, by path; the root is not among them.
        ended: outputs of those that have Succeeded or are Cached.
        messages: of those that Failed or were Skipped: why, in a sentence.
        outputs: the root's, once it has Succeeded.
        phase: the root's.
        message: why the root failed, naming the first task that did.
        wake_at_seconds: when the next back-off ends; None: nothing waits for a time.
    """

    phase: TaskPhase
    launches: tuple[Launch, ...] = ()
    phases: Mapping[str, TaskPhase] = field(default_factory=dict)
    ended: Mapping[str, Outputs] = field(default_factory=dict)
    messages: Mapping[str, str] = field(default_factory=dict)
    outputs: Outputs | None = None
    message: str = ""
    wake_at_seconds: float | None = None
