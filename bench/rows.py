"""Results of measurements, as rows of one table."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        what: what was measured.
        value: as a person reads it, with its unit.
        against: what it stands beside, measured in the same run.
        aim: what we want; empty where there is no aim.
        met: whether it was met; None where there is no aim.
    """

    what: str
    value: str
    against: str = ""
    aim: str = ""
    met: bool | None = None


Measurement = Callable[[], Iterable[Row]]


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which that share of `values` lies."""
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[round(share * 100) - 1]


def table(rows: Iterable[Row]) -> str:
    """Format the rows as a Markdown table."""
    lines = ["| what | measured | beside, in the same run | aim | met |", "|---|---|---|---|---|"]
    for row in rows:
        met = "" if row.met is None else "yes" if row.met else "**no**"
        lines.append(f"| {row.what} | {row.value} | {row.against} | {row.aim} | {met} |")
    return "\n".join(lines)
