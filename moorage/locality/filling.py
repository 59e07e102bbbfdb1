"""Whether a node should fill its cache with a dataset's version. Pure.

The same cost model as the node score: seconds that bytes take to come. A fill is worth it when it saves the expected
readers more seconds than it costs.
"""

from bisect import bisect_left
from dataclasses import dataclass
from enum import StrEnum

from moorage.caching import CacheMode
from moorage.locality.bringing import best_way, dataset_bytes
from moorage.model import Dataset
from moorage.sites import Inventory

NODE_DISK_BYTES_PER_SECOND = 1e9
HORIZON_SECONDS = 24 * 3600.0
"""How far ahead reads are expected, and how far back they are counted."""


class FillRule(StrEnum):
    """What decided: the first that applies."""

    NOTHING_MISSING = "NothingMissing"
    MODE_NONE = "ModeNone"
    NO_SOURCE = "NoSource"
    ASKED_FOR = "AskedFor"
    MODE_ALWAYS = "ModeAlways"
    PAYS = "Pays"
    DOES_NOT_PAY = "DoesNotPay"


@dataclass(frozen=True, slots=True, kw_only=True)
class Readers:
    """What is known of those who read a dataset from one node.

    Attributes:
        seen_reads: whole-dataset reads seen within the last horizon, the reader that asks not counted.
        expected_reads: reads expected within the next horizon beside it; never counted as fewer than were seen.
        share_read: of the bytes, what a reader reads: 0 to 1; 1 where it was not measured.
        whole_files: a reader reads whole files anyway, and what it reads is kept: the fill brings nothing twice.
        asked: a pod says `useas: cache`.
    """

    seen_reads: float = 0.0
    expected_reads: float = 0.0
    share_read: float = 1.0
    whole_files: bool = False
    asked: bool = False

    @property
    def reads(self) -> float:
        """r: the whole-dataset reads that a fill is for."""
        return max(self.seen_reads, self.expected_reads)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bringing:
    """What the missing bytes take, one way and the other.

    Attributes:
        missing_bytes: of the current version, not on the node.
        far_seconds: W: over the best permitted way; None where there is no usable source.
        disk_seconds: L: from the node's own disk.
    """

    missing_bytes: int
    far_seconds: float | None
    disk_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FillDecision:
    """Whether to fill, why, and the figures behind it.

    Attributes:
        saves_seconds: what the expected readers would save.
        costs_seconds: what the fill costs.
    """

    fill: bool
    rule: FillRule
    bringing: Bringing
    readers: Readers
    saves_seconds: float
    costs_seconds: float

    @property
    def message(self) -> str:
        """One sentence for people."""
        match self.rule:
            case FillRule.NOTHING_MISSING:
                return "The node holds every byte of this version."
            case FillRule.MODE_NONE:
                return "The Dataset forbids caches (spec.cache.mode: none)."
            case FillRule.NO_SOURCE:
                return "No usable source could fill a cache."
            case FillRule.ASKED_FOR:
                return "A pod asks for a cache (useas: cache)."
            case FillRule.MODE_ALWAYS:
                return "The Dataset asks for caches (spec.cache.mode: always)."
            case FillRule.PAYS | FillRule.DOES_NOT_PAY:
                return self._weighed()

    def _weighed(self) -> str:
        reads = f"{self.readers.reads:g} more read{'' if self.readers.reads == 1 else 's'} expected"
        figures = f"{reads}, saving {self.saves_seconds:.3g} s for a fill of {self.costs_seconds:.3g} s"
        return f"A cache {'pays' if self.fill else 'does not pay'} on this node: {figures}."


def bringing(  # noqa: PLR0913 - what a way depends on is that much
    dataset: Dataset,
    site_name: str,
    held_bytes: int,
    inventory: Inventory,
    *,
    site_cache: bool = False,
    disk_bytes_per_second: float = NODE_DISK_BYTES_PER_SECOND,
) -> Bringing:
    """What is missing at a node of the site, and what bringing and reading it takes.

    Args:
        dataset: its size is assumed where it is not known, as for the node score.
        site_name: the node's.
        held_bytes: of the current version, on the node.
        inventory: the Sites.
        site_cache: another node of the site holds the whole version.
        disk_bytes_per_second: of the node's disk, where it was measured.
    """
    missing = max(0, dataset_bytes(dataset) - held_bytes)
    way = best_way(dataset, site_name, missing, inventory, site_cache=site_cache)
    return Bringing(
        missing_bytes=missing,
        far_seconds=None if way is None else way.seconds,
        disk_seconds=missing / disk_bytes_per_second,
    )


def decide_fill(mode: CacheMode, brought: Bringing, readers: Readers) -> FillDecision:
    """Whether to fill a node's cache with what is missing of a version."""
    far_seconds = brought.far_seconds or 0.0
    saves = _saved_seconds(readers.reads, readers.share_read, far_seconds - brought.disk_seconds)
    costs = 0.0 if readers.whole_files else far_seconds
    rule = _rule(mode, brought, readers, pays=saves > costs)
    return FillDecision(
        fill=rule in {FillRule.ASKED_FOR, FillRule.MODE_ALWAYS, FillRule.PAYS},
        rule=rule,
        bringing=brought,
        readers=readers,
        saves_seconds=saves,
        costs_seconds=costs,
    )


def reads_that_pay(brought: Bringing, readers: Readers) -> int | None:
    """The least whole-dataset reads for which a fill is worth it; None where none are enough.

    Args:
        brought: what the missing bytes take.
        readers: how they read; the reads themselves do not count.
    """
    if brought.far_seconds is None:
        return None
    less_seconds = brought.far_seconds - brought.disk_seconds
    if readers.share_read * less_seconds <= 0:
        return None
    costs = 0.0 if readers.whole_files else brought.far_seconds

    def pays(reads: int) -> bool:
        return _saved_seconds(reads, readers.share_read, less_seconds) > costs

    # Not by a division: where the two are nearly equal, its rounding is another than that of the decision.
    most = 1
    while not pays(most):
        most *= 2
    return bisect_left(range(most), True, key=pays)  # noqa: FBT003 - the first read that pays


def _saved_seconds(reads: float, share_read: float, less_seconds: float) -> float:
    return reads * share_read * less_seconds


def _rule(mode: CacheMode, brought: Bringing, readers: Readers, *, pays: bool) -> FillRule:
    if brought.missing_bytes == 0:
        return FillRule.NOTHING_MISSING
    if mode is CacheMode.NONE:
        return FillRule.MODE_NONE
    if brought.far_seconds is None:
        return FillRule.NO_SOURCE
    if readers.asked:
        return FillRule.ASKED_FOR
    if mode is CacheMode.ALWAYS:
        return FillRule.MODE_ALWAYS
    return FillRule.PAYS if pays else FillRule.DOES_NOT_PAY
