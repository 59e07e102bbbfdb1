"""Mount failures of pods: they stand in the kubelet's Events only, which are read where a pod does not start."""

from typing import Any

from moorage.kube import Client, Resource
from pipeline_executor.runners.pod_states import PodState

_CORE_EVENTS = Resource("", "v1", "events", "Event")
_AFTER_SECONDS = 4.0
_AGAIN_SECONDS = 10.0
_MAKING = frozenset({"ContainerCreating", "PodInitializing", ""})
_REASONS = frozenset({"FailedMount", "FailedAttachVolume"})
_LISTED = 50


class MountEvents:
    """A cache of each pod's mount Events, read again in a while."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._asked: dict[str, tuple[float, str]] = {}

    async def problem(self, pod: PodState, now_seconds: float) -> str:
        """Return the newest complaint; "" where there is none, or the pod waits for something else.

        Raises:
            KubeError: the API server does not answer.
        """
        uid = pod.identity.uid
        if not _may_wait_for_volumes(pod):
            self._asked.pop(uid, None)
            return ""
        if now_seconds - pod.created_seconds < _AFTER_SECONDS:
            return ""
        asked_at, known = self._asked.get(uid, (0.0, ""))
        if now_seconds - asked_at >= _AGAIN_SECONDS:
            known = await self._ask(pod)
            self._asked[uid] = now_seconds, known
        return known

    def wake_seconds(self, pod: PodState) -> float | None:
        """Return the delay before asking again, or None where there is no need."""
        return _AFTER_SECONDS + 1 if _may_wait_for_volumes(pod) else None

    def forget(self, uid: str) -> None:
        """Forget a pod that is gone."""
        self._asked.pop(uid, None)

    async def _ask(self, pod: PodState) -> str:
        selector = f"involvedObject.uid={pod.identity.uid},type=Warning"
        answer = await self._client.request(
            "GET",
            _CORE_EVENTS.path(pod.identity.namespace),
            action=f"list Events of pod {pod.identity}",
            parameters={"fieldSelector": selector, "limit": str(_LISTED)},
        )
        found = [each for each in answer.get("items") or () if each.get("reason") in _REASONS]
        newest = max(found, key=_moment, default=None)
        return "" if newest is None else str(newest.get("message") or "")


def _may_wait_for_volumes(pod: PodState) -> bool:
    return (
        bool(pod.node)
        and pod.phase == "Pending"
        and not pod.deleting
        and not pod.sidecar.running
        and pod.sidecar.waiting in _MAKING
        and pod.sidecar.exit_code is None
    )


def _moment(event: dict[str, Any]) -> str:
    series = event.get("series") or {}
    return str(series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime") or "")
