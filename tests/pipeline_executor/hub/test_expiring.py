"""When what a run left is deleted, and what keeps it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from moorage.runs import RunPhase
from pipeline_executor.hub.expiring import Expiry, expiry_of
from pipeline_executor.hub.retention import names
from pipeline_executor.hub.state import PlanMark, RunState

PLAN = PlanMark(1, "digest", "plan.json")


def december(day: int, hour: int = 0) -> datetime:
    """A time in that month."""
    return datetime(2026, 12, day, hour, tzinfo=UTC)


def ended(**changes: Any) -> RunState:  # noqa: ANN401 - of a state
    """A run that succeeded on the first of December."""
    facts = {"phase": RunPhase.SUCCEEDED, "plan": PLAN, "reported": True, "end": "2026-12-01T00:00:00Z"}
    return RunState(**{**facts, **changes})


RETENTION = {"retention": {"days": 2}}
BOTH = {**RETENTION, "ttlSecondsAfterFinished": 3600}


@pytest.mark.parametrize(
    ("spec", "state", "expiry"),
    [
        ({}, ended(), Expiry()),
        (RETENTION, ended(), Expiry(stores=december(3))),
        ({"retention": {"days": 0}}, ended(), Expiry(stores=december(1))),
        ({"ttlSecondsAfterFinished": 3600}, ended(), Expiry(run=december(1, 1))),
        # The object says where its data lie: it stays as long as they do.
        (BOTH, ended(), Expiry(stores=december(3), run=december(3))),
        (BOTH, ended(expired="2026-12-03T00:00:01Z"), Expiry(run=december(1, 1))),
        (RETENTION, ended(expired="2026-12-03T00:00:01Z"), Expiry()),
        (BOTH, ended(phase=RunPhase.RUNNING, end=""), Expiry()),
        # A report that is to be written yet would come after the deletion.
        (BOTH, ended(reported=False), Expiry()),
        # Nothing was planned, so nothing is in the stores.
        (BOTH, ended(phase=RunPhase.INFEASIBLE, plan=None, reported=False), Expiry(run=december(1, 1))),
    ],
)
def test_when(spec: dict[str, Any], state: RunState, expiry: Expiry) -> None:
    """After so many days, after so many seconds, never."""
    assert expiry_of(spec, state) == expiry


URI = "s3://bucket/runs/ns/one/uid-1/data/make/1/data"


@pytest.mark.parametrize(
    ("spec", "reads"),
    [
        ({"parameters": {"u": URI}}, True),
        ({"pipeline": {"inline": f"uri: {URI}"}}, True),
        ({"hints": {"of": [{"deep": ["else", URI]}]}}, True),
        ({"parameters": {"u": URI.replace("uid-1", "uid-11"), "n": 1, "none": None}}, False),
        ({}, False),
        (None, False),
    ],
)
def test_what_another_run_names_is_kept(spec: object, reads: bool) -> None:  # noqa: FBT001 - a case
    """By a URI in its parameters, its pipeline or its hints; a run of a similar name doesn't count."""
    assert names(spec, "runs/ns/one/uid-1/") is reads
