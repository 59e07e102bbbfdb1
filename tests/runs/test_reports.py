"""`run.json` is read back as it was written."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.errors import InputError
from moorage.runs import RunRef
from moorage.runs.reports import (
    ReportedGroup,
    ReportedTask,
    ReportedTransfer,
    RunReport,
    TaskActual,
    Totals,
    TransferActual,
)

NUMBERS = st.integers(0, 2**50)
SECONDS = st.floats(0, 1e9)
NAMES = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=300)
WORDS = st.text("abc-1", min_size=1, max_size=10)
TIMES = st.sampled_from(["", "2026-11-29T12:00:00Z"])
TASKS = st.builds(
    ReportedTask,
    NAMES,
    WORDS,
    WORDS,
    SECONDS,
    st.none() | st.builds(TaskActual, st.none() | SECONDS, NUMBERS, NUMBERS, NUMBERS, WORDS, TIMES, TIMES),
)
TRANSFERS = st.builds(
    ReportedTransfer,
    st.sampled_from(["artifact", "dataset", "file"]),
    NAMES,
    WORDS,
    WORDS,
    SECONDS,
    SECONDS,
    st.none() | st.builds(TransferActual, NUMBERS, st.none() | SECONDS),
)
REPORTS = st.builds(
    RunReport,
    st.builds(RunRef, WORDS, WORDS, WORDS),
    NAMES,
    WORDS,
    WORDS,
    WORDS,
    st.integers(1, 9),
    st.lists(TASKS, max_size=3).map(tuple),
    st.lists(TRANSFERS, max_size=3).map(tuple),
    st.builds(Totals, SECONDS, SECONDS),
    st.builds(Totals, SECONDS, st.none() | SECONDS),
    st.lists(st.builds(ReportedGroup, WORDS, WORDS, WORDS, st.integers(1, 9)), max_size=2).map(tuple),
    TIMES,
    TIMES,
)


@settings(deadline=None)
@given(REPORTS)
def test_a_report_is_read_back(report: RunReport) -> None:
    """Whatever tasks are called, and whatever is not known of them."""
    assert RunReport.read(report.write()) == report


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"apiVersion": "moorage.dev/v1alpha1", "kind": "Plan"}', b"\xff"]
)
def test_what_is_no_report_is_refused(content: bytes) -> None:
    """With the file and the field."""
    with pytest.raises(InputError, match=r"run\.json"):
        RunReport.read(content)
