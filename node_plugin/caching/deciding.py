"""What to do about a version: bind it, stream it, fill it, make room for it. Pure decisions on what the store holds."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from moorage.caching import CacheMode
from moorage.grants.grant import Grant
from moorage.grants.standing import Standing
from moorage.locality.evicting import HeldVersion, choose_evictions
from moorage.locality.filling import NODE_DISK_BYTES_PER_SECOND, Bringing, FillDecision, Readers, decide_fill
from moorage.model import DatasetRef
from node_plugin.caching.holding import Holding, VersionKey, is_version

KEPT_FREE_SHARE = 0.15
"""Of the file system. The kubelet evicts pods below 10 %, and images below 15."""
LEAST_PART_SHARE = 0.05
"""Of a version: less is not worth a listing."""
_SECONDS_PER_HOUR = 3600.0


class Unfillable(StrEnum):
    """Why a version that is worth a fill is not filled."""

    UNLISTED = "Unlisted"
    TOO_LARGE = "TooLarge"
    NO_ROOM = "NoRoom"


@dataclass(frozen=True, slots=True)
class Room:
    """The node's disk.

    Attributes:
        limit_bytes: the most that the cache may take.
        free_bytes: what the file system has left, less what fills under way will still take.
        total_bytes: what it has.
        kept_free_share: of the file system, that no fill takes.
    """

    limit_bytes: int
    free_bytes: int
    total_bytes: int
    kept_free_share: float = KEPT_FREE_SHARE

    def lacking(self, used_bytes: int, wanted_bytes: int) -> int:
        """How many bytes must go before so many more may come."""
        over_limit = used_bytes + wanted_bytes - self.limit_bytes
        over_disk = wanted_bytes + int(self.total_bytes * self.kept_free_share) - self.free_bytes
        return max(0, over_limit, over_disk)

    def spare(self, used_bytes: int) -> int:
        """How many bytes may come before any must go."""
        kept_free_bytes = int(self.total_bytes * self.kept_free_share)
        return max(0, min(self.limit_bytes - used_bytes, self.free_bytes - kept_free_bytes))


@dataclass(frozen=True, slots=True)
class Plan:
    """How a version gets its room.

    Attributes:
        evictions: what goes for it.
        part_bytes: what it may take of the disk, where there is no room for all of it; None: all of it may come.
    """

    evictions: tuple[HeldVersion, ...] = ()
    part_bytes: int | None = None


def key_of(ref: DatasetRef, grant: Grant) -> VersionKey | None:
    """The version that a grant is for, if it is one that can be kept at all."""
    if grant.fill is None or grant.version is None or not is_version(grant.version):
        return None
    return VersionKey(ref, grant.version)


def worth_filling(grant: Grant, held_bytes: int, seen_reads: int) -> FillDecision | None:
    """Whether to fill what is missing, for a reader that is granted the dataset; None where nothing verifies a copy."""
    if grant.fill is None:
        return None
    missing = max(0, grant.fill.size_bytes - held_bytes)
    share = missing / grant.fill.size_bytes if grant.fill.size_bytes else 0.0
    brought = Bringing(
        missing_bytes=missing,
        far_seconds=grant.fill.far_seconds * share,
        disk_seconds=missing / NODE_DISK_BYTES_PER_SECOND,
    )
    # The scheduler sends pods of the site to the node that has a copy: so all of the site's reads are expected there.
    readers = Readers(seen_reads=seen_reads, expected_reads=grant.fill.site_reads, asked=grant.fill.asked)
    return decide_fill(grant.cache.mode, brought, readers)


def may_serve(grant: Grant) -> bool:
    """Whether a copy on the node may be shown to the pod; a writer needs the source itself."""
    return grant.cache.mode is not CacheMode.NONE and not grant.writes


def wanted_bytes(grant: Grant) -> int:
    """What a fill will take of the disk, as far as anybody knows; an archive and its files lie there together."""
    size_bytes = 0 if grant.fill is None else grant.fill.size_bytes
    return 2 * size_bytes if grant.location.needs_copy else size_bytes


def most_bytes(grant: Grant, limit_bytes: int) -> int:
    """What a fill may write at most; how much an archive holds is known once it is unpacked."""
    if not grant.location.needs_copy:
        return 0 if grant.fill is None else grant.fill.size_bytes
    own_limit = grant.cache.size_limit_bytes
    return limit_bytes if own_limit is None else min(limit_bytes, own_limit)


def make_room(wanted_bytes: int, grant: Grant, held: Collection[HeldVersion], room: Room) -> Plan | Unfillable:
    """The versions to evict so that so many bytes may come; or why they may not.

    Of a version that is larger than a copy may be, a part may come.

    Args:
        wanted_bytes: of the version that is to come, what is there already included.
        grant: what its Dataset says of caches.
        held: all other versions.
        room: the disk.
    """
    own_limit = grant.cache.size_limit_bytes
    size_bytes = 0 if grant.fill is None else grant.fill.size_bytes
    used_bytes = sum(version.size_bytes for version in held)
    is_too_large = wanted_bytes > room.limit_bytes or (own_limit is not None and size_bytes > own_limit)
    if is_too_large or room.lacking(0, wanted_bytes) > used_bytes:
        plan = _room_for_part(size_bytes, grant, held, room)
        # What the limits admit may find room on the disk another time.
        return plan or (Unfillable.TOO_LARGE if is_too_large else Unfillable.NO_ROOM)
    lacking = room.lacking(used_bytes, wanted_bytes)
    if lacking == 0:
        return Plan()
    chosen = choose_evictions(held, lacking)
    return Unfillable.NO_ROOM if chosen is None else Plan(chosen)


def _room_for_part(size_bytes: int, grant: Grant, held: Collection[HeldVersion], room: Room) -> Plan | None:
    """Room for what fits of a version, as for a whole one: it may take the place of what no volume uses."""
    if grant.location.needs_copy:
        return None
    spare_bytes = room.spare(sum(version.size_bytes for version in held))
    unused_bytes = sum(version.size_bytes for version in held if not version.in_use)
    own_limit = grant.cache.size_limit_bytes
    part_bytes = min(spare_bytes + unused_bytes, size_bytes if own_limit is None else own_limit)
    if part_bytes < size_bytes * LEAST_PART_SHARE:
        return None
    evictions = choose_evictions(held, part_bytes - spare_bytes) if part_bytes > spare_bytes else ()
    return Plan(evictions or (), part_bytes)


def weigh(
    held: Iterable[Holding],
    standings: Mapping[DatasetRef, Standing],
    used: Collection[VersionKey],
    now: float,
) -> list[HeldVersion]:
    """What is held, as evicting weighs it.

    Args:
        held: what the store holds.
        standings: as the broker told them last; a dataset that it was not asked about yet is worth its disk's time.
        used: versions that a volume uses, or a fill writes.
        now: seconds since 1970.
    """
    return [
        HeldVersion(
            ref=each.key.ref,
            version=each.key.version,
            size_bytes=each.disk_bytes,
            bring_seconds=_bring_seconds(each, standings.get(each.key.ref)),
            hours_since_read=max(0.0, now - each.last_used) / _SECONDS_PER_HOUR,
            in_use=each.key in used,
        )
        for each in held
    ]


def _bring_seconds(held: Holding, standing: Standing | None) -> float:
    if standing is None or standing.far_seconds is None or not standing.size_bytes:
        # Nobody knows, or no source is left: then it is worth what its bytes take from a disk, and no more.
        return held.size_bytes / NODE_DISK_BYTES_PER_SECOND
    if standing.version != held.key.version:
        return 0.0  # nobody is given an old version any more
    return standing.far_seconds * held.size_bytes / standing.size_bytes


@dataclass(frozen=True, slots=True)
class Departure:
    """A version that leaves the disk.

    Attributes:
        rule: what refuses it at this node; "" where it is only of no use any more.
        message: one sentence.
        why: of an eviction that no rule demands, a word for the metric.
    """

    key: VersionKey
    rule: str
    message: str
    why: str = "useless"


def departures(
    held: Iterable[Holding], standings: Mapping[DatasetRef, Standing], used: Collection[VersionKey], now: float
) -> list[Departure]:
    """What leaves the disk whatever room there is: what may not be here, at once; what is of no use, once unused.

    Args:
        held: what the store holds.
        standings: as the broker told them last.
        used: versions that a volume uses, or a fill writes.
        now: seconds since 1970.
    """
    found = []
    by_key = {each.key: each for each in held}
    for key, each in by_key.items():
        standing = standings.get(key.ref)
        if standing is None:
            continue
        if not standing.permitted:
            found.append(Departure(key, standing.rule, standing.message))
        elif key not in used and (reason := _of_no_use(each, standing, by_key)):
            found.append(Departure(key, "", reason))
        elif key not in used and _is_asked_away(each, standing, now):
            found.append(Departure(key, "", "the Dataset asks for it (spec.cache.evict)", "asked"))
    return found


def _of_no_use(held: Holding, standing: Standing, by_key: Mapping[VersionKey, Holding]) -> str:
    if standing.mode is CacheMode.NONE:
        return "the Dataset forbids caches (spec.cache.mode: none)"
    if standing.limit_bytes is not None and held.size_bytes > standing.limit_bytes:
        return f"it is larger than the Dataset's spec.cache.sizeLimit, {standing.limit_bytes:,} bytes"
    current = by_key.get(VersionKey(held.key.ref, standing.version or ""))
    is_old = standing.version is not None and standing.version != held.key.version
    # Until the new version is whole, what did not change is taken over from the old one.
    if is_old and ((current is not None and current.whole) or not held.whole):
        return "the dataset has a newer version"
    return ""


def _is_asked_away(held: Holding, standing: Standing, now: float) -> bool:
    # A time that lies ahead would take away each copy that is made until then.
    return standing.evict_before is not None and held.filled_at < standing.evict_before <= now


def evict_down(held: Collection[HeldVersion], lacking_bytes: int) -> tuple[HeldVersion, ...]:
    """What to evict so that so many bytes come free; all that may go, where that is not enough."""
    chosen = choose_evictions(held, lacking_bytes)
    if chosen is not None:
        return chosen
    return tuple(version for version in held if not version.in_use)
