"""Seconds, wherever they are read: `s`, `min` and `h`, and never a quantity's thousandths."""

from collections.abc import Callable
from fractions import Fraction

import pytest

from moorage.errors import InputError
from moorage.model import DatasetRef
from moorage.reading.duration import parse_seconds
from moorage.wire import read_dataset, read_site
from pipeline_splitter.hints import Hints
from pipeline_splitter.reading_hints import read_hints
from tests.pipeline_splitter.kfp.ir import dag, leaf, platform, pod, read, spec, task

ACCEPTED = {
    "120": 120,
    "1.5": Fraction(3, 2),
    "1e3": 1000,
    "90s": 90,
    "5min": 300,
    "5 min": 300,
    "1.5h": 5400,
    ".5h": 1800,
    "0": 0,
}
LONG = "1" * 100_000
REFUSED = (
    "5m",
    "500m",
    "2k",
    "1Gi",
    "5ms",
    "5M",
    "1d",
    "5 minutes",
    "h",
    "",
    "1h30min",
    "nan",
    "inf",
    "0x10",
    "5m\n",
    "1" * 100_000,
)


@pytest.mark.parametrize("text", ACCEPTED)
def test_a_duration_is_exact(text: str) -> None:
    """In seconds."""
    assert parse_seconds(text) == ACCEPTED[text]


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_duration_is_refused(text: str) -> None:
    """A quantity's suffixes most of all."""
    with pytest.raises(ValueError, match="is not a duration: write seconds, or a number with s, min or h"):
        parse_seconds(text)


def test_who_writes_m_is_told_of_minutes() -> None:
    """For that is what is meant."""
    with pytest.raises(ValueError, match="for minutes write 5min"):
        parse_seconds("5m")


def by_hint(value: object) -> float | None:
    """`tasks[t].seconds` of hints."""
    return read_hints([("hints.yaml", [{"tasks": {"t": {"seconds": value}}}])]).tasks["t"].seconds


def by_default(value: object) -> float | None:
    """`defaults.taskSeconds` of hints."""
    return read_hints([("hints.yaml", [{"defaults": {"taskSeconds": value}}])]).defaults.task_seconds


def by_annotation(value: object) -> float | None:
    """A pod's annotation, which is a text."""
    components = {"make": leaf("exec-make")}
    documents = spec(dag({"t": task("make")}), components)
    configured = platform({"exec-make": pod(annotations={"moorage.dev/seconds": str(value)})})
    graph, _ = read(documents, configured, hints=Hints())
    return graph.tasks["t"].seconds


def by_release(value: object) -> float | None:
    """A release that a Dataset declares."""
    release = {"name": "totals", "component": {"image": "python:3.11"}, "yields": {}, "seconds": value}
    raw = {
        "kind": "Dataset",
        "metadata": {"name": "claims", "namespace": "steward"},
        "spec": {
            "sources": [{"site": "eu-1", "s3": {"endpoint": "https://s3.example", "bucket": "b"}}],
            "governance": {"releases": [release]},
        },
    }
    dataset = read_dataset(raw)
    assert dataset.ref == DatasetRef("steward", "claims")
    return dataset.governance.releases[0].seconds


def by_link(value: object) -> float | None:
    """A Site's latency."""
    raw = {"kind": "Site", "metadata": {"name": "eu-1"}, "spec": {"defaultLink": {"latencySeconds": value}}}
    return read_site(raw).default_link.latency_seconds


READERS = pytest.mark.parametrize("reader", [by_hint, by_default, by_annotation, by_release, by_link])


@READERS
def test_minutes_are_minutes_everywhere(reader: Callable[[object], float | None]) -> None:
    """And so are hours, and plain numbers."""
    assert [reader(value) for value in ("5min", "2h", "7s", 1.5, "0.25")] == [300, 7200, 7, 1.5, 0.25]


@READERS
@pytest.mark.parametrize("text", ["5m", "500m", "2k", "-1", "-1min"])
def test_thousandths_are_refused_everywhere(reader: Callable[[object], float | None], text: str) -> None:
    """`5m` is not 5 milliseconds, and no time runs backwards."""
    with pytest.raises(InputError):
        reader(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("5m", 300), ("5min", 300), ("100ms", Fraction(1, 10)), ("1.5h", 5400), ("0", 0), (7, 7)],
)
def test_options_as_kubectl_has_them_take_minutes(text: str | float, seconds: float | Fraction) -> None:
    """There `5m` can mean nothing else."""
    assert parse_seconds(text, as_kubectl=True) == seconds


@pytest.mark.parametrize("text", ["soon", "", "1d", "1h30m", "nan", "1" * 100_000])
def test_what_kubectl_refuses_is_refused(text: str) -> None:
    """With what to write."""
    with pytest.raises(ValueError, match="write 30s, 5m or 1h"):
        parse_seconds(text, as_kubectl=True)
