"""Lines out of files: batches as a store keeps them, or the log of a component, which has other lines too.

A component's log has a line of evidence under `audit`, within what every log line has (time, level, message). Only
that part is evidence.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from moorage.evidence.line import canonical
from moorage.evidence.verifying import Entry

_LOOKED_AT: Final = 100


def entries_of(name: str, lines: Iterable[bytes]) -> Iterator[Entry]:
    """Yield the entries to verify in a file: some lines of a component's log, all lines of any other file.

    Args:
        name: the name of the file, for messages.
        lines: with or without their ends.
    """
    stream = iter(lines)
    beginning = list(islice(stream, _LOOKED_AT))
    read = _logged if _is_log(beginning) else _plain
    for number, line in enumerate((each for part in (beginning, stream) for each in part), 1):
        raw = read(line.rstrip(b"\n"))
        if raw is not None:
            yield Entry(f"{name}:{number}", raw)


def stored_entries(key: str, content: bytes) -> Iterator[Entry]:
    """Yield the entries to verify in an object of a store: every line."""
    for number, line in enumerate(content.split(b"\n"), 1):
        if line:
            yield Entry(f"{key}:{number}", line)


def _is_log(lines: Sequence[bytes]) -> bool:
    return any(isinstance(document := _document(line), dict) and "logger" in document for line in lines)


def _plain(line: bytes) -> bytes | None:
    return line or None


def _logged(line: bytes) -> bytes | None:
    document = _document(line)
    audit = document.get("audit") if isinstance(document, dict) else None
    return canonical(audit) if isinstance(audit, dict) and "chain" in audit else None


def _document(line: bytes) -> object:
    # kubectl's --prefix and --timestamps stand before the line.
    start = line.find(b"{")
    try:
        return json.loads(line[start:]) if start >= 0 else None
    except (ValueError, RecursionError):
        return None
