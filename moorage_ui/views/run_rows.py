"""Runs as a list shows them, from the API server's own table: names, printer columns, and no specs."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moorage.runs import RunPhase
from moorage_ui.views.raw import items, mapping, text

_UNDER_WAY = ("Planning", "AwaitingApproval", "Running", "Cancelling")


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run in the list of runs.

    Attributes:
        phase: `Planning` where the hub has not looked at it yet.
        groups: as `2/3`.
        objective, cost, currency: of the plan.
        created: RFC 3339.
    """

    namespace: str
    name: str
    phase: str
    groups: str
    objective: str
    cost: str
    currency: str
    created: str
    message: str

    @property
    def under_way(self) -> bool:
        """Whether it has not ended."""
        return self.phase in _UNDER_WAY

    @property
    def groups_done(self) -> tuple[int, int]:
        """The number of groups that succeeded, and of all groups."""
        done, _, total = self.groups.partition("/")
        return (int(done), int(total)) if done.isdecimal() and total.isdecimal() else (0, 0)


def read_rows(table: Mapping[str, Any]) -> list[RunRow]:
    """Read the rows of a Table with the objects' metadata."""
    columns = [text(each.get("name")) for each in items(table.get("columnDefinitions"))]
    return [_row(columns, row) for row in items(table.get("rows"))]


def _row(columns: Sequence[str], row: Mapping[str, Any]) -> RunRow:
    cells = dict(zip(columns, row.get("cells") or (), strict=False))
    metadata = mapping(mapping(row.get("object")).get("metadata"))
    phase = text(cells.get("Phase"), 40)
    return RunRow(
        namespace=text(metadata.get("namespace")),
        name=text(metadata.get("name")) or text(cells.get("Name")),
        phase=phase if phase in set(RunPhase) else RunPhase.PLANNING.value,
        groups=text(cells.get("Groups"), 40),
        objective=text(cells.get("Objective"), 80),
        cost=text(cells.get("Cost"), 40),
        currency=text(cells.get("Currency"), 3),
        created=text(metadata.get("creationTimestamp"), 40),
        message=text(cells.get("Message"), 300),
    )


@dataclass(frozen=True, slots=True)
class RunList:
    """The list of runs that a page shows.

    Attributes:
        rows: the newest first, those that match.
        counts: how many there are in each phase, of those that match by name.
        total: how many match in all, of which `rows` are the newest.
    """

    rows: tuple[RunRow, ...]
    counts: Mapping[str, int]
    total: int


def choose(rows: Iterable[RunRow], phase: str, words: str, most: int) -> RunList:
    """Return the rows that a person asks for.

    Args:
        rows: all.
        phase: only these; "": all; `active`: those that have not ended.
        words: in name, namespace or message.
        most: that are shown.
    """
    wanted = words.lower()
    named = [row for row in rows if wanted in f"{row.namespace}/{row.name} {row.message}".lower()]
    counts = Counter(row.phase for row in named)
    chosen = [row for row in named if not phase or row.phase == phase or (phase == "active" and row.under_way)]
    chosen.sort(key=lambda row: (row.created, row.namespace, row.name), reverse=True)
    return RunList(tuple(chosen[:most]), counts, len(chosen))
