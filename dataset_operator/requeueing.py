"""Has the scheduler look again at pods that wait, when what they wait for has changed.

The kube-scheduler retries a pod that an extender refused when something in the cluster changes that its own plugins
know; Datasets, Sites and annotations of Namespaces are none of that, and such a pod would wait for five minutes. Any
update of the pod itself makes it look again at once, an update of its status too (seen with 1.36): so the operator
sets a condition of its own, and needs no right to change what a pod is.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from dataset_operator.users import datasets_of, waits
from moorage.errors import ConflictError, KubeError, NotFoundError
from moorage.kube import PODS, Client, Key
from moorage.model import DatasetRef, Pod

CONDITION = "moorage.dev/Requeued"
# The first collects changes that come together. The others are for the extender, whose own cache may learn of the
# change after the scheduler has asked it again.
DELAYS_SECONDS = (0.3, 2.0, 8.0)
_AT_ONCE = 8

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Cause:
    """What changed, and so who is concerned. An empty field concerns everybody.

    Attributes:
        what: in words, as `Dataset steward/claims`.
        dataset: pods that read it.
        namespace: pods in it.
    """

    what: str
    dataset: DatasetRef | None = None
    namespace: str | None = None

    def concerns(self, pod: Pod) -> bool:
        """Whether the pod waits, and may now be permitted (or refused with another sentence)."""
        return (
            waits(pod)
            and (self.dataset is None or self.dataset in datasets_of(pod))
            and (self.namespace is None or self.namespace == pod.namespace)
        )


class Requeuer:
    """Collects causes and touches the pods concerned.

    Args:
        client: the API server; needs `patch` of `pods/status`, nothing more.
        pods: the present pods that read a Dataset.
        delays_seconds: when after a change the pods concerned are touched.
    """

    def __init__(
        self,
        client: Client,
        pods: Callable[[], Mapping[Key, Pod]],
        delays_seconds: tuple[float, ...] = DELAYS_SECONDS,
    ) -> None:
        self._client = client
        self._pods = pods
        self._delays = delays_seconds
        self._causes: set[Cause] = set()
        self._rounds: set[asyncio.Task[None]] = set()

    def changed(self, cause: Cause) -> None:
        """Tell that something changed. Changes that come together cost one round."""
        if not self._causes:
            round_ = asyncio.get_running_loop().create_task(self._round(), name="requeue")
            self._rounds.add(round_)
            round_.add_done_callback(self._rounds.discard)
        self._causes.add(cause)

    async def close(self) -> None:
        """Stop."""
        rounds = list(self._rounds)
        for task in rounds:
            task.cancel()
        for task in rounds:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _round(self) -> None:
        began = asyncio.get_running_loop().time()
        causes: set[Cause] = set()
        for delay in self._delays:
            await asyncio.sleep(began + delay - asyncio.get_running_loop().time())
            if not causes:
                causes, self._causes = self._causes, set()
            await self._touch_all(causes)

    async def _touch_all(self, causes: set[Cause]) -> None:
        limit = asyncio.Semaphore(_AT_ONCE)

        async def touch(pod: Pod, cause: Cause) -> None:
            async with limit:
                await self._touch(pod, cause)

        concerned = {
            pod: cause for pod in self._pods().values() for cause in sorted(causes, key=str) if cause.concerns(pod)
        }
        async with asyncio.TaskGroup() as group:
            for pod, cause in concerned.items():
                group.create_task(touch(pod, cause))
        if concerned:
            _log.info("requeued %d waiting pods", len(concerned), extra={"causes": sorted(c.what for c in causes)[:20]})

    async def _touch(self, pod: Pod, cause: Cause) -> None:
        now = datetime.now(tz=UTC)
        condition = {
            "type": CONDITION,
            "status": "True",
            "reason": "Changed",
            # The time makes the words new each time; an update that changes nothing is none.
            "message": f"{cause.what} changed; the scheduler was asked to look again at {now:%H:%M:%S.%f}",
            "lastTransitionTime": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        }
        body = {
            "metadata": {"namespace": pod.namespace, "name": pod.name, "uid": pod.uid},
            "status": {"conditions": [condition]},
        }
        try:
            await self._client.apply(PODS, body, subresource="status")
        except (NotFoundError, ConflictError):
            pass  # gone, or another pod of that name
        except KubeError as error:
            _log.warning("pod %s/%s could not be requeued: %s", pod.namespace, pod.name, error)
