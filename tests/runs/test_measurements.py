"""What earlier runs took: samples in, medians out, bounded."""

import json
from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from moorage.runs import RunRef
from moorage.runs.measurements import MOST_FIGURES, MOST_SAMPLES, History, Measured, history_name
from moorage.wire import read_history, write_history_spec
from pipeline_splitter.reading_hints import read_hints


def measured(uid: str, figures: Mapping[str, float]) -> Measured:
    """A run in which these tasks took so many seconds."""
    return Measured("train", RunRef("fraud", f"run-{uid}", uid), "d", "2026-11-29T12:00:00Z", seconds=figures)


def test_one_slow_run_moves_nothing() -> None:
    """The median is given on, not the mean."""
    history = History("train")
    for uid, seconds in (("a", 10.0), ("b", 11.0), ("c", 900.0)):
        history = history.with_run(measured(uid, {"fit": seconds}))
    assert history.hints()["tasks"] == {"fit": {"seconds": 11.0}}


def test_a_run_teaches_once() -> None:
    """However often it is written down."""
    once = History("train").with_run(measured("a", {"fit": 10.0}))
    assert once.with_run(measured("a", {"fit": 99.0})) is once


def test_only_the_last_runs_count() -> None:
    """What is older falls out, runs and samples alike."""
    history = History("train")
    for number in range(30):
        history = history.with_run(measured(f"u{number}", {"fit": float(number)}))
    assert [run.uid for run in history.runs] == [f"u{number}" for number in range(30 - MOST_SAMPLES, 30)]
    assert history.tasks["fit"].seconds == tuple(float(number) for number in range(30 - MOST_SAMPLES, 30))


def test_a_history_is_bounded_and_keeps_what_ran_last() -> None:
    """A pipeline whose tasks have new names each time does not fill the API server."""
    history = History("train")
    for number in range(5):
        history = history.with_run(measured(f"u{number}", {f"t{number}-{task}": 1.0 for task in range(1000)}))
    assert len(history.tasks) == MOST_FIGURES
    assert {f"t4-{task}" for task in range(1000)} <= history.tasks.keys()
    assert len(json.dumps(write_history_spec(history))) < 500_000


def test_hints_are_hints() -> None:
    """What is given on can be read as a file of hints, and a person's word wins field by field."""
    history = History("train").with_run(
        Measured(
            "train", RunRef("fraud", "r", "u"), seconds={"fit": 12.5}, iterations={"loop": 3}, sizes={"fit.model": 7}
        )
    )
    hints = read_hints([("measured", [history.hints()]), ("mine", [{"tasks": {"fit": {"seconds": 1, "cpu": 4}}}])])
    assert (hints.tasks["fit"].seconds, hints.tasks["fit"].cpu) == (1.0, 4.0)
    assert (hints.tasks["loop"].iterations, hints.artifacts["fit.model"]) == (3, 7.0)
    assert hints.measured == {("tasks", "loop"), ("artifacts", "fit.model")}


NAMES = st.text("abcXYZ-/. é", min_size=1, max_size=20)


@settings(deadline=None)
@given(
    st.lists(
        st.builds(
            Measured,
            st.just("train"),
            st.builds(RunRef, st.just("ns"), st.just("run"), st.uuids().map(str)),
            st.just("d" * 64),
            st.just("2026-11-29T12:00:00Z"),
            seconds=st.dictionaries(NAMES, st.floats(0, 1e7), max_size=4),
            iterations=st.dictionaries(NAMES, st.integers(0, 1000), max_size=2),
            sizes=st.dictionaries(NAMES, st.integers(0, 2**50), max_size=4),
        ),
        max_size=12,
    )
)
def test_a_history_is_read_back(runs: list[Measured]) -> None:
    """Whatever runs there were, the object holds what the record says, to the millisecond."""
    history = History("train")
    for run in runs:
        history = history.with_run(run)
    raw = {"metadata": {"name": "train", "generation": 4}, "spec": write_history_spec(history)}
    found = read_history(raw)
    assert (found.runs, found.sizes, found.version) == (history.runs, history.sizes, 4)
    assert write_history_spec(found) == write_history_spec(history)


@settings(deadline=None)
@given(st.text(min_size=1, max_size=80), st.text(min_size=1, max_size=80))
def test_names_are_labels_and_never_shared(one: str, other: str) -> None:
    """Whatever a pipeline is called."""
    names = [history_name(one), history_name(other)]
    assert all(len(name) <= 63 and name.strip("-") == name and name.isascii() for name in names)
    assert (names[0] == names[1]) == (one == other)
