"""Brings what other groups made into a site's own store: each artifact and value once, for all groups that read it.

Transfers may take hours, so they have a work queue of their own, in which namespaces take turns. What has arrived is in
the store, manifest last: a spoke that restarts finds it there and goes on with the rest.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self, TypeAlias

from moorage.errors import InputError, MoorageError
from moorage.queueing.shares import Share
from moorage.queueing.work_queue import WorkQueue
from moorage.runs import GroupSpec, ImportSpec, Manifest, RunKeys, RunRef, TaskPhase, Value
from moorage.runs.names import split_datum
from moorage.runs.records import MANIFEST_BOUNDS, RECORD_BOUNDS
from pipeline_executor.runners.protocol import GroupKey
from pipeline_executor.store import ArtifactStore, SiteStores

_AT_ONCE: Final = 8
_EACH_NAMESPACE: Final = 4


Transfer: TypeAlias = Callable[
    [RunRef, ArtifactStore, ArtifactStore, Manifest, Callable[[int], None]], Awaitable[Manifest]
]
"""Copies an artifact of a run from a store, whose manifest is given, to another; tells the bytes that have arrived.

It verifies what arrived, publishes the manifest under the same path, and gives that. Asked again, it goes on where it
stopped. It raises `InputError` where it can never succeed, `StoreError` where a store does not answer.
"""


@dataclass(slots=True)
class Arrival:
    """How far one import is.

    Attributes:
        content: what arrived, a Manifest or a Value; None: nothing yet.
        problem: why it never will; "": it may.
        message: what it waits for.
        bytes_done: that have arrived.
    """

    phase: TaskPhase = TaskPhase.PENDING
    content: Manifest | Value | None = None
    problem: str = ""
    message: str = ""
    bytes_done: int = 0
    size_bytes: int = 0
    seconds: float = 0.0
    readers: set[GroupKey] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Datum:
    """What is brought, and where to. `key` is `<task>.<output>`."""

    run: RunRef
    key: str
    is_artifact: bool
    source: str
    target: str

    @classmethod
    def of(cls, group: GroupSpec, spec: ImportSpec) -> Self:
        """What an import of a group asks for."""
        key = spec.artifact if spec.artifact is not None else spec.value or ""
        return cls(group.run, key, spec.artifact is not None, spec.site, group.site)


class Importing:
    """Everything that is being brought to the sites of this spoke; `async with` ends it.

    Args:
        stores: of all sites.
        transfer: copies an artifact.
        on_change: told the key of each group that waits for something when that changes.

    Attributes:
        queue: what is to be brought.
    """

    def __init__(self, stores: SiteStores, transfer: Transfer, on_change: Callable[[GroupKey], None]) -> None:
        self._stores = stores
        self._transfer = transfer
        self._on_change = on_change
        self._arrivals: dict[Datum, Arrival] = {}
        self._wanted: dict[GroupKey, set[Datum]] = {}
        self.queue: WorkQueue[Datum] = WorkQueue(
            "imports",
            self._work,
            shares=lambda datum: (Share("namespace", datum.run.namespace),),
            at_once=_AT_ONCE,
            each={"namespace": _EACH_NAMESPACE},
        )

    async def __aenter__(self) -> Self:
        await self.queue.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.queue.__aexit__(kind, error, trace)

    def want(self, reader: GroupKey, datum: Datum) -> Arrival:
        """How far an import is; it is begun where it was not."""
        arrival = self._arrivals.get(datum)
        if arrival is None:
            arrival = self._arrivals[datum] = Arrival()
            self.queue.add(datum)
        arrival.readers.add(reader)
        self._wanted.setdefault(reader, set()).add(datum)
        return arrival

    def forget(self, reader: GroupKey) -> None:
        """A group waits for nothing any more; what nobody waits for is not brought."""
        for datum in self._wanted.pop(reader, ()):
            arrival = self._arrivals[datum]
            arrival.readers.discard(reader)
            if not arrival.readers:
                self.queue.forget(datum)
                del self._arrivals[datum]

    async def _work(self, datum: Datum) -> None:
        arrival = self._arrivals.get(datum)
        if arrival is None or arrival.content is not None or arrival.problem:
            return
        arrival.phase = TaskPhase.RUNNING
        began = time.monotonic()
        try:
            arrival.content = await self._bring(datum, arrival)
            arrival.phase, arrival.message = TaskPhase.SUCCEEDED, ""
        except InputError as error:
            arrival.phase, arrival.problem = TaskPhase.FAILED, str(error)
        except MoorageError as error:
            arrival.message = str(error)
            raise
        finally:
            arrival.seconds += time.monotonic() - began
            for reader in arrival.readers:
                self._on_change(reader)

    async def _bring(self, datum: Datum, arrival: Arrival) -> Manifest | Value:
        target = await self._stores.get(datum.target)
        present = await _read(target, datum)
        if present is not None or datum.source == datum.target:
            return _there(present, datum)
        source = await self._stores.get(datum.source)
        found = _there(await _read(source, datum), datum)
        if isinstance(found, Value):
            task, output = split_datum(datum.key)
            await target.put_once(RunKeys(target.prefix, datum.run).value(task, output), found.write())
            return _there(await _read(target, datum), datum)
        arrival.size_bytes = found.size_bytes

        def told(bytes_done: int) -> None:
            arrival.bytes_done = bytes_done

        made = await self._transfer(datum.run, source, target, found, told)
        arrival.bytes_done = made.size_bytes
        return made


def _there(found: Manifest | Value | None, datum: Datum) -> Manifest | Value:
    if found is None:
        kind = "artifact" if datum.is_artifact else "value"
        problem = f"is not in the artifact store of Site {datum.source}: the hub says that it was made there"
        raise MoorageError(f"{kind} {datum.key}: {problem}")
    return found


async def _read(store: ArtifactStore, datum: Datum) -> Manifest | Value | None:
    keys, (task, output) = RunKeys(store.prefix, datum.run), split_datum(datum.key)
    if datum.is_artifact:
        key = keys.artifact(task, output)
        content = await store.get(key, MANIFEST_BOUNDS.most_bytes)
        return None if content is None else Manifest.read(content, store.uri(key))
    key = keys.value(task, output)
    content = await store.get(key, RECORD_BOUNDS.most_bytes)
    return None if content is None else Value.read(content, store.uri(key))
