"""What a schedule says, in words."""

from datetime import UTC, datetime
from typing import Any

import pytest

from moorage.errors import InputError
from moorage_cli.schedules.creating import timing_of, triggers_of
from moorage_cli.schedules.telling import NOT_READY, PAUSED, READY, UNSEEN, facts, next_times, row, state_of, when

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def schedule(status: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:  # noqa: ANN401 - of a spec
    """A raw PipelineSchedule."""
    metadata = {"name": "nightly", "namespace": "fraud", "uid": "u", "creationTimestamp": "2026-11-28T12:00:00Z"}
    return {"metadata": metadata, "spec": {"template": {"spec": {}}, **spec}, "status": status or {}}


def ready(status: str, message: str = "") -> dict[str, Any]:
    """A status with that condition."""
    return {"conditions": [{"type": "Ready", "status": status, "message": message}]}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"schedule": "0 3 * * MON", "timeZone": "Europe/Berlin"}, "0 3 * * MON (Europe/Berlin)"),
        ({"schedule": "@daily"}, "@daily (UTC)"),
        ({"everySeconds": 21600}, "every 6h"),
        ({"everySeconds": 5400}, "every 90min"),
        ({"everySeconds": 61}, "every 61s"),
        (
            {"everySeconds": 86400, "triggers": [{"dataset": {"namespace": "stewards", "name": "claims"}}]},
            "every 1d, on stewards/claims",
        ),
        ({}, "-"),
    ],
)
def test_when(spec: dict[str, Any], words: str) -> None:
    """Times and Datasets, in a few words."""
    assert when(spec) == words


@pytest.mark.parametrize(
    ("raw", "state"),
    [
        (schedule(), UNSEEN),
        (schedule(ready("True")), READY),
        (schedule(ready("False", "no")), NOT_READY),
        (schedule(ready("False", "no"), suspend=True), PAUSED),
    ],
)
def test_the_state(raw: dict[str, Any], state: str) -> None:
    """What a person asks first."""
    assert state_of(raw) == state


def test_the_next_times_are_those_of_its_zone() -> None:
    """As many as are asked for; none of what can't be read, has ended, or waits for data."""
    berlin = schedule(schedule="0 3 * * *", timeZone="Europe/Berlin")
    assert next_times(berlin, NOW, 2) == ["2026-12-01T02:00:00Z", "2026-12-02T02:00:00Z"]
    assert next_times(schedule(schedule="0 25 * * *"), NOW, 2) == []
    assert next_times(schedule(schedule="@daily", endTime="2026-12-01T06:00:00Z"), NOW, 3) == ["2026-12-01T00:00:00Z"]
    assert next_times(schedule(triggers=[{"dataset": {"name": "claims"}}]), NOW, 2) == []


def test_facts() -> None:
    """Each in a line; what a stranger wrote wrongly leaves the rest readable."""
    trigger = {"dataset": {"namespace": "stewards", "name": "claims"}}
    state = {"dataset": "stewards/claims", "version": "a" * 64, "pendingVersion": "b" * 64}
    status = {**ready("True"), "lastScheduleTime": "2026-11-30T02:00:00Z", "active": 1, "triggers": [state]}
    raw = schedule(status, schedule="0 2 * * *", triggers=[trigger], concurrencyPolicy="Forbid", catchUp=0)
    assert facts(raw, NOW, 1) == [
        ("when", "0 2 * * * (UTC), on stewards/claims"),
        ("state", "ready"),
        ("next", "2026-12-01T02:00:00Z"),
        ("last", "2026-11-30T02:00:00Z"),
        ("data", "stewards/claims: version bbbbbbbbbbbb waits until it stands"),
        ("overlap", "Forbid: one run at a time"),
        ("missed", "none is caught up"),
        ("keeps", "the last 10 runs that succeeded, and the last 10 others"),
    ]
    assert row(raw, NOW)[:7] == ["fraud", "nightly", "0 2 * * * (UTC), on stewards/claims", "ready", "-", "10h", "1"]
    odd = schedule(ready("False", "spec.schedule: no"), schedule="0 25 * * *")
    assert facts(odd, NOW)[1:] == [("state", "not ready"), ("problem", "spec.schedule: no")]


def test_options_become_fields() -> None:
    """Durations in seconds; what is not given is not written."""
    assert timing_of(every="6h", overlap="Forbid", paused=True) == {
        "everySeconds": 21600,
        "concurrencyPolicy": "Forbid",
        "suspend": True,
    }
    assert timing_of(cron="@daily", time_zone="Europe/Berlin", catch_up=0) == {
        "schedule": "@daily",
        "timeZone": "Europe/Berlin",
        "catchUp": 0,
    }
    assert triggers_of(["claims", "stewards/x=version"], "5m") == [
        {"dataset": {"name": "claims"}, "debounceSeconds": 300},
        {"dataset": {"namespace": "stewards", "name": "x"}, "parameter": "version", "debounceSeconds": 300},
    ]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"cron": "@daily", "every": "6h"}, "--every"),
        ({"every": "6h", "time_zone": "Europe/Berlin"}, "--time-zone"),
        ({"every": "often"}, "--every"),
        ({"every": "0.5s"}, "--every"),
        ({"every": "-5s"}, "--every"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], named: str) -> None:
    """Refused with the option."""
    with pytest.raises(InputError, match=named):
        timing_of(**options)


@pytest.mark.parametrize("text", ["", "/claims", "a/", "a/b/c", "claims=", "=version"])
def test_what_names_no_dataset(text: str) -> None:
    """Refused with what to write."""
    with pytest.raises(InputError, match="NAMESPACE/NAME"):
        triggers_of([text], None)


def test_settling_needs_a_dataset() -> None:
    """It would mean nothing."""
    with pytest.raises(InputError, match="--on"):
        triggers_of([], "5m")
