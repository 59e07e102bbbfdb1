"""Findings about lines of evidence, as values."""

from dataclasses import dataclass
from enum import StrEnum


class Problem(StrEnum):
    """The kinds of findings."""

    ALTERED = "Altered"
    REMOVED = "Removed"
    REORDERED = "Reordered"
    DOUBLED = "Doubled"
    FORKED = "Forked"
    TRUNCATED = "Truncated"
    FOREIGN_HEAD = "ForeignHead"
    UNSEALED = "Unsealed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        place: where it was seen: a file and a line of it, an object of a store, a head.
        chain: as `component/chain`; "" where that can't be told.
        message: a sentence without its end.
    """

    problem: Problem
    place: str
    chain: str
    message: str


@dataclass(frozen=True, slots=True)
class ChainSummary:
    """A summary of the lines read of one chain.

    Attributes:
        name: as `component/chain`.
        lines: the number of lines.
        first: the sequence number of its first line.
        last: that of its last.
        sealed_to: up to which line a trusted seal or head goes; None: up to none.
        begun: the time of its first line.
        latest: the time of its last one.
        ended: whether its process ended in order.
    """

    name: str
    lines: int
    first: int
    last: int
    sealed_to: int | None
    begun: str
    latest: str
    ended: bool


@dataclass(frozen=True, slots=True)
class Report:
    """The findings of a verification; nothing is wrong where `findings` is empty."""

    findings: tuple[Finding, ...]
    chains: tuple[ChainSummary, ...]
