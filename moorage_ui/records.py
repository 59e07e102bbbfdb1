"""Readers of a run's records in the stores: the plan, its drawing, ended tasks, and plan beside actual.

Everything is read within bounds and kept for a while: a plan never changes, nor how an attempt ended.
"""

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from moorage.errors import InputError, KubeError, StoreError
from moorage.runs import RunKeys, RunRef, TaskEnd, TaskPhase
from moorage.runs.records import RECORD_BOUNDS
from moorage.stores import ReadableStore, SiteStores
from moorage_ui.views.plan import Ended
from moorage_ui.views.run import RunView
from pipeline_splitter.plan import Plan
from pipeline_splitter.plan_reading import read_plan
from pipeline_splitter.report import read_facts

T = TypeVar("T")

_MOST_PLAN_BYTES: Final = 16 << 20
_MOST_DRAWING_BYTES: Final = 24 << 20
_MOST_REPORT_BYTES: Final = 8 << 20
_PLANS: Final = 32
_ENDS: Final = 20_000
_MOST_ENDS_READ: Final = 120
"""The most ends read at one look: a run of more tasks shows their seconds once `run.json` is there."""
_AT_ONCE: Final = 16
_SEARCH_SECONDS: Final = 15.0


class Kept(Generic[T]):
    """The values that were asked for last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[object, T] = OrderedDict()

    def get(self, key: object) -> T | None:
        """Return the value, where it is kept."""
        if key in self._values:
            self._values.move_to_end(key)
        return self._values.get(key)

    def put(self, key: object, value: T) -> T:
        """Cache a value, and drop the least recently used beyond the limit."""
        self._values[key] = value
        self._values.move_to_end(key)
        while len(self._values) > self._most:
            self._values.popitem(last=False)
        return value


@dataclass(frozen=True, slots=True)
class Drawn:
    """A plan, and the drawing of it; `problem` says why one is missing."""

    plan: Plan | None
    facts: Mapping[str, Any] | None
    problem: str = ""


class Records:
    """Reader of runs' records in the stores, with caches.

    Args:
        stores: the Sites'.
    """

    def __init__(self, stores: SiteStores) -> None:
        self.stores = stores
        self._drawn: Kept[Drawn] = Kept(_PLANS)
        self._ends: Kept[TaskEnd] = Kept(_ENDS)
        self._reports: Kept[Mapping[str, Any]] = Kept(_PLANS)

    async def drawn(self, run: RunView) -> Drawn:
        """Return the plan in force of a run."""
        if not run.plan_file:
            return Drawn(None, None, "")
        key = run.ref, run.plan_digest
        if (kept := self._drawn.get(key)) is not None:
            return kept
        folder = run.plan_file.rpartition("/")[0]
        page = f"{folder}/report.html" if folder else "report.html"

        async def read(store: ReadableStore) -> Drawn | None:
            keys = RunKeys(store.prefix, run.ref)
            written = await store.get(keys.plan(run.plan_file), _MOST_PLAN_BYTES)
            if written is None or hashlib.sha256(written).hexdigest() != run.plan_digest:
                return None
            plan = await asyncio.to_thread(read_plan, written, "plan.json")
            return Drawn(plan, await _facts(store, keys.plan(page)))

        try:
            found = await self._first(run, read)
        except (StoreError, InputError, KubeError) as error:
            return Drawn(None, None, str(error))
        if found is None:
            return Drawn(None, None, "The plan is in no artifact store that can be read from here.")
        return self._drawn.put(key, found)

    async def report(self, run: RunView) -> Mapping[str, Any]:
        """Read `run.json`; empty where there is none yet, or it can't be read."""
        if not run.reported or not run.phase.is_final:
            return {}
        key = run.ref, run.version
        if (kept := self._reports.get(key)) is not None:
            return kept

        async def read(store: ReadableStore) -> Mapping[str, Any] | None:
            content = await store.get(RunKeys(store.prefix, run.ref).report, _MOST_REPORT_BYTES)
            try:
                told = None if content is None else json.loads(content)
            except (ValueError, RecursionError):
                return None
            return told if isinstance(told, Mapping) else None

        try:
            found = await self._first(run, read)
        except (StoreError, KubeError):
            return {}
        return self._reports.put(key, found or {})

    async def ended(self, run: RunView) -> list[Ended]:
        """Read how the last attempts of the tasks ended; skip unreadable ones."""
        over = [task for task in run.tasks if task.phase in {TaskPhase.SUCCEEDED, TaskPhase.FAILED}]
        limit = asyncio.Semaphore(_AT_ONCE)

        async def one(name: str, site: str, attempt: int) -> Ended | None:
            async with limit:
                try:
                    end = await self.end(run.ref, site, name, attempt)
                except (StoreError, InputError, KubeError):
                    return None
            return None if end is None else Ended(name, attempt, end)

        found = await asyncio.gather(*(one(task.name, task.site, task.attempt) for task in over[:_MOST_ENDS_READ]))
        return [each for each in found if each is not None]

    async def end(self, run: RunRef, site: str, task: str, attempt: int) -> TaskEnd | None:
        """Read how an attempt ended, or None while it has not.

        Raises:
            StoreError, InputError, KubeError: it can't be read.
        """
        key = run, site, task, attempt
        if (kept := self._ends.get(key)) is not None:
            return kept
        store = await self.stores.get(site)
        place = RunKeys(store.prefix, run).task(task, attempt, "ended")
        content = await store.get(place, RECORD_BOUNDS.most_bytes)
        return None if content is None else self._ends.put(key, TaskEnd.read(content, f"the end of task {task}"))

    async def _first(self, run: RunView, read: Callable[[ReadableStore], Awaitable[T | None]]) -> T | None:
        """Return the first site's answer, passing over sites that don't answer.

        Raises:
            StoreError, KubeError: no store has it, and some did not answer.
        """
        problem: Exception | None = None
        for site in _likely(run):
            try:
                async with asyncio.timeout(_SEARCH_SECONDS):
                    found = await read(await self.stores.get(site))
            except (StoreError, KubeError) as error:
                problem = error
                continue
            except TimeoutError:
                problem = StoreError("StoreUnreachable", f"the artifact store of Site {site} does not answer")
                continue
            if found is not None:
                return found
        if problem is not None:
            raise problem
        return None


async def _facts(store: ReadableStore, key: str) -> Mapping[str, Any] | None:
    try:
        page = await store.get(key, _MOST_DRAWING_BYTES)
        return None if page is None else await asyncio.to_thread(read_facts, page.decode("utf-8", "replace"))
    except (StoreError, InputError):
        return None


def _likely(run: RunView) -> Iterable[str]:
    return run.sites
