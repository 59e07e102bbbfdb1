"""When schedules are due: cron, time zones, days on which clocks change, long absences."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.errors import InputError
from moorage.runs.cron import Timing


def at(text: str, zone: str = "UTC") -> datetime:
    """A local time, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@pytest.mark.parametrize(
    ("cron", "zone", "after", "due"),
    [
        ("0 3 * * *", "UTC", "2026-12-01T02:59:59", "2026-12-01T03:00:00"),
        ("0 3 * * *", "UTC", "2026-12-01T03:00:00", "2026-12-02T03:00:00"),
        ("0 3 * * MON-FRI", "UTC", "2026-12-04T04:00:00", "2026-12-07T03:00:00"),
        ("*/15 * * * *", "UTC", "2026-12-01T03:01:00", "2026-12-01T03:15:00"),
        ("30 0 3 * * *", "UTC", "2026-12-01T03:00:00", "2026-12-01T03:00:30"),
        ("@monthly", "UTC", "2026-12-01T03:00:00", "2027-01-01T00:00:00"),
        ("0 3 * * *", "Europe/Berlin", "2026-06-30T12:00:00", "2026-07-01T01:00:00"),
        ("0 3 * * *", "Europe/Berlin", "2026-12-01T12:00:00", "2026-12-02T02:00:00"),
    ],
)
def test_the_next_time(cron: str, zone: str, after: str, due: str) -> None:
    """In the schedule's own zone; strictly later. Here all times are in UTC."""
    assert Timing(cron, zone).following(at(after)) == at(due)


def test_a_time_that_is_skipped_is_due_after_the_gap() -> None:
    """On 29 March 2026 there is no half past two in Berlin: three o'clock comes right after two."""
    assert Timing("30 2 * * *", "Europe/Berlin").following(at("2026-03-28T12:00:00")) == at("2026-03-29T01:00:00")


def test_a_time_that_comes_twice_is_due_once() -> None:
    """On 25 October 2026 half past two comes twice in Berlin."""
    times = Timing("30 2 * * *", "Europe/Berlin").missed(at("2026-10-24T12:00:00"), at("2026-10-26T12:00:00"), 10)
    assert times == [at("2026-10-25T00:30:00"), at("2026-10-26T01:30:00")]


def test_an_interval_is_counted_from_its_start() -> None:
    """So that it never drifts; and it ends."""
    timing = Timing(every_seconds=3600, start=at("2026-12-01T00:10:00"), end=at("2026-12-01T03:00:00"))
    assert timing.following(at("2026-11-01T00:00:00")) == at("2026-12-01T01:10:00")
    assert timing.following(at("2026-12-01T01:30:00")) == at("2026-12-01T02:10:00")
    assert timing.following(at("2026-12-01T02:10:00")) is None
    assert timing.missed(at("2026-12-01T00:00:00"), at("2027-12-01T00:00:00"), 10) == [
        at("2026-12-01T01:10:00"),
        at("2026-12-01T02:10:00"),
    ]


def test_a_century_of_absence_costs_what_is_asked_for() -> None:
    """The latest times, however many there were."""
    times = Timing("* * * * *").missed(at("1970-01-01T00:00:00"), at("2070-01-01T00:00:30"), 3)
    assert times == [at("2069-12-31T23:58:00"), at("2069-12-31T23:59:00"), at("2070-01-01T00:00:00")]


@pytest.mark.parametrize(
    "cron", ["", "* * * *", "60 * * * *", "* * 31 2 *", "a b c d e", "*/0 * * * *", "@often", "* " * 200]
)
def test_what_is_no_schedule_is_refused(cron: str) -> None:
    """With the field, and an example."""
    with pytest.raises(InputError, match=r"spec\.schedule"):
        Timing(cron or " ").check("PipelineSchedule ns/x")


def test_what_is_no_time_zone_is_refused() -> None:
    """A path is none, either."""
    for zone in ("Europe/Atlantis", "../../etc/passwd", "", "x" * 5000):
        with pytest.raises(InputError, match=r"spec\.timeZone"):
            Timing("@daily", zone).check("PipelineSchedule ns/x")


CRONS = ("0 3 * * *", "30 2 * * *", "*/20 * * * *", "0 */2 * * *", "15 1,2,3 * * *", "0 30 2 * * *", "0 9 * * 1#2")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Sydney")


@settings(deadline=None)
@given(
    st.sampled_from(CRONS),
    st.sampled_from(ZONES),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),  # noqa: DTZ001 - made one below
    st.integers(0, 5 * 86400),
)
def test_backwards_and_forwards_agree(cron: str, zone: str, begin: datetime, seconds: int) -> None:
    """What was missed is what would have been due, whichever days clocks change on."""
    after = begin.replace(tzinfo=UTC, microsecond=0)
    until = after + timedelta(seconds=seconds)
    timing, due, forwards = Timing(cron, zone), after, []
    while (due := timing.following(due) or until + timedelta(1)) <= until:
        forwards.append(due)
    assert timing.missed(after, until, 100_000) == forwards
    assert timing.missed(after, until, 2) == forwards[-2:]
