"""Several reflectors (informers) that start, sync and age together."""

import contextlib
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from moorage.kube import Reflector
from moorage.serving import metrics


class Bundle:
    """A bundle of reflectors, which run while its `async with` block runs.

    Args:
        reflectors: each by the plural of what it follows, as people know it: `datasets`.
        optional: of those, the ones whose absence nothing waits for, each with the test that says it is absent.
    """

    def __init__(
        self, reflectors: Mapping[str, Reflector[Any]], optional: Mapping[str, Callable[[], bool]] | None = None
    ) -> None:
        self._reflectors = dict(reflectors)
        self._optional = dict(optional or {})
        self._running = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        for reflector in self._reflectors.values():
            await self._running.enter_async_context(reflector)
        metrics.follow_caches(self._reflectors)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        metrics.forget_caches(self._reflectors)
        await self._running.aclose()

    async def wait_synced(self, seconds: float) -> None:
        """Wait for the first lists, each so long.

        Raises:
            KubeError: one did not come.
        """
        for reflector in self._waited_for().values():
            await reflector.wait_synced(seconds)

    def missing(self) -> str | None:
        """Return the caches that are not complete yet, in words; None once all are."""
        behind = [name for name, reflector in self._waited_for().items() if not reflector.synced.is_set()]
        return f"{', '.join(behind)} not in the cache yet" if behind else None

    def problem(self, blind_seconds: float) -> str | None:
        """Return why no decision is possible: a cache is incomplete, or older than `blind_seconds`; or None."""
        if (missing := self.missing()) is not None:
            return missing
        for name, reflector in self._waited_for().items():
            if reflector.age_seconds > blind_seconds:
                return f"the watch on {name} has been broken for {reflector.age_seconds:.0f} s"
        return None

    def _waited_for(self) -> dict[str, Reflector[Any]]:
        return {
            name: reflector
            for name, reflector in self._reflectors.items()
            if name not in self._optional or not self._optional[name]()
        }
