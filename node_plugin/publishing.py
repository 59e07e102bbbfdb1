"""Publish and unpublish: gather (what the kubelet says, what is mounted), ask the broker, mount, remember; and back.

A target is worked on by one task at a time, whoever wants it: the kubelet, or the sidecar through `attaching`.
"""

import asyncio
import logging
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from moorage.errors import InputError, MountError, NotYetError
from moorage.grants.grant import Grant
from moorage.grants.question import GrantQuestion, PodIdentity
from moorage.model import DatasetRef
from moorage.queueing.keyed_locks import KeyedLocks
from moorage.refusal import NOT_POSSIBLE, Refusal
from node_plugin import mounts, pod_paths
from node_plugin.broker import Granting, Watching
from node_plugin.caching.awaiting import await_copy
from node_plugin.caching.serving import Cache
from node_plugin.csi import PublishRequest, UnpublishRequest, dataset_of, pod_of
from node_plugin.journal import Journal, Volume
from node_plugin.memory.holding import MemoryKey, key_of, key_of_folder
from node_plugin.memory.shared import SharedMemory
from node_plugin.mounting import mount_by_kernel, needs_sidecar
from node_plugin.neighbours.memory_bringing import MemoryBringer
from node_plugin.pod_sockets import VOLUME, PodSockets
from node_plugin.web_identity import PodTokens

_log = logging.getLogger(__name__)

# The kubelet sets a pod's volumes up side by side: ours may be asked for before the emptyDir is there.
_EMPTY_DIR_SECONDS: Final = 2.0
_EMPTY_DIR_STEP_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    """What publishing and attaching share.

    Attributes:
        kubelet_dir: the kubelet's root directory, the same path here as for the kubelet.
        host_root: where the node's / is seen.
        broker: says what is mounted.
        watcher: says what must end.
        memory: the node's, as far as pods share it.
        cache: the node's; None: it has none.
        bringer: of what other nodes have in memory; None: nothing is brought.
        tokens: of the pods that the kubelet publishes volumes for.
    """

    kubelet_dir: Path
    host_root: Path
    broker: Granting
    watcher: Watching
    journal: Journal
    memory: SharedMemory
    locks: KeyedLocks[str] = field(default_factory=KeyedLocks)
    cache: Cache | None = None
    bringer: MemoryBringer | None = None
    tokens: PodTokens = field(default_factory=lambda: PodTokens(""))


