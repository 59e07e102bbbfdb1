"""A progress bar on stderr while a plan is made; silent where stderr is no terminal, and for what takes no time."""

import math
import sys
import time
from types import TracebackType
from typing import Any, Self

from moorage.objectives.units import plain

_QUIET_SECONDS = 0.5


class Progress:
    """Shows the phase, the best value so far and how far from the bound it is at most."""

    def __init__(self, deadline: float) -> None:
        self._began = time.monotonic()
        self._deadline = deadline
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def tell(self, phase: str, value: float | None = None, bound: float | None = None) -> None:
        """Update the bar.

        Args:
            phase: what is being done.
            value: the best so far, if there is one.
            bound: no plan can be better than this, if that is known.
        """
        elapsed = time.monotonic() - self._began
        if not sys.stderr.isatty() or elapsed < _QUIET_SECONDS:
            return
        if self._bar is None:
            self._start()
        self._bar.update(self._task, completed=elapsed, description=_sentence(phase, value, bound))

    def _start(self) -> None:
        from rich.console import Console  # noqa: PLC0415 - a tenth of a second that short plans do not pay
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415
        from rich.progress import Progress as Bar  # noqa: PLC0415

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("of at most {task.total:.0f} s"),
        )
        self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
        self._bar.start()
        self._task = self._bar.add_task("", total=max(self._deadline - self._began, 0.0))


def _sentence(phase: str, value: float | None, bound: float | None) -> str:
    if value is None or math.isinf(value):
        return phase
    if bound is None or math.isinf(bound):
        return f"{phase}: {plain(value)}"
    gap = 0.0 if value <= bound else (value - bound) / value
    return f"{phase}: {plain(value)}, at most {gap:.2%} above the best"
