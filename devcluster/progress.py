"""Progress for a person: what is being done, for how long, and how far it is."""

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichBars

# Without a terminal a long step says every so often that it lives.
_LINE_EVERY_SECONDS = 20.0


class Step(Protocol):
    """One piece of work under way."""

    def update(self, detail: str, done: int | None = None, total: int | None = None) -> None:
        """Say what is at hand, and how many of how many are done."""


class Progress(Protocol):
    """A thread-safe sink for progress messages."""

    def step(self, title: str) -> contextlib.AbstractContextManager[Step]:
        """Tell of a piece of work; leaving the context ends it."""


class Silent:
    """Progress that is not shown."""

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Run the step without reporting it."""
        del title
        yield self

    def update(self, detail: str, done: int | None = None, total: int | None = None) -> None:
        """Ignore the update of a step."""


class Terminal:
    """Bars on a terminal, plain lines elsewhere (a pipe, a log)."""

    def __init__(self, console: Console) -> None:
        """Write to this console."""
        self._console = console
        self._lock = threading.Lock()
        self._bars: RichBars | None = None
        self._running = 0

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show the step while it runs, and how long it took."""
        began = time.monotonic()
        if not self._console.is_terminal:
            self._console.print(f"  {title} ...", highlight=False, soft_wrap=True)
        step = _TerminalStep(self, title)
        try:
            yield step
        except BaseException:
            self._close(step)
            self._console.print(f"  [red]x[/red] {title}", highlight=False, soft_wrap=True)
            raise
        self._close(step)
        self._console.print(
            f"  [green]✓[/green] {title} [dim]({time.monotonic() - began:.1f} s)[/dim]", highlight=False
        )

    def open(self, title: str) -> TaskID | None:
        """Show a bar, where there is a terminal."""
        if not self._console.is_terminal:
            return None
        with self._lock:
            if self._bars is None:
                self._bars = RichBars(
                    SpinnerColumn(),
                    TextColumn("{task.description}"),
                    BarColumn(bar_width=20),
                    TextColumn("[dim]{task.fields[detail]}"),
                    TimeElapsedColumn(),
                    console=self._console,
                    transient=True,
                )
                self._bars.start()
            self._running += 1
            return self._bars.add_task(title, total=None, detail="")

    def show(self, step: "_TerminalStep", detail: str, done: int | None, total: int | None) -> None:
        """Show how far a step is."""
        with self._lock:
            if step.task is not None and self._bars is not None:
                self._bars.update(step.task, detail=detail[-50:], completed=done, total=total)
            elif time.monotonic() - step.told > _LINE_EVERY_SECONDS:
                step.told = time.monotonic()
                count = f" {done}/{total}" if total else ""
                self._console.print(f"    {step.title}{count} {detail}", highlight=False, soft_wrap=True)

    def _close(self, step: "_TerminalStep") -> None:
        with self._lock:
            if step.task is not None and self._bars is not None:
                self._bars.remove_task(step.task)
                self._running -= 1
                if not self._running:
                    self._bars.stop()
                    self._bars = None


class _TerminalStep:
    def __init__(self, terminal: Terminal, title: str) -> None:
        self.title = title
        self.told = time.monotonic()
        self._terminal = terminal
        self.task = terminal.open(title)

    def update(self, detail: str, done: int | None = None, total: int | None = None) -> None:
        self._terminal.show(self, detail, done, total)
