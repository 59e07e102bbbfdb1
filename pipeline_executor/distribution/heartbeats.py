"""Whether a spoke is alive, from the Lease that it renews. Pure: whoever asks tells the time.

Only that the Lease changes counts, and by the hub's own clock: two clusters' clocks need not agree.
"""

from dataclasses import dataclass

from moorage.runs.pipelines import SPOKE_LEASE_RENEW_SECONDS

SILENT_AFTER_SECONDS = 4.0 * SPOKE_LEASE_RENEW_SECONDS
"""A spoke that misses fewer renewals is busy, not silent."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What was seen of one spoke's Lease.

    Attributes:
        renewed: its renewTime, as it was written; "" where no Lease was seen.
        seen_at: when that was seen first, in the clock's seconds.
    """

    renewed: str = ""
    seen_at: float = 0.0

    def heard(self, renewed: str, now: float) -> "Heartbeat":
        """What is known after the Lease was seen with this renewTime."""
        return self if renewed == self.renewed else Heartbeat(renewed, now)

    def since(self, moment: float) -> "Heartbeat":
        """What is known where nothing at all could be seen before that moment."""
        return self if moment <= self.seen_at else Heartbeat(self.renewed, moment)

    def silent_seconds(self, now: float) -> float:
        """How long the spoke has said nothing; 0.0 where that is no time at all, or none was ever seen."""
        silent = now - self.seen_at
        return silent if self.renewed and silent > SILENT_AFTER_SECONDS else 0.0
