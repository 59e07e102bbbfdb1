"""Requeues pods that wait: has the scheduler look again at them, when what they wait for has changed.

The kube-scheduler retries a pod that an extender refused when something in the cluster changes that its own plugins
know; Datasets, Sites and annotations of Namespaces are none of that, and such a pod would wait for five minutes. Any
update of the pod itself makes it look again at once, an update of its status too (seen with 1.36): so the operator
sets a condition of its own, and needs no right to change what a pod is.
"""

import heapq
import itertools
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from dataset_operator.pod_index import PodIndex
from dataset_operator.users import datasets_of, waits
from moorage.errors import ConflictError, KubeError, NotFoundError
from moorage.kube import PODS, Client, Key
from moorage.model import DatasetRef, Pod
from moorage.queueing.paced_worker import PacedWorker

CONDITION = "moorage.dev/Requeued"
# The first collects changes that come together. The others are for the extender, whose own cache may learn of the
# change after the scheduler has asked it again.
DELAYS_SECONDS = (0.3, 2.0, 8.0)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Cause:
    """A change, with the pods that it concerns; an empty field concerns all pods.

    Attributes:
        what: in words, as `Dataset steward/claims`.
        dataset: pods that read it.
        namespace: pods in it.
        gone: the Dataset was deleted.
    """

    what: str
    dataset: DatasetRef | None = None
    namespace: str | None = None
    gone: bool = False

    def concerns(self, pod: Pod) -> bool:
        """Return whether the pod waits, and the change may permit it (or refuse it with another sentence)."""
        return (
            waits(pod)
            and (self.dataset is None or self.dataset in datasets_of(pod))
            and (self.namespace is None or self.namespace == pod.namespace)
        )


class Schedule:
    """The schedule of each cause's next round. Pure.

    A cause that comes again while its rounds are pending moves the later ones, and brings the next one forward at most:
    who changes an object in a loop gets a round every `delays_seconds[0]`, and none is put off for ever.

    Args:
        delays_seconds: when after a change the pods concerned are touched.
    """

    def __init__(self, delays_seconds: Sequence[float] = DELAYS_SECONDS) -> None:
        self._delays = delays_seconds
        self._pending: dict[Cause, tuple[float, ...]] = {}
        self._heap: list[tuple[float, int, Cause]] = []
        self._count = itertools.count()

    def changed(self, cause: Cause, now: float) -> None:
        """Plan the rounds of a change."""
        first, *later = (now + delay for delay in self._delays)
        pending = self._pending.get(cause, ())
        self._plan(cause, (min((first, *pending)), *later))

    def pop(self, now: float) -> Cause | None:
        """Return a cause whose round is due, None where there is none."""
        self._drop_stale()
        if not self._heap or self._heap[0][0] > now:
            return None
        cause = self._heap[0][2]
        _, *later = self._pending.pop(cause)
        if later:
            self._plan(cause, tuple(later))
        return cause

    def due_at(self) -> float | None:
        """Return the time of the next round, or None."""
        self._drop_stale()
        return self._heap[0][0] if self._heap else None

    def _plan(self, cause: Cause, times: tuple[float, ...]) -> None:
        if self._pending.get(cause, ())[:1] != times[:1]:
            heapq.heappush(self._heap, (times[0], next(self._count), cause))
        self._pending[cause] = times

    def _drop_stale(self) -> None:
        while self._heap and self._pending.get(self._heap[0][2], ())[:1] != self._heap[0][:1]:
            heapq.heappop(self._heap)


class Requeuer:
    """A requeuer that collects causes and touches the pods concerned, at a rate for each namespace.

    Args:
        client: the API server; needs `patch` of `pods/status`, nothing more.
        pods: an index of the present pods.
        worker: does the writing.
    """

    def __init__(self, client: Client, pods: PodIndex, worker: PacedWorker) -> None:
        self._client = client
        self._pods = pods
        self._worker = worker
        self._schedule = Schedule()
        worker.also(self._schedule.due_at, self._queue_what_is_due)

    def changed(self, cause: Cause) -> None:
        """Tell that something changed. Changes that come together cost one round."""
        self._schedule.changed(cause, self._worker.now())
        self._worker.wake()

    def _queue_what_is_due(self, now: float) -> None:
        while (cause := self._schedule.pop(now)) is not None:
            concerned = self._pods.waiting(cause.dataset, cause.namespace)
            for key in concerned:
                self._worker.put(key[0], (CONDITION, key), partial(self._touch, key, cause))
            if concerned:
                _log.info("requeue %d waiting pods: %s changed", len(concerned), cause.what)

    async def _touch(self, key: Key, cause: Cause) -> None:
        pod = self._pods.waiting_pod(key)
        if pod is None or not cause.concerns(pod):
            return
        now = datetime.now(tz=UTC)
        condition = {
            "type": CONDITION,
            "status": "True",
            "reason": "Changed",
            # The time makes the words new each time; an update that changes nothing is none.
            "message": f"{cause.what} changed; the scheduler was asked to look again at {now:%H:%M:%S.%f}",
            "lastTransitionTime": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        }
        await set_condition(self._client, pod, condition)


async def set_condition(client: Client, pod: Pod, condition: dict[str, str]) -> None:
    """Set a condition of ours in a pod's status; a pod that is gone needs none."""
    body = {
        "metadata": {"namespace": pod.namespace, "name": pod.name, "uid": pod.uid},
        "status": {"conditions": [condition]},
    }
    try:
        await client.apply(PODS, body, subresource="status")
    except (NotFoundError, ConflictError):
        pass  # gone, or another pod of that name
    except KubeError as error:
        _log.warning("pod %s/%s: condition %s could not be set: %s", pod.namespace, pod.name, condition["type"], error)
