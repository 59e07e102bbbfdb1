"""When what a run left is deleted. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from moorage.wire.schedules import read_time
from pipeline_executor.hub.state import RunState


@dataclass(frozen=True, slots=True)
class Expiry:
    """When what is deleted; None: never, or already.

    Attributes:
        stores: what lies in the stores.
        run: the StretchedPipeline. It outlives what it says where that lies.
    """

    stores: datetime | None = None
    run: datetime | None = None

    def next(self) -> datetime | None:
        """What comes first."""
        return min((each for each in (self.stores, self.run) if each is not None), default=None)


def expiry_of(spec: Mapping[str, Any], state: RunState) -> Expiry:
    """When what a run left is deleted.

    Args:
        spec: the raw spec: `retention.days` and `ttlSecondsAfterFinished`, which the API server has checked.
        state: the run's status.
    """
    ended = read_time(state.end)
    if ended is None or state.phase is None or not state.phase.is_final or not (state.reported or state.plan is None):
        return Expiry()
    days, ttl_seconds = (spec.get("retention") or {}).get("days"), spec.get("ttlSecondsAfterFinished")
    stores = None
    if isinstance(days, int) and not state.expired and state.plan is not None:
        stores = ended + timedelta(days=days)
    if not isinstance(ttl_seconds, int):
        return Expiry(stores)
    gone = ended + timedelta(seconds=ttl_seconds)
    return Expiry(stores, gone if stores is None else max(gone, stores))
