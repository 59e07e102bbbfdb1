"""Logs as readable text: colours are dropped, and a progress bar becomes its last state. Pure."""

import re
from typing import Final

_SEQUENCES: Final = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # colours, cursor
    r"|\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # titles, links
    r"|[PX^_][^\x1b]*(?:\x1b\\)?"  # strings for devices
    r"|[ -/]*[0-~])"
)
_OBEYED: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_LONGEST_SEQUENCE: Final = 3


def readable(content: bytes) -> str:
    """Return the text. Colour codes are left out, and what else a terminal would obey is shown as an escape."""
    text = content.decode("utf-8", "replace").replace("\r\n", "\n")
    text = _SEQUENCES.sub("", text)
    if "\r" in text:
        text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return _OBEYED.sub(lambda found: f"\\x{ord(found[0]):02x}" if ord(found[0]) < 0x100 else "", text)  # noqa: PLR2004


def whole_characters(content: bytes) -> bytes:
    """Return the bytes without a character at the end of which more are to come."""
    for back in range(1, min(_LONGEST_SEQUENCE, len(content)) + 1):
        byte = content[-back]
        if byte & 0xC0 == 0x80:  # noqa: PLR2004 - goes on
            continue
        needed = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1  # noqa: PLR2004
        return content[:-back] if needed > back else content
    return content


def last_lines(content: bytes) -> bytes:
    """Drop the partial first line of a piece of text."""
    _, found, rest = content.partition(b"\n")
    return rest if found else content
