"""Follows claims and volumes of ours, and makes them what the Datasets ask for."""

import logging
from collections.abc import Callable
from types import TracebackType
from typing import Self

from dataset_operator.claims import deciding
from dataset_operator.claims.deciding import Desired, MakeClaim, MakeVolume, RemoveClaim, RemoveVolume, Settled
from dataset_operator.conditions import Condition
from moorage.errors import ConflictError, ForbiddenError, InputError, KubeError, NotFoundError
from moorage.kube import (
    DATASETS,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    Change,
    Client,
    RawObject,
    Reflector,
    Resource,
    Selection,
)
from moorage.model import DatasetRef
from moorage.queueing.shares import Share
from moorage.queueing.work_queue import WorkQueue
from moorage.serving import metrics
from moorage.watching import Bundle
from moorage.wire import read_dataset
from moorage.wire.claims import (
    DATASET_LABEL,
    Claim,
    ClaimVolume,
    read_claim,
    read_claim_volume,
    write_claim,
    write_claim_volume,
)

_AT_ONCE = 8
_AGAIN_SECONDS = 60.0
_SOON_SECONDS = 5.0
_BLIND_AFTER_SECONDS = 60.0
_INVALID = 422

_log = logging.getLogger(__name__)


class ClaimKeeper:
    """The claims of all Datasets, kept while its `async with` block runs.

    Args:
        client: the API server; needs to list, watch, create and delete claims and volumes, and `get` of Datasets.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        ours = Selection(labels=DATASET_LABEL)
        self._claims = Reflector(
            client, PERSISTENT_VOLUME_CLAIMS, project=read_claim, selection=ours, on_change=self._claim_changed
        )
        volumes = Reflector(
            client, PERSISTENT_VOLUMES, project=read_claim_volume, selection=ours, on_change=self._volume_changed
        )
        self._bundle = Bundle({"persistentvolumeclaims": self._claims, "persistentvolumes": volumes})
        self._volumes: dict[DatasetRef, dict[str, ClaimVolume]] = {}
        self._conditions: dict[DatasetRef, Condition] = {}
        self._desired: Callable[[DatasetRef], Desired | None] = lambda _: None
        self._tell: Callable[[DatasetRef], None] = lambda _: None
        self._queue: WorkQueue[DatasetRef] = WorkQueue(
            "claims",
            self._keep,
            shares=lambda ref: (Share("namespace", ref.namespace),),
            at_once=_AT_ONCE,
            each={"namespace": _AT_ONCE // 2},
        )
        metrics.follow_depth(self._queue)

    async def __aenter__(self) -> Self:
        await self._bundle.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._bundle.__aexit__(kind, error, trace)
        await self._queue.__aexit__(None, None, None)

    def follow(self, desired: Callable[[DatasetRef], Desired | None], tell: Callable[[DatasetRef], None]) -> None:
        """Ask `desired` what a Dataset wants (None: it is not known), and `tell` whose condition turned."""
        self._desired, self._tell = desired, tell

    def problem(self) -> str | None:
        """Why what is known here may be old; None where it is not."""
        return self._bundle.problem(_BLIND_AFTER_SECONDS)

    def condition(self, ref: DatasetRef) -> Condition | None:
        """How the claim of a Dataset stands; None where that is not known yet."""
        return self._conditions.get(ref)

    # --- what happened ---

    def dataset_changed(self, ref: DatasetRef) -> None:
        """Take it that a Dataset changed or is gone."""
        desired = self._desired(ref)
        if (desired is not None and desired.claim) or ref in self._conditions or self._is_there(ref):
            self._queue.add(ref)

    def _is_there(self, ref: DatasetRef) -> bool:
        return ref in self._volumes or (ref.namespace, ref.name) in self._claims.snapshot()

    def _claim_changed(self, change: Change[Claim]) -> None:
        self._queue.add(DatasetRef(*change.key))

    def _volume_changed(self, change: Change[ClaimVolume]) -> None:
        for volume in (change.before, change.after):
            if volume is not None:
                self._volumes.get(volume.ref, {}).pop(volume.name, None)
        if change.after is not None:
            self._volumes.setdefault(change.after.ref, {})[change.after.name] = change.after
        for volume in (change.before, change.after):
            if volume is not None:
                if not self._volumes.get(volume.ref):
                    self._volumes.pop(volume.ref, None)
                self._queue.add(volume.ref)

    # --- keeping ---

    async def _keep(self, ref: DatasetRef) -> None:
        if self._bundle.missing() is not None:
            self._queue.add_after(ref, _SOON_SECONDS)
            return
        desired = self._desired(ref) or await self._look_up(ref)
        if desired is None:
            return  # its spec can't be read now: its claim stays as it is
        claim = self._claims.snapshot().get((ref.namespace, ref.name))
        step = deciding.next_step(ref, desired, claim, tuple(self._volumes.get(ref, {}).values()))
        match step:
            case MakeClaim():
                await self._make_claim(ref, write_claim(ref, desired.uid))
            case MakeVolume(claim_uid):
                await self._make_volume(ref, write_claim_volume(ref, desired.uid, claim_uid))
            case RemoveClaim(uid):
                await self._remove(PERSISTENT_VOLUME_CLAIMS, ref.name, ref.namespace, uid)
            case RemoveVolume(name, uid):
                await self._remove(PERSISTENT_VOLUMES, name, "", uid)
            case Settled(condition):
                self._note(ref, condition)

    async def _look_up(self, ref: DatasetRef) -> Desired | None:
        """Ask the API server before anything of a Dataset that is not known here is removed."""
        try:
            dataset = read_dataset(await self._client.get(DATASETS, ref.name, ref.namespace))
        except NotFoundError:
            return Desired()
        except InputError:
            return None
        return Desired(dataset.uid, dataset.claim)

    async def _make_claim(self, ref: DatasetRef, body: RawObject) -> None:
        try:
            await self._make(ref, PERSISTENT_VOLUME_CLAIMS, body)
        except ConflictError:
            # Somebody else's, which has no label of ours; or our own, which the watch has not shown yet.
            found = read_claim(await self._client.get(PERSISTENT_VOLUME_CLAIMS, ref.name, ref.namespace))
            if not found.dataset_uid:
                self._note(ref, deciding.name_taken(ref))
            self._queue.add_after(ref, _SOON_SECONDS if found.dataset_uid else _AGAIN_SECONDS)

    async def _make_volume(self, ref: DatasetRef, body: RawObject) -> None:
        try:
            await self._make(ref, PERSISTENT_VOLUMES, body)
        except ConflictError:  # the watch has not shown it yet
            self._queue.add_after(ref, _SOON_SECONDS)

    async def _make(self, ref: DatasetRef, resource: Resource, body: RawObject) -> None:
        try:
            await self._client.create(resource, body)
        except KubeError as error:
            if not isinstance(error, ForbiddenError) and error.status != _INVALID:
                raise
            self._note(ref, deciding.refused(ref, str(error)))
            self._queue.add_after(ref, _AGAIN_SECONDS)
            return
        _log.info("made %s for Dataset %s", resource.kind, ref)

    async def _remove(self, resource: Resource, name: str, namespace: str, uid: str) -> None:
        try:
            await self._client.delete(resource, name, namespace, uid=uid)
        except (NotFoundError, ConflictError):
            return  # it is another one by now: we are told of it
        _log.info("removed %s %s", resource.kind, name)

    def _note(self, ref: DatasetRef, condition: Condition | None) -> None:
        if self._conditions.get(ref) == condition:
            return
        if condition is None:
            self._conditions.pop(ref, None)
        else:
            self._conditions[ref] = condition
        self._tell(ref)
