"""Events that a person sees in `kubectl describe` and `kubectl events`.

An Event is a courtesy: writing one never fails its caller's main job, and the same words about the same object are
counted in one Event, not repeated in many; so are those of other replicas, and of the process before a restart.
"""

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from moorage.errors import ConflictError, KubeError, NotFoundError
from moorage.kube.client import Client, RawObject
from moorage.kube.resources import EVENTS

_log = logging.getLogger(__name__)

_REMEMBERED = 4096
_NOTE_BYTES = 1024  # the API server refuses longer ones
_NAME_LENGTH = 200  # leaves room for the digest within 253
_INSTANCE_LENGTH = 128
# A loop that fails ten times a second must not write to etcd ten times a second: what comes sooner is only counted.
_QUIET = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class _Told:
    """An Event that we wrote: how often it happened, and how much of that is written, when."""

    count: int
    written_at: datetime


def _now() -> datetime:
    return datetime.now(tz=UTC)


class Recorder:
    """A recorder of Events for one component. Needs create, get and patch of events.k8s.io events.

    Args:
        client: the API server.
        component: as `node-plugin`; shown as the source, `moorage.dev/node-plugin`.
        instance: which of its pods.
        now: the clock.
    """

    def __init__(self, client: Client, component: str, instance: str, *, now: Callable[[], datetime] = _now) -> None:
        self._client = client
        self._component = component
        self._instance = instance
        self._now = now
        self._told: OrderedDict[str, _Told] = OrderedDict()

    async def normal(self, about: RawObject, reason: str, note: str, *, action: str = "") -> None:
        """Tell that something went as it should.

        Args:
            about: the raw object, or as much of it as is known: apiVersion, kind, metadata.{namespace,name,uid}.
            reason: CamelCase and stable, for machines.
            note: a sentence for people; nothing secret.
            action: CamelCase, what was being done; the reason where it is left out.
        """
        await self._record("Normal", about, reason, note, action or reason)

    async def warning(self, about: RawObject, reason: str, note: str, *, action: str = "") -> None:
        """Tell that something needs a person; arguments as `normal` has them."""
        await self._record("Warning", about, reason, note, action or reason)

    async def _record(
        self, kind: Literal["Normal", "Warning"], about: RawObject, reason: str, note: str, action: str
    ) -> None:
        body = self._body(kind, about, reason, note, action)
        name, moment = body["metadata"]["name"], self._now()
        told = self._told.get(name)
        try:
            if told is None:
                count = await self._begin(body)
            elif moment - told.written_at < _QUIET:
                self._remember(name, _Told(told.count + 1, told.written_at))
                return
            else:
                count = await self._count_up(body, told.count + 1)
        except KubeError as error:
            _log.warning("could not record Event %s about %s %s: %s", reason, about.get("kind"), name, error)
            return
        self._remember(name, _Told(count, moment))

    async def _begin(self, body: RawObject) -> int:
        """Write the Event, or count up the one that a former process or another replica wrote."""
        try:
            await self._client.create(EVENTS, body)
        except ConflictError:
            metadata = body["metadata"]
            present = await self._client.get(EVENTS, metadata["name"], metadata["namespace"])
            return await self._count_up(body, ((present.get("series") or {}).get("count") or 1) + 1)
        return 1

    async def _count_up(self, body: RawObject, count: int) -> int:
        """Count on; where the Event has expired meanwhile, begin anew."""
        metadata = {key: body["metadata"][key] for key in ("namespace", "name")}
        series = {"count": count, "lastObservedTime": body["eventTime"]}
        try:
            await self._client.merge_patch(EVENTS, {"metadata": metadata, "series": series})
        except NotFoundError:
            await self._client.create(EVENTS, body)
            return 1
        return count

    def _remember(self, name: str, told: _Told) -> None:
        self._told[name] = told
        self._told.move_to_end(name)
        while len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)

    def _body(self, kind: str, about: RawObject, reason: str, note: str, action: str) -> RawObject:
        metadata = about.get("metadata") or {}
        regarding = {
            "apiVersion": str(about.get("apiVersion") or ""),
            "kind": str(about.get("kind") or ""),
            "namespace": str(metadata.get("namespace") or ""),
            "name": str(metadata.get("name") or ""),
            "uid": str(metadata.get("uid") or ""),
        }
        # One name for the same words about the same object, whoever says them again.
        told = "\n".join((self._component, kind, reason, note, *regarding.values()))
        digest = hashlib.sha256(told.encode()).hexdigest()[:16]
        stem = (regarding["name"] or "cluster")[:_NAME_LENGTH].rstrip(".-")
        return {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            # Events about cluster-scoped objects live in the namespace `default`; kubectl looks for them there.
            "metadata": {"namespace": regarding["namespace"] or "default", "name": f"{stem}.{digest}"},
            "eventTime": self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "type": kind,
            "reason": reason,
            "note": _shorten(note),
            "action": action,
            "reportingController": f"moorage.dev/{self._component}",
            "reportingInstance": self._instance[:_INSTANCE_LENGTH],
            "regarding": {key: value for key, value in regarding.items() if value},
        }


def _shorten(note: str) -> str:
    encoded = note.encode()
    if len(encoded) <= _NOTE_BYTES:
        return note
    return encoded[: _NOTE_BYTES - 3].decode(errors="ignore") + "..."
