"""A cache of parsed records that follows the API server and outlives the connection.

List page by page, then watch with bookmarks; a version that is too old means to list again; everything else that fails
is tried again with a growing, jittered pause, while the last good state stays readable and its age is told.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType, TracebackType
from typing import Generic, Self, TypeVar

from moorage.errors import GoneError, InputError, KubeError, UnreachableError
from moorage.kube.client import EVERYTHING, PAGE_SIZE, SILENCE_SECONDS, Client, RawObject, Selection
from moorage.kube.resources import Resource
from moorage.kube.streams import SILENCE

T = TypeVar("T")

Key = tuple[str, str]
"""(namespace, name); the namespace of a cluster-scoped object is ""."""

_log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 15.0
# After an outage this long the server may have been restored from a backup, whose versions are older than ours: a watch
# from our version would then stay silent. Listing again is the cure.
LIST_AGAIN_AFTER_SECONDS = 60.0
# Listing again is dear for a server that is overloaded already, and does not help where we have no rights. Whatever
# else it refuses a watch for may be our version.
_SAYS_NOTHING_ABOUT_VERSIONS = frozenset({0, 401, 403, 429, 503})
# A page is parsed in slices, so that a server sharing the event loop goes on answering.
_SLICE = 50


@dataclass(frozen=True, slots=True)
class Change(Generic[T]):
    """One object changed: `before` is None for a new one, `after` for a deleted (or no longer readable) one."""

    key: Key
    before: T | None
    after: T | None


@dataclass(frozen=True, slots=True)
class Problem:
    """An object that is there, but that the projection refused.

    Attributes:
        key: which object.
        uid: its identity.
        error: why, naming the field and the remedy.
    """

    key: Key
    uid: str
    error: InputError


class Reflector(Generic[T]):
    """A cache of what `project` makes of every object of a resource.

    `async with reflector:` runs it in the background. The projection must be pure and quick; what it returns should be
    frozen, and raw objects are not kept. An object for which it raises `InputError` is kept in `problems`, not in the
    snapshot; one for which it returns None is left out altogether.

    Args:
        client: the API server.
        resource: what to follow.
        project: makes the record of a raw object.
        selection: which objects.
        on_change: told after each change, on the event loop; it must be quick, and what it raises is logged.
        silence_seconds: a watch that says nothing for so long is opened again; API servers speak about every minute.
        metadata_only: the projection reads nothing but metadata, so the API server need not send the rest.

    Attributes:
        synced: set once the first list is complete, and never unset.
    """

    def __init__(  # noqa: PLR0913 - each but the first two is a keyword
        self,
        client: Client,
        resource: Resource,
        *,
        project: Callable[[RawObject], T | None],
        selection: Selection = EVERYTHING,
        on_change: Callable[[Change[T]], None] | None = None,
        silence_seconds: float = SILENCE_SECONDS,
        metadata_only: bool = False,
    ) -> None:
        self._client = client
        self._resource = resource
        self._project = project
        self._selection = selection
        self._on_change = on_change
        self._silence_seconds = silence_seconds
        self._metadata_only = metadata_only
        self._records: dict[Key, T] = {}
        self._problems: dict[Key, Problem] = {}
        self._problems_view: Mapping[Key, Problem] | None = None
        self._view: Mapping[Key, T] | None = None
        self._version = ""
        self._lost_at: float | None = time.monotonic()
        self._silent_since: float | None = None
        self._last_error: KubeError | None = None
        self._task: asyncio.Task[None] | None = None
        self.synced = asyncio.Event()

    # --- what callers see ---

    def snapshot(self) -> Mapping[Key, T]:
        """Return the records by (namespace, name), immutable.

        The same object is returned until something changes, so an index made of it can be kept as long as it is the
        same (`is`). Costs nothing to call; only the first change after a call copies the dictionary.
        """
        if self._view is None:
            self._view = MappingProxyType(self._records)
        return self._view

    @property
    def problems(self) -> Mapping[Key, Problem]:
        """The objects that the projection refused; the same mapping until one of them changes."""
        if self._problems_view is None:
            self._problems_view = MappingProxyType(dict(self._problems))
        return self._problems_view

    @property
    def age_seconds(self) -> float:
        """The seconds since the API server went out of sight: 0.0 while a watch is open.

        A connection that died without a word counts as open until that is noticed, some `silence_seconds` later; from
        then on the silence counts too.
        """
        return 0.0 if self._lost_at is None else time.monotonic() - self._lost_at

    @property
    def lost_at(self) -> float | None:
        """The monotonic time at which the API server went out of sight; None while a watch is open.

        Two losses differ by it, however short the time between them was.
        """
        return self._lost_at

    @property
    def last_error(self) -> KubeError | None:
        """The reason why the last connection failed; None while a watch is open."""
        return self._last_error

    async def wait_synced(self, seconds: float) -> None:
        """Wait until the first list is complete.

        Raises:
            KubeError: it was not within so many seconds; the last failure, or `UnreachableError`.
        """
        try:
            async with asyncio.timeout(seconds):
                await self.synced.wait()
        except TimeoutError:
            if self._last_error is not None:
                raise self._last_error from None
            message = f"list {self._resource.plural}: no complete list within {seconds:g} s"
            raise UnreachableError(message) from None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.run(), name=f"reflector {self._resource.plural}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    # --- following ---

    async def run(self) -> None:
        """Follow until cancelled."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            began = time.monotonic()
            try:
                await self._follow()
            except KubeError as error:
                if error.reason == SILENCE:
                    # Either there is nothing to say, or nobody is there any more: opening the watch again tells which.
                    self._silent_since = self._silent_since or time.monotonic() - self._silence_seconds
                    continue
                if isinstance(error, GoneError) or error.status not in _SAYS_NOTHING_ABOUT_VERSIONS:
                    self._version = ""
                self._lost(error)
            except Exception as error:  # noqa: BLE001 - whatever it is, a cache that stopped in silence is worse
                _log.exception("%s: unexpected", self._resource.plural)
                self._version = ""
                self._lost(KubeError(f"{self._resource.plural}: unexpected {type(error).__name__}: {error}"))
            # Only a connection that held for a while proves that the trouble is over.
            held = time.monotonic() - began > pause
            pause = FIRST_PAUSE_SECONDS if held else min(pause * 2, LONGEST_PAUSE_SECONDS)
            await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311 - not for secrets

    async def _follow(self) -> None:
        """List where it is needed, then watch until the server ends it."""
        if not self._version or self.age_seconds > LIST_AGAIN_AFTER_SECONDS:
            await self._list()
        watch = self._client.watch(
            self._resource,
            self._version,
            self._selection,
            server_seconds=random.randint(240, 360),  # noqa: S311 - so that not all watches of a cluster end together
            silence_seconds=self._silence_seconds,
            metadata_only=self._metadata_only,
        )
        async with watch as events:
            self._found()
            async for event in events:
                raw: RawObject = event["object"]
                self._version = raw["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    self._take(_key(raw), None if event["type"] == "DELETED" else raw)

    async def _list(self) -> None:
        """Replace everything by a fresh list, and tell the differences."""
        try:
            seen, version = await self._take_pages()
        except GoneError:  # the pages took longer than etcd keeps old revisions: once more; then again after a pause
            seen, version = await self._take_pages()
        for key in [*(self._records.keys() - seen), *(self._problems.keys() - seen)]:
            self._take(key, None)
        self._version = version
        self._found()
        if not self.synced.is_set():
            _log.info("%s: %d in the cache", self._resource.plural, len(self._records))
            self.synced.set()

    async def _take_pages(self) -> tuple[set[Key], str]:
        seen: set[Key] = set()
        version = ""
        pages = self._client.pages(self._resource, self._selection, size=PAGE_SIZE, metadata_only=self._metadata_only)
        async for page in pages:
            version = page.resource_version
            for part in _slices(page.items):
                for raw in part:
                    key = _key(raw)
                    seen.add(key)
                    self._take(key, raw)
                await asyncio.sleep(0)
        return seen, version

    def _take(self, key: Key, raw: RawObject | None) -> None:
        """Put one object into the cache, or out of it where it is None."""
        before = self._records.get(key)
        after, error = (None, None) if raw is None else self._read(key, raw)
        if raw is not None and error is not None:
            self._problems[key] = Problem(key, raw["metadata"].get("uid", ""), error)
            self._problems_view = None
        elif self._problems.pop(key, None) is not None:
            self._problems_view = None
        if before == after:
            return
        if self._view is not None:  # somebody holds the present dictionary
            self._records = dict(self._records)
            self._view = None
        if after is None:
            del self._records[key]
        else:
            self._records[key] = after
        if self._on_change is not None:
            try:
                self._on_change(Change(key, before, after))
            except Exception:  # noqa: BLE001 - a listener's fault is not the cache's
                _log.exception("%s: a listener failed on %s/%s", self._resource.plural, *key)

    def _read(self, key: Key, raw: RawObject) -> tuple[T | None, InputError | None]:
        """Read the record of an object, or why there is none."""
        try:
            return self._project(raw), None
        except InputError as refusal:
            return None, refusal
        except Exception:  # noqa: BLE001 - one object, however strange, must not blind us to all others
            subject = self._resource.describe(*key)
            _log.exception("%s: can't be read", subject)
            return None, InputError(subject, "spec", "can't be read; this is a fault of Moorage, see its log")

    def _found(self) -> None:
        if self._last_error is not None:
            _log.info("%s: watch restored", self._resource.plural)
        self._lost_at = self._silent_since = None
        self._last_error = None

    def _lost(self, error: KubeError) -> None:
        if self._lost_at is None:
            self._lost_at = self._silent_since or time.monotonic()
        if self._last_error is None:  # told once per outage
            _log.warning("%s: watch lost: %s", self._resource.plural, error)
        self._last_error = error


def _key(raw: RawObject) -> Key:
    metadata = raw["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def _slices(items: list[RawObject]) -> Iterator[list[RawObject]]:
    for start in range(0, len(items), _SLICE):
        yield items[start : start + _SLICE]
