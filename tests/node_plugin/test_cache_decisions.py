"""What a node decides about its cache, and what it tells of it: tables."""

from dataclasses import replace

import pytest

from moorage.access import Access
from moorage.caching import CacheMode, CachePolicy
from moorage.errors import BrokerError, InputError
from moorage.grants.batches import MOST_ASKED
from moorage.grants.grant import FillTerms, Grant
from moorage.grants.standing import Standing, read_holdings, read_standings, write_holdings, write_standings
from moorage.locality.evicting import HeldVersion
from moorage.model import CachedDataset, DatasetRef, NodeCache, UnfilledDataset
from moorage.sources.http import HttpSource
from moorage.sources.s3 import S3Source
from node_plugin.caching.deciding import (
    Departure,
    Plan,
    Room,
    Unfillable,
    departures,
    evict_down,
    key_of,
    make_room,
    may_serve,
    weigh,
    worth_filling,
)
from node_plugin.caching.holding import Holding, VersionKey
from node_plugin.caching.reporting import TELL_AGAIN_SECONDS, is_news, report_of

GB = 10**9
CLAIMS, OTHER = DatasetRef("steward", "claims"), DatasetRef("steward", "other")
NOW, OLD = "a" * 64, "b" * 64
FAR = Grant(
    location=S3Source("https://s3.example", "b"),
    local=False,
    credentials=None,
    version=NOW,
    fill=FillTerms(size_bytes=10 * GB, far_seconds=100.0, listed_version=NOW),
)


def granted(mode: CacheMode = CacheMode.AUTO, limit: int | None = None, **terms: object) -> Grant:
    """A grant with other terms."""
    assert FAR.fill is not None
    return replace(FAR, cache=CachePolicy(mode, limit), fill=replace(FAR.fill, **terms))  # type: ignore[arg-type]


def holding(version: str = NOW, *, ref: DatasetRef = CLAIMS, size: int = 10 * GB, whole: bool = True) -> Holding:
    """A version that is held."""
    key = VersionKey(ref, version)
    return Holding(key=key, size_bytes=size, disk_bytes=size, whole=whole, last_used=0.0, filled_at=500.0)


@pytest.mark.parametrize(
    ("grant", "seen", "fills"),
    [
        (granted(), 0, False),
        (granted(), 1, False),
        (granted(), 2, True),
        (granted(site_reads=2), 0, True),  # whom the scheduler sends to a node that has a copy
        (granted(site_reads=1), 1, False),  # that one is among those of the site
        (granted(asked=True), 0, True),
        (granted(CacheMode.ALWAYS), 0, True),
        (granted(CacheMode.NONE, asked=True), 9, False),
        (granted(far_seconds=10.0, site_reads=60), 100, False),  # a source in the node's own site
    ],
)
def test_when_a_node_fills(grant: Grant, seen: int, fills: bool) -> None:  # noqa: FBT001 - a table's column
    """As the semantics say: for those who follow, or because somebody said so; never for what is near."""
    decision = worth_filling(grant, 0, seen)
    assert decision is not None
    assert decision.fill is fills


def test_what_is_there_needs_no_fill() -> None:
    """Nor what nobody listed."""
    decision = worth_filling(granted(asked=True), 10 * GB, 0)
    assert decision is not None
    assert not decision.fill
    assert worth_filling(replace(FAR, fill=None), 0, 9) is None


@pytest.mark.parametrize("version", [None, "", "v1", "../../etc", "A" * 64])
def test_versions_that_name_no_folder(version: str | None) -> None:
    """A version comes from a status that the operator wrote, and is looked at all the same."""
    assert key_of(CLAIMS, replace(FAR, version=version)) is None
    assert key_of(CLAIMS, FAR) == VersionKey(CLAIMS, NOW)


def test_a_dataset_that_forbids_caches_is_not_served_from_one() -> None:
    """Whatever the node holds still."""
    assert may_serve(granted())
    assert not may_serve(granted(CacheMode.NONE))


def test_a_writer_is_never_served_from_a_cache() -> None:
    """Whatever the Dataset says: a copy is of one version, and a writer makes the next one."""
    for mode in CacheMode:
        assert not may_serve(replace(granted(mode), access=Access.READ_WRITE))


