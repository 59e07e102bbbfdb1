"""The allowance of one look at a catalogue, over all of its answers together. Pure."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from moorage.errors import SourceError
from moorage.sources.reasons import Reason

_MIB = 1024 * 1024


@dataclass(slots=True)
class Allowance:
    """The rest of an allowance; a reader takes from it before it holds anything.

    A catalogue chooses how long its answers are and how many of them a table takes, so a bound on each answer alone is
    none on all of them.

    Attributes:
        subject: the table, for messages.
        sent_bytes: that may still come.
        values: that may still come, wanted or not: they cost time.
        held_bytes: that may still be held in memory, in the size that Python needs.
    """

    subject: str
    sent_bytes: int = 256 * _MIB
    values: int = 8_000_000
    held_bytes: int = 16 * _MIB

    def take(self, *, sent_bytes: int = 0, values: int = 0, held_bytes: int = 0) -> None:
        """Take some of it.

        Raises:
            SourceError: ListTooLarge, there is not so much left.
        """
        self.sent_bytes -= sent_bytes
        self.values -= values
        self.held_bytes -= held_bytes
        if self.sent_bytes < 0 or self.values < 0 or self.held_bytes < 0:
            problem = "its partitions, columns and locations together are more than one look may take"
            remedy = "split the table, or give its folder as s3"
            raise SourceError(Reason.LIST_TOO_LARGE, f"{self.subject}: {problem}: {remedy}")

    @contextmanager
    def for_a_while(self) -> Iterator[None]:
        """Release at the end of the block what is held within it."""
        before = self.held_bytes
        try:
            yield
        finally:
            self.held_bytes = before
