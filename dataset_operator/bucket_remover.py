"""Deletes the buckets of Datasets that went, where they said so. Nothing waits for it: no object has a finalizer.

So a bucket is kept whenever in doubt: the Secret went first, the store does not answer for a while, or the operator was
away when the Dataset went.
"""

import asyncio
import logging
import math
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from dataset_operator.entries import Written, dataset_of
from dataset_operator.listing import Budget, Cancellation
from dataset_operator.listing.marks import mark_of
from dataset_operator.listing.protocol import Provisioned
from dataset_operator.listing.table import lister_of
from dataset_operator.listing.ways import WaysToKeys
from moorage.errors import KubeError, NotFoundError, SourceError
from moorage.kube import DATASETS, Client, Recorder
from moorage.model import API_VERSION, DatasetRef
from moorage.queueing.backing_off import backoff_seconds
from moorage.queueing.shares import Share
from moorage.queueing.work_queue import WorkQueue
from moorage.sources import Location
from moorage.sources.provision import DeletionPolicy

REMOVED = "BucketRemoved"
KEPT = "BucketKept"
ATTEMPTS = 6
"""The number of attempts, with pauses that double: some five minutes in all."""
_FIRST_PAUSE_SECONDS = 10.0
_AT_ONCE = 4
_MOST_WAITING = 10_000
_MOST_WAITING_OF_A_NAMESPACE = 500

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Doomed:
    """A bucket of a Dataset that went.

    Attributes:
        ref: the Dataset's name.
        uid: the Dataset's identity.
        location: the bucket.
    """

    ref: DatasetRef
    uid: str
    location: Location


def doomed(written: Written) -> list[Doomed]:
    """The buckets that are to go with a Dataset, by the last spec of it that was seen."""
    dataset = dataset_of(written)
    if dataset is None or not dataset.uid:
        return []
    return [
        Doomed(dataset.ref, dataset.uid, source.location.for_writers())
        for source in dataset.sources
        if source.location.provision is not None and source.location.provision.deletion_policy is DeletionPolicy.DELETE
    ]


class BucketRemover:
    """The queue, worked on while its `async with` block runs.

    Args:
        client: the API server, for Secrets, and to ask whether a Dataset is gone.
        recorder: the recorder of Events.
        budget: what the requests for one bucket may take.
        used: whether a Dataset that is there names the bucket, too.
    """

    def __init__(
        self,
        client: Client,
        recorder: Recorder,
        budget: Budget,
        used: Callable[[Location], Awaitable[DatasetRef | None]],
    ) -> None:
        self._client = client
        self._recorder = recorder
        self._budget = budget
        self._used = used
        self._stop = Cancellation()
        self._attempts: dict[Doomed, int] = {}
        self._waiting: Counter[str] = Counter()
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="buckets")
        self._queue: WorkQueue[Doomed] = WorkQueue(
            "buckets",
            self._remove,
            shares=_shares,
            at_once=_AT_ONCE,
            each={"namespace": _AT_ONCE // 2, "endpoint": _AT_ONCE // 2},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.cancel()
        await self._queue.__aexit__(None, None, None)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def gone(self, written: Written) -> None:
        """Take it that a Dataset is gone."""
        for each in doomed(written):
            namespace = each.ref.namespace
            if len(self._attempts) >= _MOST_WAITING or self._waiting[namespace] >= _MOST_WAITING_OF_A_NAMESPACE:
                _log.warning("bucket %s of Dataset %s is kept: too many wait", each.location.words, each.ref)
                continue
            if each not in self._attempts:
                self._waiting[namespace] += 1
            self._attempts[each] = 0
            self._queue.add(each)

    async def _remove(self, each: Doomed) -> None:
        try:
            why = await self._ask(each)
        except Exception as error:  # noqa: BLE001 - whatever a store answers, there is a last attempt
            if not isinstance(error, SourceError | KubeError):
                _log.exception("bucket %s of Dataset %s", each.location.words, each.ref)
            self._attempts[each] = tried = self._attempts.get(each, 0) + 1
            if tried < ATTEMPTS:
                self._queue.add_after(each, backoff_seconds(tried, _FIRST_PAUSE_SECONDS, math.inf))
                return
            why = str(error) if isinstance(error, SourceError | KubeError) else "the store's answer can't be read"
        self._forget(each)
        await self._tell(each, why)

    def _forget(self, each: Doomed) -> None:
        if self._attempts.pop(each, None) is None:
            return
        namespace = each.ref.namespace
        self._waiting[namespace] -= 1
        if not self._waiting[namespace]:
            del self._waiting[namespace]

    async def _ask(self, each: Doomed) -> str:
        """Delete it; "" where it is gone, else why it is kept."""
        if await self._is_there(each):
            return "the Dataset is still there"
        if (other := await self._used(each.location)) is not None:
            # A name is told within its namespace: buckets' names can be guessed.
            return f"{f'Dataset {other}' if other.namespace == each.ref.namespace else 'another Dataset'} names it, too"
        stop = Cancellation()
        timer = asyncio.get_running_loop().call_later(self._budget.seconds, stop.expire)
        try:
            with self._stop.ending(stop.cancel):
                return await self._remove_now(each, stop)
        finally:
            timer.cancel()

    async def _remove_now(self, each: Doomed, stop: Cancellation) -> str:
        lister = lister_of(each.location)
        if lister is None:
            return "nobody can look into it"
        ways = WaysToKeys(self._client)
        keys = await lister.credentials(ways, each.ref.namespace, each.location, stop)
        folder = lister.folder(each.location, keys, self._budget, stop)
        if keys is None or not isinstance(folder, Provisioned):
            return "the Dataset names no keys"
        mark = mark_of(each.ref, each.uid)
        return await asyncio.get_running_loop().run_in_executor(self._threads, folder.remove, mark)

    async def _is_there(self, each: Doomed) -> bool:
        """Ask the API server whether it has that very Dataset: a watch is not enough to delete by."""
        try:
            raw = await self._client.get(DATASETS, each.ref.name, each.ref.namespace)
        except NotFoundError:
            return False
        return bool((raw.get("metadata") or {}).get("uid") == each.uid)

    async def _tell(self, each: Doomed, why: str) -> None:
        metadata = {"namespace": each.ref.namespace, "name": each.ref.name, "uid": each.uid}
        about = {"apiVersion": API_VERSION, "kind": "Dataset", "metadata": metadata}
        bucket = f"the bucket of {each.location.words}"
        if why:
            _log.info("%s of Dataset %s is kept: %s", bucket, each.ref, why)
            await self._recorder.warning(about, KEPT, f"{bucket} is kept: {why}", action="Delete")
        else:
            _log.info("%s of Dataset %s is gone", bucket, each.ref)
            await self._recorder.normal(about, REMOVED, f"{bucket} went with the Dataset", action="Delete")


def _shares(each: Doomed) -> tuple[Share, ...]:
    lister = lister_of(each.location)
    endpoint = () if lister is None else (Share("endpoint", lister.endpoint(each.location)),)
    return Share("namespace", each.ref.namespace), *endpoint
