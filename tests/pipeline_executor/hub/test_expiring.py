"""When what a run left is deleted, and what keeps it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from moorage.runs import RunPhase, RunRef
from pipeline_executor.hub.controller import read_mark
from pipeline_executor.hub.expiring import Expiry, expiry_of
from pipeline_executor.hub.referring import MOST_REFERRED, Readers, referred
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


ONE = RunRef("ns", "one", "uid-1")
URI = "s3://bucket/runs/ns/one/uid-1/data/make/1/data"
TWO_IN_ONE = "runs/ns/runs/ns/one/uid-1/data"


@pytest.mark.parametrize(
    ("spec", "reads"),
    [
        ({"parameters": {"u": URI}}, True),
        ({"pipeline": {"inline": f"uri: {URI}"}}, True),
        ({"hints": {"of": [{"deep": ["else", URI]}]}}, True),
        ({"parameters": {"u": TWO_IN_ONE}}, True),
        ({"parameters": {"u": URI.replace("uid-1", "uid-11"), "n": 1, "none": None}}, False),
        ({"parameters": {"u": URI.replace("runs/ns/", "runs/other/")}}, False),
        ({}, False),
        (None, False),
    ],
)
def test_what_another_run_names_is_kept(spec: object, reads: bool) -> None:  # noqa: FBT001 - a case
    """By a URI in its parameters, its pipeline or its hints; a run of a similar name doesn't count."""
    readers = Readers()
    readers.change("ns", "reader", frozenset(), referred(spec, RunRef("ns", "reader", "uid-2")))
    assert readers.of(ONE) == ("reader" if reads else "")


def test_a_run_does_not_keep_itself() -> None:
    """Its own URIs are in its parameters where it was submitted again."""
    assert referred({"parameters": {"u": URI}}, ONE) == frozenset()


def test_a_run_that_names_very_many_keeps_all_but_itself() -> None:
    """What is kept of a run is bounded, and nothing that it reads is deleted for that."""
    many = [URI.replace("/one/", f"/run-{number}/") for number in range(MOST_REFERRED)]
    reader = RunRef("ns", "reader", "uid-2")
    assert len(referred(many, reader) or ()) == MOST_REFERRED
    refers = referred([*many, URI], reader)
    assert refers is None
    readers = Readers()
    readers.change("ns", "reader", frozenset(), refers)
    assert (readers.of(RunRef("ns", "any", "u")), readers.of(RunRef("other", "any", "u"))) == ("reader", "")
    assert readers.of(reader) == ""
    readers.change("ns", "reader", refers, frozenset())
    assert len(readers) == 0


def test_who_reads_no_more_keeps_nothing() -> None:
    """A spec that changes, and a run that is deleted; what nobody names is not kept in memory."""
    readers, named = Readers(), frozenset({"one/uid-1"})
    for name in ("first", "second"):
        readers.change("ns", name, frozenset(), named)
    assert readers.of(ONE) == "first"
    readers.change("ns", "first", named, frozenset({"other/uid-3"}))
    assert readers.of(ONE) == "second"
    readers.change("ns", "second", named, frozenset())
    readers.change("ns", "first", frozenset({"other/uid-3"}), frozenset())
    assert (readers.of(ONE), len(readers)) == ("", 0)


def test_the_mark_of_a_run_says_what_it_reads() -> None:
    """So that nobody has to read its spec again."""
    metadata = {"namespace": "ns", "name": "reader", "uid": "uid-2"}
    assert read_mark({"metadata": metadata, "spec": {"parameters": {"u": URI}}}).refers == frozenset({"one/uid-1"})
