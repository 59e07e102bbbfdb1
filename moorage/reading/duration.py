"""Durations: a number of seconds, or a number with `s`, `min` or `h`."""

import re
from fractions import Fraction

from moorage.reading.limits import LONGEST_NUMBER, MOST_NUMBER

_SUFFIXES = {"": 1, "s": 1, "min": 60, "h": 3600}
_DURATION = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?)[ ]?(s|min|h)?")
_SHOWN = 40
_MINUTES = re.compile(r"([0-9.]{1,18})m")


def parse_seconds(text: str | float) -> Fraction:
    """The exact seconds of a duration.

    A quantity's suffixes are refused: in `5m` its `m` would be thousandths, and whoever writes it means minutes.

    Raises:
        ValueError: `text` is not a duration.
    """
    if isinstance(text, int) and abs(text) > MOST_NUMBER:  # not even written out: that takes long where it is long
        raise ValueError("a number of seconds that is beyond what can be counted: write a smaller one")
    written = str(text).strip(" ")
    match = _DURATION.fullmatch(written) if len(written) <= LONGEST_NUMBER else None
    if match is None:
        minutes = _MINUTES.fullmatch(written)
        meant = f"; for minutes write {minutes[1]}min" if minutes else ""
        raise ValueError(
            f"{written[:_SHOWN]!r} is not a duration: write seconds, or a number with s, min or h, as 120, 5min or "
            f"1.5h{meant}"
        )
    number, suffix = match.groups()
    return Fraction(number) * _SUFFIXES[suffix or ""]
