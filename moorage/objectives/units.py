"""Formatting of figures for people. Bytes are decimal here, as prices are: 1 GB = 1e9 bytes."""

from dataclasses import dataclass
from math import floor, log10

TIGHT = "\u00a0"
"""A space at which no line is broken."""
_SMALL = 0.1


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit of a figure.

    Attributes:
        steps: words, each for a thousand times the one before; none: a figure without a unit.
        small_steps: likewise, up to the first of `steps`: for what is less than a tenth of it.
        is_duration: seconds, told as hours, minutes and seconds.
        is_money: in the currency of the sites' prices.
    """

    steps: tuple[str, ...] = ()
    small_steps: tuple[str, ...] = ()
    is_duration: bool = False
    is_money: bool = False

    def amount(self, value: float, currency: str = "") -> str:
        """Return the figure with its unit; `currency` is the name that the sites give theirs, "" where none does."""
        if self.is_duration:
            return duration(value)
        if self.is_money and currency:
            return f"{plain(value)}{TIGHT}{currency}"
        if self.small_steps and value and abs(value) < _SMALL:
            return _scaled(value * 1000.0 ** (len(self.small_steps) - 1), self.small_steps)
        return _scaled(value, self.steps) if self.steps else plain(value)


def plain(value: float) -> str:
    """Three significant digits, never fewer than the whole ones; two and no exponent down to a millionth."""
    size = abs(value)
    if size >= 100:  # noqa: PLR2004 - three digits
        return f"{value:,.0f}"
    if size >= 1e-3 or not size:  # noqa: PLR2004 - below, zeros hide digits
        return f"{value:.3g}"
    return f"{value:.1e}" if size < 1e-6 else f"{value:.{1 - floor(log10(size))}f}".rstrip("0")  # noqa: PLR2004


def duration(seconds: float) -> str:
    """Format a duration, as `1 h 28 min`, `4 min 10 s` or `2.5 s`."""
    if round(seconds) < 60:  # noqa: PLR2004 - a minute
        return f"{plain(seconds)}{TIGHT}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:  # noqa: PLR2004 - an hour
        return f"{minutes}{TIGHT}min" + (f" {rest}{TIGHT}s" if rest else "")
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,}{TIGHT}h" + (f" {minutes}{TIGHT}min" if minutes else "")


def _scaled(value: float, units: tuple[str, ...]) -> str:
    size, unit = value, units[0]
    for unit in units:
        if abs(size) < 999.5:  # noqa: PLR2004 - rounds to 1000
            break
        if unit != units[-1]:
            size /= 1000
    return f"{plain(size)}{TIGHT}{unit}"