def version(name: str, size: int, *, hours: float = 1.0, in_use: bool = False) -> HeldVersion:
    """A held version, as evicting weighs it."""
    return HeldVersion(
        ref=DatasetRef("s", name), version=NOW, size_bytes=size, bring_seconds=size / 1e8, hours_since_read=hours,
        in_use=in_use,
    )  # fmt: skip


ROOM = Room(limit_bytes=50 * GB, free_bytes=100 * GB, total_bytes=100 * GB)


@pytest.mark.parametrize(
    ("held", "grant", "room", "plan"),
    [
        ([], granted(), ROOM, []),
        ([version("a", 40 * GB)], granted(), ROOM, []),
        ([version("a", 41 * GB)], granted(), ROOM, ["a"]),
        ([version("a", 20 * GB, hours=9), version("b", 21 * GB)], granted(), ROOM, ["a"]),
        ([version("a", 41 * GB, in_use=True)], granted(), ROOM, Unfillable.NO_ROOM),
        ([], granted(limit=10 * GB), ROOM, []),
        ([], granted(), replace(ROOM, free_bytes=25 * GB), []),
        ([version("a", 5 * GB)], granted(), replace(ROOM, free_bytes=21 * GB), ["a"]),
    ],
)
def test_room_is_made_or_not(held: list[HeldVersion], grant: Grant, room: Room, plan: list[str] | Unfillable) -> None:
    """Within the node's limit, the Dataset's own, and off the last 15 % of the disk; never what is in use."""
    made = make_room(10 * GB, grant, held, room)
    assert (made if isinstance(made, Unfillable) else [each.ref.name for each in made.evictions]) == plan
    assert isinstance(made, Unfillable) or made.part_bytes is None


@pytest.mark.parametrize(
    ("held", "grant", "room", "gone", "part"),
    [
        ([], granted(), replace(ROOM, limit_bytes=9 * GB), [], 9 * GB),
        ([], granted(limit=9 * GB), ROOM, [], 9 * GB),
        ([], granted(), replace(ROOM, free_bytes=24 * GB), [], 9 * GB),
        ([version("a", 4 * GB)], granted(), replace(ROOM, limit_bytes=9 * GB), ["a"], 9 * GB),
        ([version("a", 4 * GB, in_use=True)], granted(), replace(ROOM, limit_bytes=9 * GB), [], 5 * GB),
        ([version("a", 4 * GB)], granted(limit=3 * GB), ROOM, [], 3 * GB),
    ],
)
def test_of_what_is_too_large_a_part_is_kept(
    held: list[HeldVersion], grant: Grant, room: Room, gone: list[str], part: int
) -> None:
    """As much as a copy may take, and what others use leaves."""
    made = make_room(10 * GB, grant, held, room)
    assert isinstance(made, Plan)
    assert ([each.ref.name for each in made.evictions], made.part_bytes) == (gone, part)


def test_too_little_is_not_worth_a_listing() -> None:
    """And of an archive nothing is of use but all of it."""
    small = replace(ROOM, limit_bytes=9 * GB)
    in_use = [version("a", 9 * GB - 1000, in_use=True)]
    assert make_room(10 * GB, granted(), in_use, small) is Unfillable.TOO_LARGE
    archive = replace(granted(), location=HttpSource("https://a.example/a.tar", extract=True))
    assert make_room(20 * GB, archive, [], small) is Unfillable.TOO_LARGE


def test_a_full_disk_is_no_limit() -> None:
    """What may be kept and finds no room today is tried again, and its reason is not its size."""
    full = replace(ROOM, free_bytes=1 * GB)
    assert make_room(10 * GB, granted(), [], full) is Unfillable.NO_ROOM
    archive = replace(granted(), location=HttpSource("https://a.example/a.tar", extract=True))
    assert make_room(20 * GB, archive, [], full) is Unfillable.NO_ROOM
    assert make_room(10 * GB, granted(limit=9 * GB), [], full) is Unfillable.TOO_LARGE


def test_where_enough_can_not_go_all_goes_that_may() -> None:
    """A disk that others fill."""
    held = [version("a", 5), version("b", 5, in_use=True)]
    assert [each.ref.name for each in evict_down(held, 100)] == ["a"]
    assert [each.ref.name for each in evict_down(held, 3)] == ["a"]


