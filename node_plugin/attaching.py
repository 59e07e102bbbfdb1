"""Answers a sidecar's request for a FUSE descriptor, the first time and whenever its server died; and for new keys.

The lowest mount at each target is a FUSE that never had a server, so that looking into it fails instead of waiting.
(While a container runtime waits there, a pod whose sidecar never comes could not even be deleted.) Each server gets a
new FUSE on top of all earlier ones, which propagates to running containers. None can be removed from below: it may be
what some container's namespace holds, and a container that lost it can't be reached any more. Only when there are too
many, all but the first server's are removed; a container that was started on one of those must then be restarted.
Between two servers the topmost mount is a dead one: opens fail, and never see an empty directory.
"""

import asyncio
import logging
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from moorage.errors import BrokerError, MountError
from moorage.grants.grant import Grant
from moorage.grants.question import GrantQuestion
from moorage.refusal import Refusal
from moorage.serving import metrics
from node_plugin import binding, mounts, read_ahead
from node_plugin.caching.deciding import may_serve
from node_plugin.caching.serving import Part
from node_plugin.journal import Volume
from node_plugin.mounting import needs_sidecar
from node_plugin.publishing import NodeState
from node_plugin.sidecar.exchange import AttachAnswer, AttachRequest, PartRequest, RenewRequest, Request, Status

_log = logging.getLogger(__name__)

# A dead FUSE costs the node some 12 kB, and a path's lookup 70 ns.
_MOST_STACKED: Final = 64
_FOOT_AND_FIRST_SERVER: Final = 2
# A pod that asks in a loop must not keep the driver and the broker busy.
_PACE_SECONDS: Final = 0.1
_pause = asyncio.sleep


