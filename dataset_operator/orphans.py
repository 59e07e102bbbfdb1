"""Tells pods that hold a Dataset's data that the Dataset was deleted: an Event and a condition on each.

Nothing is taken from them: a mount goes on with the keys that it has. But no mount server is started again for it, so
whoever looks at the pod later must find out why.
"""

import logging
from datetime import UTC, datetime
from functools import partial

from dataset_operator.pod_index import PodIndex
from dataset_operator.requeueing import set_condition
from moorage.errors import KubeError, NotFoundError
from moorage.kube import DATASETS, Client, Key, Recorder
from moorage.model import DatasetRef
from moorage.queueing.paced_worker import PacedWorker

CONDITION = "moorage.dev/DatasetDeleted"
REASON = "DatasetDeleted"

_log = logging.getLogger(__name__)


class OrphanNotifier:
    """A notifier of pods whose Dataset is gone; it is told of Datasets and of those that pods hold.

    Args:
        client: the API server; needs `get` of Datasets and `patch` of `pods/status`.
        recorder: the recorder of Events.
        pods: an index of the present pods.
        worker: does the writing, each namespace's at a rate of its own.
    """

    def __init__(self, client: Client, recorder: Recorder, pods: PodIndex, worker: PacedWorker) -> None:
        self._client = client
        self._recorder = recorder
        self._pods = pods
        self._worker = worker
        self._present: set[DatasetRef] = set()

    def present(self, ref: DatasetRef) -> None:
        """Take it that the Dataset is there."""
        self._present.add(ref)

    def deleted(self, ref: DatasetRef) -> None:
        """Take it that the Dataset is gone: tell every pod that holds it."""
        self._present.discard(ref)
        for key in self._pods.holders(ref):
            self._worker.put(key[0], (REASON, key, ref), partial(self._tell, key, ref))

    def held(self, ref: DatasetRef) -> None:
        """Take it that a pod holds the Dataset, as after a restart: it may have gone while nobody looked."""
        if ref not in self._present:
            self._worker.put(ref.namespace, ref, partial(self._look, ref))

    async def _look(self, ref: DatasetRef) -> None:
        if ref in self._present or not self._pods.holders(ref):
            return
        try:
            await self._client.get(DATASETS, ref.name, ref.namespace)
        except NotFoundError:
            self.deleted(ref)
        except KubeError as error:
            _log.warning("whether Dataset %s is still there could not be seen: %s", ref, error)

    async def _tell(self, key: Key, ref: DatasetRef) -> None:
        pod = self._pods.holder(key, ref)
        if pod is None:
            return
        now = datetime.now(tz=UTC)
        message = sentence(ref)
        metadata = {"namespace": pod.namespace, "name": pod.name, "uid": pod.uid}
        about = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}
        await self._recorder.warning(about, REASON, message, action="Delete")
        await set_condition(self._client, pod, _condition(message, now))


def sentence(ref: DatasetRef) -> str:
    """Return the message for the pod's author."""
    return (
        f"Dataset {ref} was deleted while this pod reads it: a mount keeps working with the keys that it has, until "
        "its mount server ends or the store refuses the keys; it is not mounted again. Delete the pod, or have the "
        "Dataset created again"
    )


def _condition(message: str, now: datetime) -> dict[str, str]:
    return {
        "type": CONDITION,
        "status": "True",
        "reason": REASON,
        "message": message,
        "lastTransitionTime": f"{now:%Y-%m-%dT%H:%M:%SZ}",
    }
