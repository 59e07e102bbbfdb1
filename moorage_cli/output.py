"""How results look: tables for people, plain columns for pipes, JSON, YAML and names for programs.

What is printed was written by anybody: a column's name in a file, a message in a status, a label. A terminal obeys
escapes in it, so all text goes out through here, and what would be obeyed is shown instead (ruff forbids `click.echo`
elsewhere). Rich gets no markup: cells are `Text`.
"""

import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import click
import orjson
import yaml

Function = TypeVar("Function", bound=Callable[..., Any])
Row = Sequence[str]

MISSING = "-"
_NARROWEST = 40
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def output_option(*formats: str) -> Callable[[Function], Function]:
    """Add -o with these formats; the first is the default."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="How to print the result.",
    )


def table(header: Row, rows: Sequence[Row]) -> None:
    """Print a table: coloured and fitted to the window on a terminal, aligned columns in full length elsewhere."""
    if sys.stdout.isatty():
        _rich_table(header, rows)
        return
    header, rows = printable_row(header), [printable_row(row) for row in rows]
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    for row in [header, *rows]:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


# Control characters, what turns the direction of writing, other ends of lines, and halves of characters.
_OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


_OBEYED_IN_LOGS = re.compile(_OBEYED.pattern.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f", 1))
_COLOURS = re.compile("\x1b\\[[0-9;:]*m")


def printable(text: str) -> str:
    """The text on one line, with what a terminal would obey written as an escape."""
    return _OBEYED.sub(_escape, text)


def write_printed(content: bytes) -> None:
    """Write what a program printed: as it is into a pipe or a file, without what a terminal would obey on one."""
    if not content:
        return
    if sys.stdout.isatty():
        text = content.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
        sys.stdout.write(_OBEYED_IN_LOGS.sub(_escape, _COLOURS.sub("", text)))
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
    sys.stdout.flush()


def printable_row(row: Row) -> Row:
    """All cells of a row."""
    return [printable(cell) for cell in row]


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 - two digits or four


def say(text: str = "", *, err: bool = False) -> None:
    """Print a line, or several; on stderr with `err`."""
    click.echo("\n".join(printable(each) for each in text.split("\n")), err=err)


def _rich_table(header: Row, rows: Sequence[Row]) -> None:
    from rich.console import Console  # noqa: PLC0415 - a tenth of a second that pipes and completion do not pay
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    if _is_squeezed(header, rows):
        _stack(header, rows)
        return
    shown = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    folds = False
    for name in header:
        folds = folds or name in _FOLDED
        shown.add_column(name, overflow="fold", no_wrap=name not in _FOLDED)
    for row in rows:
        shown.add_row(*(Text(printable(cell), style=_style(cell)) for cell in row))
    # Names and numbers are never folded nor cut: what does not fit is the terminal's to wrap, as with kubectl.
    Console(width=None if folds else _WIDEST).print(shown)


def _is_squeezed(header: Row, rows: Sequence[Row]) -> bool:
    """Whether sentences would stand in a column of single words, or have no room at all."""
    kept = [column for column, name in enumerate(header) if name not in _FOLDED]
    if len(kept) == len(header):
        return False
    used = sum(max(len(printable(row[column])) for row in [header, *rows]) + 2 for column in kept)
    needed = max((len(row[column]) for row in rows for column in range(len(header)) if column not in kept), default=0)
    return shutil.get_terminal_size().columns - used < min(needed, _LEAST_SENTENCE)


def _stack(header: Row, rows: Sequence[Row]) -> None:
    """Each row, and its sentences below it, as wide as the window: names are never cut, and sentences neither."""
    kept = [column for column, name in enumerate(header) if name not in _FOLDED]
    told = [[printable(row[column]) for column in kept] for row in [header, *rows]]
    widths = [max(len(row[place]) for row in told) for place in range(len(kept))]
    window = max(_NARROWEST, shutil.get_terminal_size().columns)
    for number, cells in enumerate(told):
        styled = [
            click.style(cell.ljust(width), bold=not number, fg=_style(cell) or None)
            for cell, width in zip(cells, widths, strict=True)
        ]
        click.echo("  ".join(styled))
        for column, cell in enumerate(rows[number - 1] if number else header):
            if column not in kept and cell:
                text = textwrap.fill(printable(cell), window, initial_indent="    ", subsequent_indent="    ")
                click.echo(click.style(text, bold=not number))


_FOLDED = {"WHERE", "MESSAGE"}
_LEAST_SENTENCE = 30
_WIDEST = 10_000
_GOOD = {"allowed", "True", "Listed"}


def _style(cell: str) -> str:
    if cell in _GOOD:
        return "green"
    return "red" if cell.startswith(("False", "refused")) else ""


def title(text: str) -> None:
    """Print a heading."""
    begun, name = ("\n", text[1:]) if text.startswith("\n") else ("", text)
    name = printable(name)
    click.echo(begun + (click.style(name, bold=True) if sys.stdout.isatty() else name))


def sentence(text: str) -> None:
    """Print a sentence: wrapped to the window on a terminal, one line elsewhere."""
    text = printable(text)
    if sys.stdout.isatty():
        width = max(_NARROWEST, shutil.get_terminal_size().columns)
        text = textwrap.fill(text, width, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)
    click.echo(text)


def pairs(entries: Sequence[tuple[str, str]], indent: str = "  ") -> None:
    """Print names and values, the values aligned."""
    width = max((len(name) for name, _ in entries), default=0)
    for name, value in entries:
        click.echo(f"{indent}{printable(name).ljust(width)}  {printable(value)}")


def document(body: object, form: str) -> None:
    """Print as `json` or `yaml`."""
    if form == "json":
        text = orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()
        # What JSON itself leaves unescaped stands in strings only, where this means the same.
        click.echo("\n".join(_OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", each) for each in text.split("\n")))
    else:
        text = yaml.safe_dump(body, sort_keys=False, allow_unicode=True, width=120)
        if _OBEYED.search(text.replace("\n", "")):
            text = yaml.safe_dump(body, sort_keys=False, allow_unicode=False, width=120)
        click.echo(text, nl=False)


def listed(items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Raw objects as one List, as kubectl prints several."""
    return {"apiVersion": "v1", "kind": "List", "items": list(items)}


def age(timestamp: str | None, now: datetime) -> str:
    """How long ago an RFC 3339 timestamp was, as kubectl shows it: 5s, 3m, 7h, 12d."""
    if not timestamp:
        return MISSING
    seconds = max(0, int((now - datetime.fromisoformat(timestamp).astimezone(UTC)).total_seconds()))
    for limit, unit, name in ((2 * _MINUTE, 1, "s"), (2 * _HOUR, _MINUTE, "m"), (2 * _DAY, _HOUR, "h")):
        if seconds < limit:
            return f"{seconds // unit}{name}"
    return f"{seconds // _DAY}d"
