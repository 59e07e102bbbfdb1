"""Formatting of programs' messages as sentences for people. Pure."""

from typing import Final

_LONGEST: Final = 1000


def last_line(text: str) -> str:
    """Return the last line of a program's output."""
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else ""


def shortened(text: str, longest: int = _LONGEST) -> str:
    """Return a sentence for people: one line, bounded."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 3]}..."
