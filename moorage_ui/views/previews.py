"""The beginning of what a task wrote, as far as a person can read it: by its content, whatever its name says."""

import csv
import io
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from moorage_ui.views.logs import readable, whole_characters

MOST_BYTES: Final = 256 << 10
"""The limit of what a preview reads of a file."""
MOST_ROWS: Final = 50
MOST_COLUMNS: Final = 40
_MOST_LETTERS: Final = 200
_MOST_LINES: Final = 400
_LINES_ASKED: Final = 20
_DELIMITERS: Final = (",", "\t", ";", "|")
PARQUET: Final = b"PAR1"


@dataclass(frozen=True, slots=True)
class TextPreview:
    """Text as it is. `kind`: what it seems to be, for people."""

    kind: str
    text: str
    whole: bool


@dataclass(frozen=True, slots=True)
class TablePreview:
    """The first rows of a table; `more` says what is not shown."""

    kind: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    more: str = ""


@dataclass(frozen=True, slots=True)
class NoPreview:
    """The reason why there is no preview."""

    reason: str


Preview = TextPreview | TablePreview | NoPreview


def preview(content: bytes, size_bytes: int) -> Preview:  # noqa: PLR0911 - one for each kind
    """Preview a file from its first bytes.

    Args:
        content: the first `MOST_BYTES`, or all.
        size_bytes: how many the file has.
    """
    whole = len(content) >= size_bytes
    if not content:
        return NoPreview("It is empty.")
    if content.startswith(PARQUET):
        return NoPreview("It is a Parquet file.")
    if b"\0" in content[:4096] or not _is_text(content):
        return NoPreview("It is no text, so nothing of it is shown.")
    text = readable(content if whole else whole_characters(content))
    stripped = text.lstrip()
    if stripped.startswith(("{", "[")) and whole and (made := _json(text)) is not None:
        return made
    if stripped.startswith("{") and (lines := _json_lines(text, whole=whole)) is not None:
        return lines
    if (made := _delimited(text, whole=whole)) is not None:
        return made
    kind = "HTML, as its source" if stripped[:200].lower().startswith(("<!doctype html", "<html")) else "text"
    lines_shown = text.split("\n", _MOST_LINES)
    cut = len(lines_shown) > _MOST_LINES
    return TextPreview(kind, "\n".join(lines_shown[:_MOST_LINES]), whole and not cut)


def rows_preview(kind: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], total: int | None) -> TablePreview:
    """Return a table of at most so many rows and columns, whose cells are shortened."""
    shown = [tuple(_cell(value) for value in row[:MOST_COLUMNS]) for row in itertools.islice(rows, MOST_ROWS)]
    told = []
    if total is not None and total > len(shown):
        told.append(f"the first {len(shown)} of {total:,} rows")
    elif total is None and len(shown) == MOST_ROWS:
        told.append(f"the first {len(shown)} rows")
    if len(columns) > MOST_COLUMNS:
        told.append(f"the first {MOST_COLUMNS} of {len(columns):,} columns")
    return TablePreview(kind, tuple(_cell(name) for name in columns[:MOST_COLUMNS]), tuple(shown), ", ".join(told))


def metrics(metadata: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the figures that an artifact's metadata holds, by name; at most forty."""
    found = []
    for name, value in sorted(metadata.items()):
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            continue
        found.append((_cell(name), f"{value:.6g}" if isinstance(value, float) else _cell(value)))
    return found[:MOST_COLUMNS]


def _json(text: str) -> Preview | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, list) and value and all(isinstance(each, Mapping) for each in value[:MOST_ROWS]):
        return _records("JSON", value, len(value))
    told = json.dumps(value, indent=2, ensure_ascii=False)
    lines = told.split("\n", _MOST_LINES)
    return TextPreview("JSON", "\n".join(lines[:_MOST_LINES]), len(lines) <= _MOST_LINES)


def _json_lines(text: str, *, whole: bool) -> Preview | None:
    lines = [line for line in text.split("\n") if line.strip()]
    if not whole:
        lines = lines[:-1]
    if len(lines) < 2:  # noqa: PLR2004 - one line says nothing of lines
        return None
    values = []
    for line in lines[: MOST_ROWS + 1]:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            return None
        if not isinstance(value, Mapping):
            return None
        values.append(value)
    return _records("JSON lines", values, len(lines) if whole else None)


def _records(kind: str, values: Sequence[Any], total: int | None) -> TablePreview:
    records = [each for each in values if isinstance(each, Mapping)][:MOST_ROWS]
    columns = list(dict.fromkeys(str(key) for each in records for key in each))
    return rows_preview(kind, columns, ([each.get(name, "") for name in columns] for each in records), total)


def _delimited(text: str, *, whole: bool) -> Preview | None:
    lines = text.split("\n")
    if not whole:
        lines = lines[:-1]
    lines = [line for line in lines if line]
    asked = lines[:_LINES_ASKED]
    if len(asked) < 2:  # noqa: PLR2004 - a header and a row
        return None
    for delimiter in _DELIMITERS:
        try:
            rows = list(csv.reader(io.StringIO("\n".join(lines[: MOST_ROWS + 1])), delimiter=delimiter))
        except csv.Error:
            continue
        widths = {len(row) for row in rows[: len(asked)]}
        if len(widths) == 1 and widths.pop() > 1:
            kind = {",": "CSV", "\t": "TSV"}.get(delimiter, "delimited text")
            return rows_preview(kind, rows[0], rows[1:], len(lines) - 1 if whole else None)
    return None


def _is_text(content: bytes) -> bool:
    try:
        whole_characters(content).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _cell(value: Any) -> str:  # noqa: ANN401 - of any table
    told = (
        "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    )
    return told if len(told) <= _MOST_LETTERS else f"{told[: _MOST_LETTERS - 1]}…"