def test_old_versions_are_worth_nothing() -> None:
    """Nobody is given one any more; what nobody knows is worth what a disk takes."""
    standing = Standing(ref=CLAIMS, version=NOW, size_bytes=10 * GB, far_seconds=100.0)
    seconds = {
        (each.ref, each.version): each.bring_seconds
        for each in weigh(
            [holding(NOW, size=5 * GB), holding(OLD), holding(NOW, ref=OTHER)], {CLAIMS: standing}, set(), 0.0
        )
    }
    assert seconds == {(CLAIMS, NOW): 50.0, (CLAIMS, OLD): 0.0, (OTHER, NOW): 10.0}


PERMITTED = Standing(ref=CLAIMS, version=NOW, size_bytes=10 * GB, far_seconds=100.0)
REFUSED = Standing(ref=CLAIMS, rule="ClearanceTooLow", message="no")


@pytest.mark.parametrize(
    ("held", "standing", "used", "gone"),
    [
        ([holding()], replace(PERMITTED, evict_before=600), [], [(NOW, "")]),
        ([holding()], replace(PERMITTED, evict_before=600), [NOW], []),
        ([holding()], replace(PERMITTED, evict_before=500), [], []),
        ([holding()], replace(PERMITTED, evict_before=1001), [], []),
        ([holding(whole=False)], replace(PERMITTED, evict_before=600), [], [(NOW, "")]),
        ([holding()], PERMITTED, [], []),
        ([holding()], None, [], []),
        ([holding()], REFUSED, [], [(NOW, "ClearanceTooLow")]),
        ([holding()], REFUSED, [NOW], [(NOW, "ClearanceTooLow")]),
        ([holding(), holding(OLD)], REFUSED, [], [(NOW, "ClearanceTooLow"), (OLD, "ClearanceTooLow")]),
        ([holding()], replace(PERMITTED, mode=CacheMode.NONE), [], [(NOW, "")]),
        ([holding()], replace(PERMITTED, mode=CacheMode.NONE), [NOW], []),
        ([holding()], replace(PERMITTED, limit_bytes=9 * GB), [], [(NOW, "")]),
        ([holding()], replace(PERMITTED, limit_bytes=9 * GB), [NOW], []),
        ([holding(OLD)], PERMITTED, [], []),
        ([holding(OLD), holding(NOW, whole=False)], PERMITTED, [], []),
        ([holding(OLD), holding()], PERMITTED, [], [(OLD, "")]),
        ([holding(OLD), holding()], PERMITTED, [OLD], []),
        ([holding(OLD, whole=False)], PERMITTED, [], [(OLD, "")]),
        ([holding(OLD)], replace(PERMITTED, version=None), [], []),
    ],
)
def test_what_leaves_the_disk(
    held: list[Holding], standing: Standing | None, used: list[str], gone: list[tuple[str, str]]
) -> None:
    """What a rule refuses, at once and whoever uses it; what is of no use, once nobody does."""
    found: list[Departure] = departures(
        held, {} if standing is None else {CLAIMS: standing}, {VersionKey(CLAIMS, each) for each in used}, 1000.0
    )
    assert [(each.key.version, each.rule) for each in found] == gone
    assert all(each.message for each in found)


def filling(size: int) -> Holding:
    """So many bytes of ten gigabytes are there."""
    return replace(holding(size=10 * GB, whole=False), size_bytes=size)


def told(*entries: tuple[DatasetRef, str, int]) -> NodeCache:
    """What was written."""
    return NodeCache("n1", tuple(CachedDataset(*entry) for entry in entries))


