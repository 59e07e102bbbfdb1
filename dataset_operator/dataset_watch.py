"""The informer over Datasets: it gives the controller compact JSON and keeps no raw object."""

from types import TracebackType
from typing import Self

from dataset_operator.bucket_remover import BucketRemover
from dataset_operator.claims import ClaimKeeper
from dataset_operator.controller import DatasetController
from dataset_operator.entries import Written, read_written
from moorage.kube import DATASETS, Change, Client, Reflector
from moorage.model import DatasetRef
from moorage.watching import Bundle

_BLIND_AFTER_SECONDS = 60.0


class DatasetWatch:
    """An informer that follows Datasets while its `async with` block runs.

    Args:
        client: the API server.
        controller: is told.
        claims: is told after it.
        buckets: is told of Datasets that went.
    """

    def __init__(
        self, client: Client, controller: DatasetController, claims: ClaimKeeper, buckets: BucketRemover
    ) -> None:
        self._controller = controller
        self._claims = claims
        self._buckets = buckets
        self._bundle = Bundle({"datasets": Reflector(client, DATASETS, project=read_written, on_change=self._changed)})

    async def __aenter__(self) -> Self:
        await self._bundle.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._bundle.__aexit__(kind, error, trace)

    def problem(self) -> str | None:
        """Return why what is known of Datasets may be old; None where it is not."""
        return self._bundle.problem(_BLIND_AFTER_SECONDS)

    def _changed(self, change: Change[Written]) -> None:
        ref = DatasetRef(*change.key)
        if change.after is None:
            self._controller.lost(ref)
        else:
            self._controller.saw(change.after)
        if change.before is not None and (change.after is None or change.after.uid != change.before.uid):
            self._buckets.gone(change.before)
        self._claims.dataset_changed(ref)
