"""Copies as they come: a bar for each node on a terminal, a line for each change elsewhere."""

import sys
from collections.abc import Sequence
from typing import Any, Protocol

from moorage.objectives import format_bytes
from moorage_cli.caches.copies import Copy, Phase
from moorage_cli.output import printable, say


class View(Protocol):
    """Shows copies."""

    def show(self, copies: Sequence[Copy]) -> None:
        """As they are now."""

    def close(self) -> None:
        """Leave the last of them where it is."""


def view() -> View:
    """The one for where the output goes."""
    return _Bars() if sys.stdout.isatty() else _Lines()


def line(copy: Copy) -> str:
    """One copy in words."""
    node = copy.node or "(no node yet)"
    match copy.phase:
        case Phase.WHOLE:
            size = "" if copy.total_bytes is None else f", {format_bytes(copy.total_bytes)}"
            told = f"all of it{size}"
        case Phase.COPYING if copy.held_bytes is not None and copy.total_bytes is not None:
            told = f"{format_bytes(copy.held_bytes)} of {format_bytes(copy.total_bytes)}"
        case _:
            told = copy.phase.value
    return f"{node}: {told}{f': {copy.message}' if copy.message else ''}"


class _Lines:
    """For pipes and logs."""

    def __init__(self) -> None:
        self._before: frozenset[str] = frozenset()

    def show(self, copies: Sequence[Copy]) -> None:
        """Print what is new."""
        lines = [line(copy) for copy in copies]
        for each in dict.fromkeys(lines):
            if each not in self._before:
                say(each)
        self._before = frozenset(lines)
        sys.stdout.flush()

    def close(self) -> None:
        """Nothing is open."""


class _Bars:
    """For a terminal."""

    def __init__(self) -> None:
        from rich.console import Console  # noqa: PLC0415 - a tenth of a second that pipes do not pay
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

        columns = (
            TextColumn("{task.fields[node]}", markup=False),
            BarColumn(),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
        )
        self._bars = Progress(*columns, console=Console())
        self._tasks: list[Any] = []
        self._bars.start()

    def show(self, copies: Sequence[Copy]) -> None:
        """Draw it anew."""
        for number, copy in enumerate(copies):
            if number == len(self._tasks):
                self._tasks.append(self._bars.add_task("", total=None, node=""))
            whole = copy.phase is Phase.WHOLE
            node, _, told = line(copy).partition(": ")
            self._bars.update(
                self._tasks[number],
                description=printable(told),
                node=printable(node),
                total=copy.total_bytes or (1 if whole else None),
                completed=(copy.total_bytes or 1) if whole else (copy.held_bytes or 0),
            )

    def close(self) -> None:
        """Leave the last picture where it is."""
        self._bars.stop()
