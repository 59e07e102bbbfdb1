"""Inputs and result of judging an attempt."""

from dataclasses import dataclass

from moorage.runs import TaskPhase


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """The seconds for which each trouble may last before the attempt has failed.

    Attributes:
        pull: an image that can't be pulled.
        config: a container that can't be made, as for lack of a Secret.
        refused: a mount that a rule refuses.
        start: anything else that keeps a pod from starting, such as nodes without room.
        upload: the sidecar, once the task has ended.
    """

    pull: float = 120.0
    config: float = 60.0
    refused: float = 30.0
    start: float = 3600.0
    upload: float = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The observations of an attempt besides the pod's facts.

    Attributes:
        now_seconds: since the epoch.
        trouble_since_seconds: since when its present trouble has been seen; None: it has none.
        outputs: whether the attempt's outputs are recorded.
        failure: what the sidecar said when it gave up; "": it did not.
        mount_problem: what the kubelet said of its volumes; "": nothing.
        timeout_seconds: after so long the task shall be ended; None: never.
    """

    now_seconds: float
    trouble_since_seconds: float | None = None
    outputs: bool = False
    failure: str = ""
    mount_problem: str = ""
    timeout_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The verdict on an attempt.

    Attributes:
        trouble: whether what it waits for is counted against `Patience`.
        interrupted: whether it ended for a reason that says nothing of the task.
        again_seconds: when to look again though nothing changes; None: no need.
    """

    phase: TaskPhase
    message: str = ""
    trouble: bool = False
    interrupted: bool = False
    again_seconds: float | None = None
