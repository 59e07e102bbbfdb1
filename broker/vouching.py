"""Checks what the node plugin says about a pod against what the API server has of it. Pure."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Final

from moorage.errors import InputError
from moorage.grants.question import GrantQuestion
from moorage.model import MIRROR_ANNOTATION, Pod
from moorage.refusal import DENIED, NOT_POSSIBLE, Refusal
from moorage.wire import read_pod

_REMEMBERED_SECONDS: Final = 30.0
_MOST_REMEMBERED: Final = 8_192


class VouchedPods:
    """Pods that were vouched for a moment ago: for what is asked every other second and gives no bytes away.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._pods: OrderedDict[Hashable, tuple[float, Pod]] = OrderedDict()

    def put(self, node: str, asked: GrantQuestion, pod: Pod) -> None:
        """Remember one, that runs on this node."""
        self._pods.pop((node, asked), None)
        self._pods[node, asked] = self._clock(), pod
        if len(self._pods) > _MOST_REMEMBERED:
            self._pods.popitem(last=False)

    def get(self, node: str, asked: GrantQuestion) -> Pod | None:
        """Return the pod; None where it was not vouched for, or not lately."""
        seen_at, pod = self._pods.get((node, asked), (float("-inf"), None))
        return pod if self._clock() - seen_at <= _REMEMBERED_SECONDS else None


def vouch(raw: Mapping[str, Any], asked: GrantQuestion, node: str, repository: str) -> Pod | Refusal:
    """Return the pod, if it is the one that was named, runs on that node, and asks for the dataset itself.

    Args:
        raw: the pod as the API server has it now.
        asked: the request.
        node: where the asking node plugin runs.
        repository: of the images that serve mounts; another one's image beside a release makes it none.
    """
    name = f"pod {asked.pod}"
    metadata = raw.get("metadata") or {}
    if metadata.get("uid") != asked.pod.uid:
        return Refusal(NOT_POSSIBLE, "", f"{name} is no longer the one with uid {asked.pod.uid}")
    # A node writes mirror pods as it likes, labels, namespace and all: such a pod vouches for nobody.
    if MIRROR_ANNOTATION in (metadata.get("annotations") or {}):
        return Refusal(DENIED, "MirrorPod", f"{name} is a static pod of its node, and those get no datasets")
    try:
        pod = read_pod(raw).trusting(repository)
    except InputError as error:
        return Refusal(DENIED, "LabelsUnreadable", str(error))
    return _not_entitled(pod, asked, node) or pod


def _not_entitled(pod: Pod, asked: GrantQuestion, node: str) -> Refusal | None:
    name = f"pod {asked.pod}"
    if pod.node_name != node:
        return Refusal(NOT_POSSIBLE, "", f"{name} does not run on node {node}")
    if pod.finished:
        return Refusal(NOT_POSSIBLE, "", f"{name} has finished")
    if asked.dataset not in pod.mounts:
        return Refusal(DENIED, "NotMounted", f"{name} has no volume that asks for dataset {asked.dataset}")
    return None
