"""The lines of one chain, one after the other."""

from collections.abc import Callable
from datetime import UTC, datetime

from moorage.evidence.line import NOTHING_BEFORE, Event, Line, Link, What, make_line


def chain_name(begun: datetime, random: bytes) -> str:
    """Return a chain's name: when it began, so that names are in order, and six random bytes.

    Args:
        begun: in UTC.
        random: at least six bytes.
    """
    return f"{begun:%Y%m%dT%H%M%SZ}-{random[:6].hex()}"


class Chain:
    """A chain of lines. Its first one is `begun`; nothing comes after `ended`.

    Args:
        component: whose chain it is, as `broker`.
        name: the name of the chain, as `chain_name` makes it.
        now: the time, in UTC.
    """

    def __init__(self, component: str, name: str, now: Callable[[], datetime]) -> None:
        self._last = Link(component, name, -1, NOTHING_BEFORE)
        self._now = now

    @property
    def head(self) -> Link | None:
        """Its last line; None before the first."""
        return self._last if self._last.sequence >= 0 else None

    @property
    def name(self) -> str:
        """The name of the chain."""
        return self._last.chain

    def begin(self, before: tuple[Link, ...]) -> Line:
        """Return the first line, which names the heads of the chains before it."""
        return self.append(Event(what=What.BEGUN, chains=before))

    def append(self, event: Event) -> Line:
        """Return the next line."""
        last = self._last
        place = Link(last.component, last.chain, last.sequence + 1, "")
        time = self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        line = make_line(place, last.hash, time, event)
        self._last = line.link
        return line
