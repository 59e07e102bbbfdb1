"""What a schedule needs next: tables, and properties over a clock that is passed in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.model import DatasetRef
from moorage.runs.cron import Timing
from moorage.runs.schedules import ConcurrencyPolicy, PipelineSchedule, ScheduleState, Trigger
from moorage.wire.schedules import read_schedule_state, write_schedule_state
from pipeline_executor.hub.scheduling import ScheduledRun, ScheduleVerdict, decide_schedule

CREATED = datetime(2026, 12, 1, 0, 30, tzinfo=UTC)
CLAIMS = DatasetRef("steward", "claims")
HOURLY = Timing("0 * * * *", start=CREATED)


def schedule(**changes: Any) -> PipelineSchedule:  # noqa: ANN401 - of a schedule
    """An hourly one, made at half past midnight."""
    return PipelineSchedule(
        **{"namespace": "ns", "name": "s", "uid": "u", "created": CREATED, "timing": HOURLY, **changes}
    )


def clock(text: str) -> datetime:
    """A time on that day."""
    return datetime.fromisoformat(f"2026-12-01T{text}:00+00:00")


def run(name: str, created: str = "", **changes: Any) -> ScheduledRun:  # noqa: ANN401 - of a run
    """A run that is under way."""
    return ScheduledRun(name, created or name, **changes)


def names(verdict: ScheduleVerdict) -> list[str]:
    """What is started, without what all names begin with."""
    return [start.name.removeprefix("s-").removeprefix("20261201t") for start in verdict.start]


@pytest.mark.parametrize(
    ("changes", "state", "now", "started"),
    [
        ({}, {}, "00:59", []),
        ({}, {}, "01:00", ["010000"]),
        ({}, {"last": clock("01:00")}, "01:59", []),
        ({}, {"last": clock("01:00")}, "05:30", ["050000"]),
        ({"catch_up": 3}, {"last": clock("01:00")}, "05:30", ["030000", "040000", "050000"]),
        ({"catch_up": 9}, {"last": clock("01:00")}, "03:30", ["020000", "030000"]),
        ({"catch_up": 0}, {"last": clock("01:00")}, "05:30", []),
        ({"catch_up": 0}, {"last": clock("01:00")}, "05:00", ["050000"]),
        ({"deadline": timedelta(minutes=20)}, {}, "05:30", []),
        ({"deadline": timedelta(minutes=20)}, {}, "05:20", ["050000"]),
        ({"catch_up": 9, "deadline": timedelta(minutes=90)}, {}, "05:20", ["040000", "050000"]),
        ({"suspend": True}, {}, "05:30", []),
        ({}, {"suspended": True}, "05:30", []),
        ({"timing": replace(HOURLY, end=clock("02:00"))}, {}, "05:30", ["020000"]),
        ({"timing": None, "triggers": (Trigger(CLAIMS),)}, {}, "05:30", []),
    ],
)
def test_times(changes: dict[str, Any], state: dict[str, Any], now: str, started: list[str]) -> None:
    """What is due now, what was missed, what is too late."""
    assert names(decide_schedule(schedule(**changes), ScheduleState(**state), [], {}, clock(now))) == started


@pytest.mark.parametrize(
    ("policy", "active", "started", "cancelled"),
    [
        (ConcurrencyPolicy.ALLOW, 1, ["040000", "050000"], 0),
        (ConcurrencyPolicy.ALLOW, 2, ["040000"], 0),
        (ConcurrencyPolicy.ALLOW, 3, [], 0),
        (ConcurrencyPolicy.FORBID, 0, ["040000"], 0),
        (ConcurrencyPolicy.FORBID, 1, [], 0),
        (ConcurrencyPolicy.REPLACE, 2, ["050000"], 2),
        (ConcurrencyPolicy.REPLACE, 0, ["050000"], 0),
    ],
)
def test_runs_at_once(policy: ConcurrencyPolicy, active: int, started: list[str], cancelled: int) -> None:
    """As many as may be; the rest waits; or the newest takes the place of all."""
    asked = schedule(catch_up=2, concurrency=policy, max_active=3)
    verdict = decide_schedule(asked, ScheduleState(), [run(f"r{n}") for n in range(active)], {}, clock("05:30"))
    assert (names(verdict), len(verdict.cancel)) == (started, cancelled)


def test_what_waits_is_made_up_for_once_there_is_room() -> None:
    """A run that took three hours: the latest time that it missed follows at once."""
    asked, busy = schedule(concurrency=ConcurrencyPolicy.FORBID), [run("r")]
    state = decide_schedule(asked, ScheduleState(last=clock("01:00")), busy, {}, clock("04:10")).state
    assert names(decide_schedule(asked, state, [], {}, clock("04:10"))) == ["040000"]


def test_only_the_last_runs_are_kept() -> None:
    """The oldest that have ended go, successes and failures counted apart; what runs stays."""
    runs = [run(f"ok{n}", final=True, succeeded=True) for n in range(4)]
    runs += [run(f"bad{n}", final=True) for n in range(3)] + [run("going")]
    verdict = decide_schedule(schedule(kept_succeeded=2, kept_failed=1), ScheduleState(), runs, {}, clock("00:40"))
    assert verdict.delete == ("ok0", "ok1", "bad0", "bad1")


def test_a_new_version_makes_a_run_once_it_stands() -> None:
    """The first look makes none; then each version that stands for a minute makes one, with its parameter."""
    asked = schedule(timing=None, triggers=(Trigger(CLAIMS, "version"),))
    state = decide_schedule(asked, ScheduleState(), [], {CLAIMS: "a"}, clock("01:00")).state
    noticed = decide_schedule(asked, state, [], {CLAIMS: "b"}, clock("02:00"))
    assert (names(noticed), noticed.wake) == ([], clock("02:01"))
    made = decide_schedule(asked, noticed.state, [], {CLAIMS: "b"}, clock("02:01"))
    assert [(start.name, start.due, dict(start.parameters)) for start in made.start] == [
        ("s-t1", None, {"version": "b"})
    ]
    assert names(decide_schedule(asked, made.state, [], {CLAIMS: "b"}, clock("09:00"))) == []
    back = decide_schedule(asked, made.state, [], {CLAIMS: "a"}, clock("09:00")).state
    assert names(decide_schedule(asked, back, [], {CLAIMS: "a"}, clock("09:01"))) == ["t2"]


def test_a_dataset_that_never_stands_makes_a_run_all_the_same() -> None:
    """After ten times its debounce."""
    asked = schedule(timing=None, triggers=(Trigger(CLAIMS),))
    state = decide_schedule(asked, ScheduleState(), [], {}, clock("01:00")).state
    made: list[int] = []
    for seconds in range(0, 1200, 30):
        now = clock("02:00") + timedelta(seconds=seconds)
        verdict = decide_schedule(asked, state, [], {CLAIMS: str(seconds)}, now)
        state, made = verdict.state, [*made, *(seconds for _ in verdict.start)]
    assert made == [600]


def test_one_change_waits_at_most() -> None:
    """While a run is under way, versions come and go; one run follows, with the latest."""
    asked = schedule(timing=None, triggers=(Trigger(CLAIMS, "v"),), concurrency=ConcurrencyPolicy.FORBID)
    state = decide_schedule(asked, ScheduleState(), [], {CLAIMS: "a"}, clock("01:00")).state
    for minute, version in enumerate("bcd"):
        now = clock("02:00") + timedelta(minutes=5 * minute)
        verdict = decide_schedule(asked, state, [run("r")], {CLAIMS: version}, now)
        assert not verdict.start
        state = verdict.state
    made = decide_schedule(asked, state, [], {CLAIMS: "d"}, clock("03:00"))
    assert [dict(start.parameters) for start in made.start] == [{"v": "d"}]
    assert not decide_schedule(asked, made.state, [], {CLAIMS: "d"}, clock("04:00")).start


def test_what_can_not_be_made_stays_due() -> None:
    """A template that the API server refuses: the time and the version are made up for once it is mended."""
    asked = schedule(triggers=(Trigger(CLAIMS),))
    state = decide_schedule(asked, ScheduleState(last=clock("01:00")), [], {CLAIMS: "a"}, clock("01:10")).state
    state = decide_schedule(asked, state, [], {CLAIMS: "b"}, clock("01:20")).state
    refused = decide_schedule(asked, state, [], {CLAIMS: "b"}, clock("02:00"))
    assert names(refused) == ["020000", "t1"]
    again = decide_schedule(asked, refused.unmade, [], {CLAIMS: "b"}, clock("02:01"))
    assert names(again) == ["020000", "t1"]


def test_a_status_is_read_back() -> None:
    """All that the hub must know of a schedule stands in it; the condition keeps its time until it turns."""
    asked = schedule(triggers=(Trigger(CLAIMS),))
    state = decide_schedule(asked, ScheduleState(), [], {CLAIMS: "a"}, clock("02:00")).state
    state = decide_schedule(asked, state, [], {CLAIMS: "b"}, clock("02:10")).state
    raw = write_schedule_state(state, None, 3, "t1")
    assert read_schedule_state(raw) == state
    bad = write_schedule_state(replace(state, problem="no"), raw, 3, "t2")
    assert read_schedule_state(bad).problem == "no"
    assert write_schedule_state(state, raw, 3, "t2") == raw


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 20_000), st.booleans(), st.booleans()), max_size=40),
    st.sampled_from(list(ConcurrencyPolicy)),
    st.integers(0, 4),
    st.integers(1, 3),
)
def test_whatever_happens_no_time_runs_twice(
    steps: list[tuple[int, bool, bool]], policy: ConcurrencyPolicy, catch_up: int, most: int
) -> None:
    """A hub that looks at odd times and is killed before it writes its status, runs that end or don't."""
    asked = schedule(concurrency=policy, catch_up=catch_up, max_active=most)
    state, now = ScheduleState(), CREATED
    runs: dict[str, ScheduledRun] = {}
    for seconds, killed, ends in steps:
        now += timedelta(seconds=seconds)
        if ends:
            runs = {name: replace(each, final=True, succeeded=True) for name, each in runs.items()}
        verdict = decide_schedule(asked, state, list(runs.values()), {}, now)
        for name in verdict.cancel:
            runs[name] = replace(runs[name], cancelling=True)
        for start in verdict.start:
            assert start.due is not None
            assert start.due <= now
            assert start.name not in runs
            runs[start.name] = run(start.name)
        active = sum(not each.final and not each.cancelling for each in runs.values())
        assert active <= asked.room
        if not killed:
            state = verdict.state
            again = decide_schedule(asked, state, list(runs.values()), {}, now)
            assert not set(names(again)) & set(names(verdict))
        assert verdict.wake is None or verdict.wake > now
