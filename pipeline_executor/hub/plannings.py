"""The queue of plannings: a few at once, namespaces take turns; what came of each is kept until its run has it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from moorage.errors import InputError, KubeError, StoreError
from moorage.queueing.shares import Share
from moorage.queueing.work_queue import WorkQueue
from moorage.runs import RunRef
from moorage.serving import metrics
from pipeline_executor.hub.deciding import PLANNING_AGAIN_SECONDS, PlanFound

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """A plan that a run needs: the how-many-eth, and which sites are lost to it."""

    revision: int
    without: frozenset[str] = frozenset()


class Plannings:
    """Makes plans while its `async with` block runs.

    Args:
        make: makes a plan and writes it to the stores; what it raises is told to the run, which asks again.
        tell: told of a run for which something was found.
        at_once: how many plans are made at the same time; one for each namespace.
    """

    def __init__(
        self, make: Callable[[RunRef, Wish], Awaitable[PlanFound]], tell: Callable[[RunRef], None], at_once: int
    ) -> None:
        self._make = make
        self._tell = tell
        self._wishes: dict[RunRef, Wish] = {}
        self._found: dict[RunRef, tuple[Wish, PlanFound, float]] = {}
        self._under_way: dict[RunRef, asyncio.Task[PlanFound]] = {}
        self._queue: WorkQueue[RunRef] = WorkQueue(
            "plan",
            self._work,
            shares=lambda run: (Share("namespace", run.namespace),),
            at_once=at_once,
            each={"namespace": max(at_once - 1, 1)},
        )
        metrics.follow_depth(self._queue)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._queue.__aexit__(None, None, None)

    def wish(self, run: RunRef, wish: Wish) -> None:
        """Have a plan made; nothing new where it is being made, or was found, or could not be a moment ago."""
        known = self._found.get(run)
        if known is not None and known[0] == wish:
            _, found, at = known
            if found.lasting or asyncio.get_running_loop().time() - at < PLANNING_AGAIN_SECONDS / 2:
                return
        if self._wishes.get(run) == wish:
            return
        self._wishes[run] = wish
        self._found.pop(run, None)
        if run in self._under_way:
            self._under_way[run].cancel()
        self._queue.add(run)

    def found(self, run: RunRef, revision: int) -> PlanFound | None:
        """What came of a plan of this revision; None where nothing did yet."""
        known = self._found.get(run)
        return known[1] if known is not None and known[0].revision == revision else None

    def forget(self, run: RunRef) -> None:
        """Have nothing more done for a run: it has its plan, was cancelled, or is gone."""
        self._wishes.pop(run, None)
        self._found.pop(run, None)
        self._queue.forget(run)
        if run in self._under_way:
            self._under_way[run].cancel()

    async def _work(self, run: RunRef) -> None:
        wish = self._wishes.get(run)
        if wish is None:
            return
        task = self._under_way[run] = asyncio.ensure_future(self._made(run, wish))
        try:
            await asyncio.wait([task])
        finally:
            task.cancel()
            # Its process is killed, and waited for: a hub that ends leaves none behind.
            await asyncio.wait([task])
            del self._under_way[run]
        if self._wishes.get(run) != wish:
            return
        if task.cancelled():  # not because of another wish: this one still holds, and the queue tries again
            raise InterruptedError(f"the planning of {run} was cancelled")
        del self._wishes[run]
        self._found[run] = wish, task.result(), asyncio.get_running_loop().time()
        self._tell(run)

    async def _made(self, run: RunRef, wish: Wish) -> PlanFound:
        began = asyncio.get_running_loop().time()
        found = await self._tried(run, wish)
        result = "planned" if found.plan is not None else "infeasible" if found.infeasible else "none"
        metrics.PLANNING_SECONDS.labels(result).observe(asyncio.get_running_loop().time() - began)
        return found

    async def _tried(self, run: RunRef, wish: Wish) -> PlanFound:
        try:
            return await self._make(run, wish)
        except InputError as error:
            return PlanFound(problem=str(error), asked_without=wish.without)
        except (StoreError, KubeError, OSError) as error:
            return PlanFound(problem=str(error), lasting=False, asked_without=wish.without)
        except Exception as error:  # noqa: BLE001 - one run's trouble is not the others'
            _log.exception("planning %s failed", run)
            problem = f"planning failed unexpectedly ({type(error).__name__}); see the hub's log"
            return PlanFound(problem=problem, lasting=False, asked_without=wish.without)
