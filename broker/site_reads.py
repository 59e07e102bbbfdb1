"""Counts of the recent grants of a dataset at each site, from which nodes estimate further reads.

Kept in memory: a broker that restarts, and each replica for itself, knows of fewer. Then nodes copy later, and nothing
else.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from moorage.locality.filling import HORIZON_SECONDS
from moorage.model import DatasetRef

MOST_PAIRS: Final = 8_192
"""Datasets at sites; those that were read longest ago are forgotten first."""
MOST_READS: Final = 64
"""The most reads that are counted of one dataset; more would change no decision."""


class SiteReads:
    """Pods by dataset and site, each once however often it is asked for.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._pods: OrderedDict[tuple[DatasetRef, str], OrderedDict[str, float]] = OrderedDict()

    def note(self, ref: DatasetRef, site: str, pod_uid: str) -> int:
        """Count a grant of the dataset at the site, and return how many others were within the horizon."""
        now = self._clock()
        pods = self._pods.setdefault((ref, site), OrderedDict())
        self._pods.move_to_end((ref, site))
        while pods and next(iter(pods.values())) <= now - HORIZON_SECONDS:
            pods.popitem(last=False)
        pods.setdefault(pod_uid, now)
        while len(pods) > MOST_READS:
            pods.popitem(last=False)
        while len(self._pods) > MOST_PAIRS:
            self._pods.popitem(last=False)
        return len(pods) - 1
