"""Liveness of a spoke, from the Lease that it renews. Pure: the caller passes the time.

Only that the Lease changes counts, and by the hub's own clock: two clusters' clocks need not agree.
"""

from dataclasses import dataclass

from moorage.runs.pipelines import SPOKE_LEASE_RENEW_SECONDS

SILENT_AFTER_SECONDS = 4.0 * SPOKE_LEASE_RENEW_SECONDS
"""A spoke that misses fewer renewals is busy, not silent."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The last renewal seen of one spoke's Lease.

    Attributes:
        renewed: its renewTime, as it was written; "" where no Lease was seen.
        seen_at: when that was seen first, in the clock's seconds.
    """

    renewed: str = ""
    seen_at: float = 0.0

    def heard(self, renewed: str, now: float) -> "Heartbeat":
        """Return the heartbeat after the Lease was seen with this renewTime."""
        return self if renewed == self.renewed else Heartbeat(renewed, now)

    def since(self, moment: float) -> "Heartbeat":
        """Return the heartbeat after a time before which nothing could be seen."""
        return self if moment <= self.seen_at else Heartbeat(self.renewed, moment)

    def silent_seconds(self, now: float) -> float:
        """Return the seconds of the spoke's silence; 0.0 where it is short, or no renewal was ever seen."""
        silent = now - self.seen_at
        return silent if self.renewed and silent > SILENT_AFTER_SECONDS else 0.0
