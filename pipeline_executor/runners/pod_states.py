"""States of pods, as records that informers keep and verdicts are about, whoever made the pod. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moorage.grants.question import PodIdentity
from moorage.kube import RawObject


@dataclass(frozen=True, slots=True)
class ContainerFacts:
    """The state of one container. Times in RFC 3339; "": not yet.

    Attributes:
        waiting: why it has not begun, as a reason of Kubernetes; "" where it has, or nobody says.
        exit_code: None: it has not ended.
        reason: why it ended.
        message: of the waiting or of the end.
        last_message: of its end before it was restarted.
    """

    name: str
    image: str = ""
    waiting: str = ""
    running: bool = False
    exit_code: int | None = None
    reason: str = ""
    message: str = ""
    last_message: str = ""
    start: str = ""
    end: str = ""
    memory_limit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodState:
    """The state of a pod.

    Attributes:
        identity: which pod.
        created_seconds: since the epoch.
        placed_seconds: when a node was found for it, since the epoch; 0.0: not yet.
        gates: what holds it back before anybody looks for a node.
        deleting: whether it is being deleted.
        unscheduled: why no node was found yet; "" where one was, or nobody looked.
        disruption: why it is taken away; "" where it is not.
        unheard: whether its node has not answered for a while, so that what is told of its containers may be old.
        main: the container of the user's image.
        sidecar: the one that must serve for as long as the task runs; without a name where there is none.
    """

    identity: PodIdentity
    phase: str
    reason: str
    message: str
    node: str
    created_seconds: float
    placed_seconds: float
    gates: tuple[str, ...]
    deleting: bool
    unscheduled: str
    disruption: str
    unheard: bool
    main: ContainerFacts
    sidecar: ContainerFacts
    others: tuple[ContainerFacts, ...]

    @property
    def is_over(self) -> bool:
        """Whether nothing in the pod runs any more."""
        return self.phase in {"Succeeded", "Failed"}


def read_state(raw: RawObject, *, main: str, sidecar: str = "") -> PodState:
    """Read a pod's state.

    Args:
        raw: the object.
        main: the name of the user's container.
        sidecar: the name of its sidecar; "": it has none.
    """
    metadata, spec, status = raw["metadata"], raw.get("spec") or {}, raw.get("status") or {}
    statuses = {
        each["name"]: each
        for key in ("initContainerStatuses", "containerStatuses")
        for each in status.get(key) or ()
        if "name" in each
    }
    made = {
        each["name"]: _container(each, statuses.get(each["name"]) or {})
        for key in ("initContainers", "containers")
        for each in spec.get(key) or ()
    }
    conditions = {each.get("type"): each for each in status.get("conditions") or ()}
    scheduled, disrupted = conditions.get("PodScheduled") or {}, conditions.get("DisruptionTarget") or {}
    return PodState(
        identity=PodIdentity(metadata["namespace"], metadata["name"], metadata["uid"]),
        phase=status.get("phase", "Pending"),
        reason=status.get("reason") or "",
        message=status.get("message") or "",
        node=spec.get("nodeName") or "",
        created_seconds=seconds_of(metadata.get("creationTimestamp", "")) or 0.0,
        placed_seconds=_when_true(scheduled),
        gates=tuple(str(each.get("name")) for each in spec.get("schedulingGates") or ()),
        deleting=bool(metadata.get("deletionTimestamp")),
        unscheduled=(scheduled.get("message") or "") if scheduled.get("status") == "False" else "",
        disruption=(disrupted.get("message") or "it is taken away") if disrupted.get("status") == "True" else "",
        unheard=_is_unheard(spec, conditions),
        main=made.pop(main, ContainerFacts(main)),
        sidecar=made.pop(sidecar, ContainerFacts(sidecar)),
        others=tuple(made.values()),
    )


def seconds_of(time: str) -> float | None:
    """Return seconds since the epoch of a time in RFC 3339; None where it is none."""
    try:
        return datetime.fromisoformat(time).timestamp()
    except ValueError:
        return None


def _is_unheard(spec: Mapping[str, Any], conditions: Mapping[Any, Mapping[str, Any]]) -> bool:
    """Return whether the pod's node is silent: the node controller then takes `Ready` from pods, not containers."""
    ready, containers = ((conditions.get(each) or {}).get("status") for each in ("Ready", "ContainersReady"))
    return ready == "False" and containers == "True" and not spec.get("readinessGates")


def _when_true(condition: Mapping[str, Any]) -> float:
    return seconds_of(condition.get("lastTransitionTime", "")) or 0.0 if condition.get("status") == "True" else 0.0


def _container(spec: Mapping[str, Any], status: Mapping[str, Any]) -> ContainerFacts:
    state, last = status.get("state") or {}, (status.get("lastState") or {}).get("terminated") or {}
    waiting, running, ended = (state.get(key) or {} for key in ("waiting", "running", "terminated"))
    return ContainerFacts(
        name=spec["name"],
        image=spec.get("image") or "",
        waiting=waiting.get("reason") or "",
        running="running" in state,
        exit_code=ended.get("exitCode"),
        reason=ended.get("reason") or "",
        message=ended.get("message") or waiting.get("message") or "",
        last_message=last.get("message") or "",
        start=running.get("startedAt") or ended.get("startedAt") or "",
        end=ended.get("finishedAt") or "",
        memory_limit=((spec.get("resources") or {}).get("limits") or {}).get("memory") or "",
    )
