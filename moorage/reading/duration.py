"""Durations: a number of seconds, or a number with `s`, `min` or `h`."""

import re
from fractions import Fraction

from moorage.reading.limits import LONGEST_NUMBER, MOST_NUMBER

_SUFFIXES = {"": Fraction(1), "s": Fraction(1), "min": Fraction(60), "h": Fraction(3600)}
_KUBECTL_SUFFIXES = {**_SUFFIXES, "m": Fraction(60), "ms": Fraction(1, 1000)}
_DURATION = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?)[ ]?(ms|s|min|m|h)?")
_SHOWN = 40
_MINUTES = re.compile(r"([0-9.]{1,18})m")


def parse_seconds(text: str | float, *, as_kubectl: bool = False) -> Fraction:
    """Read the exact seconds of a duration.

    Args:
        text: as somebody wrote it.
        as_kubectl: `5m` are five minutes, as with kubectl's own options, and `ms` is known. Beside quantities they are
            refused: there `m` means thousandths, and whoever writes `5m` means minutes.

    Raises:
        ValueError: `text` is not a duration.
    """
    if isinstance(text, int) and abs(text) > MOST_NUMBER:  # not even written out: that takes long where it is long
        raise ValueError("a number of seconds that is too large: write a smaller one")
    written = str(text).strip(" ")
    match = _DURATION.fullmatch(written) if len(written) <= LONGEST_NUMBER else None
    suffixes = _KUBECTL_SUFFIXES if as_kubectl else _SUFFIXES
    if match is None or (match[2] or "") not in suffixes:
        if as_kubectl:
            raise ValueError(f"{written[:_SHOWN]!r} is not a duration: write 30s, 5m or 1h")
        minutes = _MINUTES.fullmatch(written)
        meant = f"; for minutes write {minutes[1]}min" if minutes else ""
        raise ValueError(
            f"{written[:_SHOWN]!r} is not a duration: write seconds, or a number with s, min or h, such as 120, 5min "
            f"or 1.5h{meant}"
        )
    number, suffix = match.groups()
    return Fraction(number) * suffixes[suffix or ""]
