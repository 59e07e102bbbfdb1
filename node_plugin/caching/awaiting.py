"""Datasets that can be read from a node's own copy only: archives. A pod's volume waits until the copy is there.

The kubelet's call waits for a while, so that a small archive costs the pod one call. A call that waits no longer says
how far the copy is: the kubelet puts that into the pod's Events, and calls again.
"""

from typing import Final

from moorage.caching import CacheMode
from moorage.errors import NotYetError
from moorage.grants.grant import Grant
from moorage.grants.question import PodIdentity
from moorage.model import DatasetRef
from moorage.objectives import format_bytes
from moorage.refusal import NOT_POSSIBLE, Refusal
from node_plugin.caching import deciding
from node_plugin.caching.holding import Holding
from node_plugin.caching.serving import Cache

# The kubelet gives a call two minutes.
_WAIT_SECONDS: Final = 60.0


async def await_copy(cache: Cache | None, pod: PodIdentity, ref: DatasetRef, grant: Grant) -> Refusal | None:
    """Have the copy made, and wait for it; None once it is there.

    Raises:
        NotYetError: it is being made; asking again will help.
    """
    if cache is None or grant.cache.mode is CacheMode.NONE:
        return _refused(ref, _no_copies(has_cache=cache is not None))
    if grant.writes:
        return _refused(ref, "it is read-only: remove the label dataset.N.access")
    key = deciding.key_of(ref, grant)
    if key is None:
        raise NotYetError(f"dataset {ref} is an archive that the operator has not looked at yet; see its conditions")
    if (why := cache.fills.unkeepable(key)) is not None:
        return _refused(ref, why)
    if not cache.state.store.is_whole(key):
        cache.fills.want(ref, pod)
        await cache.fills.wait(ref, _WAIT_SECONDS)
    if cache.state.store.is_whole(key):
        return None
    if (why := cache.fills.unkeepable(key)) is not None:
        return _refused(ref, why)
    raise NotYetError(progress(ref, grant, cache.state.store.get(key), cache.fills.last(ref)))


def progress(ref: DatasetRef, grant: Grant, held: Holding | None, last: str) -> str:
    """How far it is, in a sentence: pure.

    Args:
        ref: the dataset.
        grant: of it.
        held: what is on the node; None: nothing yet.
        last: how the last try ended.
    """
    said = f"dataset {ref} is an archive, which this node unpacks before the pod starts"
    size_bytes = 0 if grant.fill is None else grant.fill.size_bytes
    if last:
        return f"{said}. That failed, and is tried again: {last}"
    if held is None:
        return f"{said}. It waits for its turn"
    if held.size_bytes >= size_bytes - 1:
        unpacked = max(0, held.disk_bytes - size_bytes)
        return f"{said}. All of it has come; it is being unpacked, {format_bytes(unpacked)} so far"
    return f"{said}. {format_bytes(held.size_bytes)} of {format_bytes(size_bytes)} have come"


def _no_copies(*, has_cache: bool) -> str:
    if not has_cache:
        return "this node keeps no copies: set nodePlugin.cache.enabled, or give the unpacked files as a folder"
    return "spec.cache.mode: none forbids copies: remove it, or give the unpacked files as a folder"


def _refused(ref: DatasetRef, why: str) -> Refusal:
    return Refusal(NOT_POSSIBLE, "", f"dataset {ref} is an archive and can't be unpacked on this node: {why}")