class Publisher:
    """What the kubelet calls."""

    def __init__(self, state: NodeState, sockets: PodSockets) -> None:
        self._state = state
        self._sockets = sockets

    def resume(self) -> None:
        """Go on after a restart: listen again for every pod whose sidecar may ask."""
        for volume in self._state.journal:
            if not self._sockets.exists(volume.pod.uid):
                continue
            try:
                self._sockets.listen(volume.pod.uid)
            except MountError as error:
                _log.warning("a pod's sidecar can't reach us", extra={"pod_uid": volume.pod.uid, "cause": str(error)})

    async def publish(self, request: PublishRequest) -> Refusal | None:
        """Mount what a volume asks for; None when it is mounted.

        Raises:
            InputError: the request can't be used.
            BrokerError: there is no decision now.
            NotYetError: the node makes the copy that the volume needs.
            MountError: the node can't do it.
        """
        target = pod_paths.parse_target(self._state.kubelet_dir, request.target_path)
        pod = pod_of(request)
        dataset = dataset_of(request, pod)
        if target.pod_uid != pod.uid:
            raise InputError(
                "request", "target_path", f"is of pod {target.pod_uid}, but the volume is of pod {pod.uid}"
            )
        self._state.tokens.keep(pod.uid, request.account, request.tokens)
        outcome = await self._publish(request, target.volume, pod, dataset)
        if not isinstance(outcome, Grant):
            return outcome
        # Nobody waits for the target meanwhile; and what may be read is asked anew.
        if (refusal := await await_copy(self._state.cache, pod, dataset, outcome)) is not None:
            return refusal
        outcome = await self._publish(request, target.volume, pod, dataset)
        if isinstance(outcome, Grant):
            message = f"dataset {dataset} changed while this node copied it; it copies the new version now"
            raise NotYetError(message)
        return outcome

    async def _publish(
        self, request: PublishRequest, name: str, pod: PodIdentity, dataset: DatasetRef
    ) -> Grant | Refusal | None:
        """Mount it; the grant, where a copy must be there first."""
        async with self._state.locks.hold(request.target_path):
            if self._is_published(request.target_path, dataset):
                return None
            answer = await self._state.broker.ask(GrantQuestion(pod, dataset))
            if isinstance(answer, Refusal):
                _log.info("refused", extra={"pod": str(pod), "dataset": str(dataset), "rule": answer.reason})
                return answer
            if answer.location.needs_copy and not self._has_copy(dataset, answer):
                return answer
            # A sidecar waits to hear of every volume, also of those that the kernel serves; but not of memory, for
            # which a pod needs none.
            is_heard = answer.location.abilities.in_memory or await self._can_listen(pod)
            if answer.location.memory_bytes is not None and self._state.bringer is not None:
                await self._state.bringer.bring(_memory_key(dataset, answer), answer.location.memory_bytes, pod)
            volume = self._volume(request, name, pod, dataset, answer)
            if answer.location.needs_copy and not volume.cached:
                return answer
            if not is_heard and volume.needs_server:
                return _nobody_serves(pod, dataset)
            volume = await self._mount(volume, answer)
            if self._state.cache is not None:
                self._state.cache.published(volume, answer)
        facts = {"pod": str(pod), "dataset": str(dataset), "kind": answer.kind, "cached": volume.cached}
        facts["writable"] = volume.writable
        _log.info("published", extra=facts)
        return None

    def _volume(
        self, request: PublishRequest, name: str, pod: PodIdentity, dataset: DatasetRef, grant: Grant
    ) -> Volume:
        return Volume(
            target=request.target_path,
            name=name,
            pod=pod,
            dataset=dataset,
            kind=grant.kind,
            version=grant.version,
            cached=needs_sidecar(grant.location) and self._has_copy(dataset, grant),
            writable=grant.writes and not request.read_only,
            memory_folder=_memory_key(dataset, grant).folder if grant.location.abilities.in_memory else "",
        )

    def _has_copy(self, dataset: DatasetRef, grant: Grant) -> bool:
        return self._state.cache is not None and self._state.cache.copy_for(dataset, grant) is not None

    async def unpublish(self, request: UnpublishRequest) -> None:
        """Unmount until nothing is left and forget; it need not have been published.

        Raises:
            InputError: the target is no volume of a pod.
            MountError: the kernel refused, or files lie below the mount.
        """
        target = pod_paths.parse_target(self._state.kubelet_dir, request.target_path)
        async with self._state.locks.hold(request.target_path):
            mounts.unmount_all(target.path)
            self._remove_target(target.path)
            volume = self._state.journal.get(request.target_path)
            self._state.journal.forget(request.target_path)
            if volume is not None and (key := key_of_folder(volume.memory_folder)) is not None:
                self._state.memory.touch(key)
            if volume is not None and self._state.cache is not None:
                self._state.cache.released(volume)
            if not self._state.journal.of_pod(target.pod_uid):
                self._state.tokens.forget(target.pod_uid)
                await self._sockets.stop(target.pod_uid)
        _log.info("unpublished", extra={"pod_uid": target.pod_uid, "volume": target.volume})

    def _is_published(self, target: str, dataset: DatasetRef) -> bool:
        """Whether it is mounted already; whether it is alive is its sidecar's business, which asks if it is not."""
        volume = self._state.journal.get(target)
        if volume is None or volume.dataset != dataset or not mounts.stack_at(Path(target)):
            return False
        if volume.needs_server or self._sockets.exists(volume.pod.uid):
            self._sockets.listen(volume.pod.uid)
        return True

    async def _can_listen(self, pod: PodIdentity) -> bool:
        for _ in range(round(_EMPTY_DIR_SECONDS / _EMPTY_DIR_STEP_SECONDS)):
            if self._sockets.exists(pod.uid):
                break
            await asyncio.sleep(_EMPTY_DIR_STEP_SECONDS)
        else:
            return False
        self._sockets.listen(pod.uid)
        return True

    async def _mount(self, volume: Volume, grant: Grant) -> Volume:
        """Mount it; gives the volume as it is now. Nothing is awaited before the journal has it."""
        target = Path(volume.target)
        # What a driver left that ended between its record and its mount, or lost its journal.
        mounts.unmount_all(target)
        self._make_target(target)
        self._state.journal.add(volume)
        try:
            if volume.cached and self._bind(volume, grant, target):
                return volume
            volume = replace(volume, cached=False)
            self._state.journal.add(volume)
            if (size_bytes := grant.location.memory_bytes) is not None:
                key = _memory_key(volume.dataset, grant)
                self._state.memory.show(key, size_bytes, target, writable=volume.writable)
            elif needs_sidecar(grant.location):
                # Its keys are not kept: the sidecar's request asks anew, and so sees what was revoked meanwhile.
                mounts.mount_dead_fuse(target)
            else:
                await mount_by_kernel(grant.location, target, self._state.host_root)
        except BaseException:
            self._state.journal.forget(volume.target)
            self._remove_target(target)
            raise
        return volume

    def _bind(self, volume: Volume, grant: Grant, target: Path) -> bool:
        """Show the node's own copy; False where the kernel can't, and a stream must do."""
        cache = self._state.cache
        key = None if cache is None else cache.copy_for(volume.dataset, grant)
        if cache is None or key is None:
            return False
        try:
            cache.bind(key, target)
        except MountError as error:
            if grant.location.needs_copy:
                raise
            _log.warning("a volume streams what the node has", extra={"volume": volume.target, "cause": str(error)})
            return False
        return True

    def _make_target(self, target: Path) -> None:
        try:
            with pod_paths.open_directory(self._state.kubelet_dir, target.parent) as parent:
                os.mkdir(target.name, 0o750, dir_fd=parent)
        except FileExistsError:
            pass
        except OSError as error:
            message = f"{target} can't be made: {error.strerror}"
            raise MountError(message) from error

    def _remove_target(self, target: Path) -> None:
        try:
            with pod_paths.open_directory(self._state.kubelet_dir, target.parent) as parent:
                os.rmdir(target.name, dir_fd=parent)
        except FileNotFoundError:
            pass
        except OSError as error:
            message = f"{target} can't be removed: {error.strerror}"
            raise MountError(message) from error


def _memory_key(dataset: DatasetRef, grant: Grant) -> MemoryKey:
    key = key_of(dataset, grant.uid)
    if key is None:
        message = f"the broker does not say which Dataset {dataset} is: install broker and node plugin of one release"
        raise MountError(message)
    return key


def _nobody_serves(pod: PodIdentity, dataset: DatasetRef) -> Refusal:
    return Refusal(
        NOT_POSSIBLE,
        "",
        f"Pod {pod} may read dataset {dataset}, but has no mount server for it (no emptyDir volume {VOLUME}): "
        f"remove the volume from the pod and write the labels `dataset.0.id: {dataset.name}` and "
        "`dataset.0.useas: mount` instead",
    )