@pytest.mark.parametrize(
    ("before", "now", "since", "news"),
    [
        (None, [], 0.0, True),
        (told(), [], 1e9, False),
        (told((CLAIMS, NOW, 5)), [holding(size=5)], 1e9, False),
        (told(), [filling(5)], 0.0, True),
        (told((CLAIMS, NOW, 5)), [], 0.0, True),
        (told((CLAIMS, OLD, 5)), [holding(size=5)], 0.0, True),
        (told((CLAIMS, NOW, 5)), [holding(size=9)], 0.0, True),
        (told((CLAIMS, NOW, 5)), [filling(9)], 1e9, False),
        (told((CLAIMS, NOW, GB)), [filling(2 * GB)], 1e9, True),
        (told((CLAIMS, NOW, GB)), [filling(2 * GB)], TELL_AGAIN_SECONDS - 1, False),
        (told((CLAIMS, NOW, GB)), [filling(GB + 1)], 1e9, False),
        # What is in a node's memory is little, and draws pods all the same.
        (told((CLAIMS, NOW, 0)), [filling(1)], TELL_AGAIN_SECONDS, True),
        (told((CLAIMS, NOW, 0)), [filling(1)], TELL_AGAIN_SECONDS - 1, False),
        (told((CLAIMS, NOW, 1)), [replace(filling(0), begun=True)], TELL_AGAIN_SECONDS, True),
    ],
)
def test_when_a_node_tells(
    before: NodeCache | None,
    now: list[Holding],
    since: float,
    news: bool,  # noqa: FBT001 - a table's column
) -> None:
    """What came, went or became whole at once; bytes that moved only if they are many, and seldom; nothing at rest."""
    assert is_news(before, report_of("n1", now), now, since) is news


def test_what_can_not_be_filled_is_told_at_once() -> None:
    """And that it can, too."""
    before, after = report_of("n1", []), report_of("n1", [], {CLAIMS: "NoRoom"})
    assert after.unfilled == (UnfilledDataset(CLAIMS, "NoRoom"),)
    assert is_news(before, after, [], 0.0)
    assert is_news(after, before, [], 0.0)
    assert not is_news(after, after, [], 1e9)


@pytest.mark.parametrize("seconds", [30, 100, 10_000])
def test_a_filling_node_writes_seldom(seconds: int) -> None:
    """However large a version is, at most twenty writes tell of its coming, at most six a minute."""
    last: NodeCache | None = None
    last_at, writes = 0.0, 0
    for second in range(seconds):
        now = [filling(10 * GB * second // seconds + 1)]
        report = report_of("n1", now)
        if is_news(last, report, now, second - last_at):
            last, last_at, writes = report, float(second), writes + 1
    assert 2 <= writes <= 1 + min(20, seconds / TELL_AGAIN_SECONDS)


def test_a_report_is_bounded_and_in_order() -> None:
    """What is not there at all is not told; of too many the largest are."""
    many = [holding(ref=DatasetRef("s", f"d{number}"), size=number) for number in range(1030)]
    report = report_of("n1", many)
    assert len(report.datasets) == 1024
    assert min(entry.size_bytes for entry in report.datasets) == 6
    assert [entry.ref for entry in report.datasets] == sorted(entry.ref for entry in report.datasets)


STANDINGS = [
    Standing(
        ref=CLAIMS, version=NOW, size_bytes=5, far_seconds=1.25, mode=CacheMode.ALWAYS, limit_bytes=7, evict_before=9
    ),
    Standing(ref=OTHER, rule="SiteDenied", message="no"),
]


def test_standings_read_as_they_were_written() -> None:
    """The broker's are the node plugin's."""
    asked = (CLAIMS, OTHER)
    assert read_holdings(write_holdings(asked)) == asked
    read = read_standings(200, write_standings(STANDINGS), asked)
    assert read == {each.ref: each for each in STANDINGS}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (503, {"message": "blind"}),
        (200, None),
        (200, {"datasets": []}),
        (200, write_standings(STANDINGS[:1])),
        (200, write_standings([*STANDINGS, Standing(ref=DatasetRef("x", "y"))])),
        (200, {"datasets": [{"namespace": "..", "name": "x"}]}),
    ],
)
def test_what_is_no_answer_drops_nothing(status: int, body: object) -> None:
    """It is an error, never a standing: a broker that forgot a dataset has not refused it."""
    with pytest.raises(BrokerError):
        read_standings(status, body, (CLAIMS, OTHER))


def test_a_question_is_bounded() -> None:
    """A node that holds more asks several times."""
    many = [DatasetRef("n" * 63, f"{'d' * 55}{number}") for number in range(MOST_ASKED)]
    assert len(read_holdings(write_holdings(many))) == MOST_ASKED
    with pytest.raises(InputError, match="at most 64"):
        read_holdings(write_holdings([*many, CLAIMS]))
