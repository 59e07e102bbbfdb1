"""Filters for lines of evidence."""

from dataclasses import dataclass

from moorage.evidence.line import Line, What

_OF_CHAINS = frozenset({What.BEGUN, What.LINKED, What.SEALED, What.ENDED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A filter for lines; a field that is None matches all.

    Attributes:
        dataset: `namespace/name`.
        pod: likewise.
        run: `namespace/name`.
        since: RFC 3339, UTC, with milliseconds: not before.
        chains: whether lines about chains themselves are wanted too.
    """

    dataset: str | None = None
    pod: str | None = None
    run: str | None = None
    since: str | None = None
    chains: bool = False

    def __call__(self, line: Line) -> bool:
        """Return whether the line matches."""
        event = line.event
        return (
            (self.chains or event.what not in _OF_CHAINS)
            and self.dataset in {None, event.dataset}
            and self.pod in {None, event.pod}
            and (self.run is None or (event.run or "").startswith(f"{self.run}/"))
            and (self.since is None or line.time >= self.since)
        )
