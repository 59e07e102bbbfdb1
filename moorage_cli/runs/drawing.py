"""A run as a picture: a tree in colours that fits the window on a terminal, plain lines elsewhere."""

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from moorage_cli.output import printable, say
from moorage_cli.runs.telling import Line, Status, bar, folded, summary, tree, waits_for

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_BAR_WIDTH = 30
_LINES_BESIDE = 6
"""Beside the tree: the summary, the bar, what waits, and a line for the prompt."""


def print_picture(name: str, status: Status) -> None:
    """Print a run as it is now."""
    if sys.stdout.isatty():
        from rich.console import Console  # noqa: PLC0415 - a tenth of a second that pipes do not pay

        console = Console()
        console.print(picture(name, status, console, fit=False))
        return
    now = datetime.now(tz=UTC)
    say(summary(name, status, now))
    for line in tree(status, now):
        say("  ".join(part for part in (_text(line), line.took, line.note) if part))
    for sentence in sentences(status):
        say(sentence)


def picture(name: str, status: Status, console: "Console", *, fit: bool) -> "Text":
    """What a terminal shows.

    Args:
        name: the run's.
        status: the run's.
        console: where it is shown.
        fit: whether it must fit into the window, so that it can be drawn over.
    """
    from rich.text import Text  # noqa: PLC0415 - as above

    now = datetime.now(tz=UTC)
    shown = Text()
    shown.append(f"{printable(summary(name, status, now))}\n", style="bold")
    done, rest = bar(status, min(_BAR_WIDTH, console.width // 3))
    if done or rest:
        shown.append("  ")
        shown.append(done, style="green")
        shown.append(rest, style="bright_black")
        shown.append(f" {100 * len(done) // len(done + rest)} % crossed\n", style="dim")
    lines = tree(status, now)
    for line in folded(lines, max(console.height - _LINES_BESIDE, 4)) if fit else lines:
        shown.append_text(_drawn(line, console.width if fit else 0))
    for sentence in sentences(status):
        shown.append(f"{printable(sentence)}\n")
    shown.rstrip()
    return shown


def sentences(status: Status) -> list[str]:
    """What stands below the tree: the run's message, and what a person has to do."""
    return [sentence for sentence in (str(status.get("message") or ""), waits_for(status)) if sentence]


def _text(line: Line) -> str:
    return f"{'  ' * (line.depth + 1)}{line.mark} {line.text}"


def _drawn(line: Line, width: int) -> "Text":
    """One line; cut to the width where one is given."""
    from rich.text import Text  # noqa: PLC0415 - as above

    drawn = Text("  " * (line.depth + 1))
    drawn.append(f"{line.mark} ", style=line.style)
    drawn.append(printable(line.text))
    if line.took:
        drawn.append(f"  {line.took}", style="cyan")
    if line.note:
        drawn.append(f"  {printable(line.note)}", style="dim")
    if width:
        drawn.truncate(width - 1, overflow="ellipsis")
    drawn.append("\n")
    return drawn
