"""Kubernetes quantities: `12Gi`, `125M`, `500m`, `1e3`."""

import re
from fractions import Fraction

from moorage.reading.limits import LONGEST_NUMBER, MOST_NUMBER

_SUFFIXES = {
    "": Fraction(1),
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "k": Fraction(10**3),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
    "T": Fraction(10**12),
    "P": Fraction(10**15),
    "E": Fraction(10**18),
    "Ki": Fraction(2**10),
    "Mi": Fraction(2**20),
    "Gi": Fraction(2**30),
    "Ti": Fraction(2**40),
    "Pi": Fraction(2**50),
    "Ei": Fraction(2**60),
}
_QUANTITY = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:([eE][+-]?[0-9]{1,3})|(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]))?")

_TOO_MUCH = "is too large: write at most 9223372036854775807, which is just below 8Ei"


def parse_quantity(text: str | float) -> Fraction:
    """Read the exact value of a quantity.

    Raises:
        ValueError: `text` is not a quantity, or larger than the API can hold.
    """
    if isinstance(text, int) and abs(text) > MOST_NUMBER:  # not even written out: that takes long where it is long
        raise ValueError(f"a number {_TOO_MUCH}")
    written = str(text).strip()
    match = _QUANTITY.fullmatch(written) if len(written) <= LONGEST_NUMBER else None
    if match is None:
        shown = written if len(written) <= LONGEST_NUMBER else f"{written[:LONGEST_NUMBER]}..."
        raise ValueError(
            f"{shown!r} is not a quantity: write a number with an optional suffix, such as 500m, 125M or 12Gi, with at "
            f"most {LONGEST_NUMBER} characters"
        )
    number, exponent, suffix = match.groups()
    value = Fraction(number + exponent) if exponent else Fraction(number) * _SUFFIXES[suffix or ""]
    if abs(value) > MOST_NUMBER:
        raise ValueError(f"{written!r} {_TOO_MUCH}")
    return value


def format_memory(size_bytes: int) -> str:
    """Format bytes for people in binary units: `1.2 GiB`, three significant digits."""
    size = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if size < 1024:  # noqa: PLR2004 - the ratio of two binary units
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.3g} {unit}"
        size /= 1024
    return f"{size:.3g} PiB"