class Attacher:
    """What the sidecars ask."""

    def __init__(self, state: NodeState) -> None:
        self._state = state
        self._last: dict[str, float] = {}
        # The event loop itself holds its tasks weakly.
        self._widening: set[asyncio.Task[None]] = set()

    async def answer(self, pod_uid: str, request: Request) -> tuple[AttachAnswer, tuple[int, ...]]:
        """Give descriptors for a volume of this pod, or keys, or say why not; the caller closes the descriptors."""
        volume = self._find(pod_uid, request.volume)
        if volume is None:
            message = f"the kubelet has not asked for volume {request.volume} yet"
            await _pause(_PACE_SECONDS)
            return AttachAnswer("unavailable", message=message), ()
        if (known := self._known(volume, request)) is not None:
            await _pause(_PACE_SECONDS)
            return known, ()
        found: tuple[AttachAnswer, tuple[int, ...]]
        async with self._state.locks.hold(volume.target):
            if self._state.journal.get(volume.target) is not volume:
                return AttachAnswer("unavailable", message="the volume was unpublished meanwhile"), ()
            await self._pace(volume.target)
            match request:
                case RenewRequest():
                    found = await self._renew(volume), ()
                case PartRequest():
                    found = await self._part(volume)
                case AttachRequest():
                    found = await self._attach(volume, request)
            return found

    def _known(self, volume: Volume, request: Request) -> AttachAnswer | None:
        """Return the answer for which nobody needs to be asked; None: there is none."""
        # Where the node's own copy lies on top of a stream by now, files that were open before are still streamed.
        if not volume.needs_server and not isinstance(request, RenewRequest):
            return _shown_by_node(volume)
        return self._no_part(volume) if isinstance(request, PartRequest) else None

    def _find(self, pod_uid: str, name: str) -> Volume | None:
        return next((volume for volume in self._state.journal.of_pod(pod_uid) if volume.name == name), None)

    async def _pace(self, target: str) -> None:
        since = time.monotonic() - self._last.get(target, 0.0)
        if since < _PACE_SECONDS:
            await _pause(_PACE_SECONDS - since)
        self._last = {known: at for known, at in self._last.items() if self._state.journal.get(known)}
        self._last[target] = time.monotonic()

    async def _attach(self, volume: Volume, request: AttachRequest) -> tuple[AttachAnswer, tuple[int, ...]]:
        answer = await self._decide(volume, holds_grant=request.holds_grant)
        if answer.status != "attached":
            return answer, ()
        if volume.ended:  # the right is back
            volume = replace(volume, ended="")
            self._state.journal.add(volume)
        return answer, (self._mount_on_top(volume),)

    def _no_part(self, volume: Volume) -> AttachAnswer | None:
        """Say that there is none, or not yet; None where there is one."""
        part = None if self._state.cache is None else self._state.cache.part_of(volume)
        if part is None:
            return AttachAnswer("refused", message="the node holds no part of it")
        if not part.manifest.exists():
            status: Status = "unavailable" if part.is_coming else "refused"
            return AttachAnswer(status, message="the node has nothing of it yet")
        return None

    async def _part(self, volume: Volume) -> tuple[AttachAnswer, tuple[int, ...]]:
        """Hand over what the node has of the volume's version; it stays as long as the volume uses it."""
        # Whose mount lives on while the broker is silent reads on from the node, too.
        answer = await self._decide(volume, holds_grant=volume.parted)
        if answer.status != "attached":
            return answer, ()
        if answer.grant is not None and not _may_part(volume, answer.grant):
            return AttachAnswer("refused", message="the dataset has another version by now, or forbids caches"), ()
        # Nothing is awaited from here on: what the journal names is not evicted.
        part = None if self._state.cache is None else self._state.cache.part_of(volume)
        if part is None:
            return AttachAnswer("refused", message="the node holds no part of it any more"), ()
        try:
            descriptors = _opened(part)
        except (OSError, MountError) as error:
            _log.warning("a part is not shown", extra={"volume": volume.target, "cause": str(error)})
            return AttachAnswer("refused", message="the node can't show what it has"), ()
        self._state.journal.add(replace(volume, parted=True))
        return AttachAnswer("parted"), descriptors

    async def _renew(self, volume: Volume) -> AttachAnswer:
        try:
            answer = await self._ask(volume)
        except BrokerError as error:
            return AttachAnswer("unavailable", message=str(error))
        return replace(answer, status="renewed") if answer.status == "attached" else answer

    async def _decide(self, volume: Volume, *, holds_grant: bool) -> AttachAnswer:
        try:
            return await self._ask(volume)
        except BrokerError as error:
            # A dead broker must not keep a pod's mount dead that was granted and whose keys the sidecar still holds.
            if holds_grant and not volume.ended:
                _log.warning("healed without asking", extra={"volume": volume.target, "cause": str(error)})
                return AttachAnswer("attached")
            return AttachAnswer("unavailable", message=str(error))

    async def _ask(self, volume: Volume) -> AttachAnswer:
        decision = await self._state.broker.ask(GrantQuestion(volume.pod, volume.dataset))
        if isinstance(decision, Refusal):
            return AttachAnswer("refused", message=decision.message)
        return _served(volume, decision)

    def _mount_on_top(self, volume: Volume) -> int:
        target = Path(volume.target)
        stacked = len(mounts.stack_at(target))
        if stacked >= _MOST_STACKED:
            mounts.unmount_all(target, leave=_FOOT_AND_FIRST_SERVER)
        descriptor = mounts.mount_fuse(target, writable=volume.writable)
        widening = asyncio.create_task(read_ahead.widen(target), name=f"read-ahead of {target}")
        self._widening.add(widening)
        widening.add_done_callback(self._widening.discard)
        if stacked > 1:
            metrics.HEALS.inc()
        what = "the first server got its mount" if stacked <= 1 else "a new server got a mount"
        _log.info(what, extra={"pod_uid": volume.pod.uid, "volume": volume.name, "stacked": stacked + 1})
        return descriptor


def _may_part(volume: Volume, grant: Grant) -> bool:
    return may_serve(grant) and (volume.parted or grant.version == volume.version)


def _opened(part: Part) -> tuple[int, int]:
    """The manifest, and a view of the objects.

    Raises:
        OSError, MountError: they can't be opened.
    """
    # A filler made them, and a link in its folder is none of ours.
    manifest = os.open(part.manifest, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return manifest, binding.view(part.objects)
    except BaseException:
        os.close(manifest)
        raise


def _shown_by_node(volume: Volume) -> AttachAnswer:
    if not volume.ended:
        return AttachAnswer("mounted")
    message = f"{volume.ended} (once that is so, delete the pod: its successor gets the data)"
    return AttachAnswer("refused", message=message)


def _served(volume: Volume, grant: Grant) -> AttachAnswer:
    if needs_sidecar(grant.location) and not grant.location.needs_copy:
        return AttachAnswer("attached", grant)
    message = (
        f"dataset {volume.dataset} moved to a source of another kind ({grant.kind}) while the pod ran; delete the pod, "
        "so that its successor gets the new one"
    )
    return AttachAnswer("refused", message=message)
