"""The messages between a task's sidecar and the task API."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.errors import InputError
from pipeline_executor.task_sidecar import exchange
from pipeline_executor.task_sidecar.exchange import (
    InputFile,
    InputPage,
    InputView,
    OutputFile,
    OutputReport,
    OutputView,
    PieceRequest,
    TaskLimits,
    TaskView,
)

SHA = "0" * 64
LIMITS = TaskLimits(files=3, size_bytes=100, depth=4, text_bytes=20)


def test_each_message_comes_back() -> None:
    """What one side writes the other reads."""
    view = TaskView(
        (InputView("/s3/runs/a", 2, 10),),
        (OutputView("model", "/s3/runs/b", is_artifact=True), OutputView("loss", "/moorage/loss", is_artifact=False)),
        "/moorage/output.json",
        LIMITS,
        "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n",
    )
    assert exchange.read_task(exchange.write_task(view)) == view
    page = InputPage((InputFile(0, "", 5, "", "https://s3/x?y=z"), InputFile(1, "a/b", 5, SHA, "https://s3/q")), 2)
    assert exchange.read_inputs(exchange.write_inputs(page)) == page
    last = InputPage((), None)
    assert exchange.read_inputs(exchange.write_inputs(last)) == last
    pieces = (PieceRequest("model", "a/ü", 5), PieceRequest("model", "", 1 << 40, 7))
    assert exchange.read_pieces(exchange.write_pieces(pieces)) == pieces
    assert exchange.read_urls(exchange.write_urls(["https://a", "https://b"]), 2) == ("https://a", "https://b")
    report = OutputReport((OutputFile("model", "a", 5, SHA),), {"loss": "0.5\n"}, '{"a":"é"}', 12)
    assert exchange.read_report(exchange.write_report(report), LIMITS) == report
    assert exchange.read_message(exchange.write_message("it\nfailed")) == "it failed"


@pytest.mark.parametrize(
    "path",
    ["/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a\nb", "a\0b", "x" * 901, "ü" * 451, "\ud800", "a/\u202eb"],
)
def test_a_path_stays_below_its_artifact(path: str) -> None:
    """What leads elsewhere, or can't be a key or stand in a message, is refused on both sides."""
    assert exchange.path_problem(path) is not None
    raw = json.dumps({"pieces": [{"output": "model", "path": path, "bytes": 1, "part": 0}]}).encode()
    with pytest.raises(InputError, match=r"pieces\[0\]\.path"):
        exchange.read_pieces(raw)


@given(st.text(max_size=30))
def test_an_accepted_path_is_one_place(path: str) -> None:
    """A path that is accepted names one place below its artifact's, whatever joins it."""
    if exchange.path_problem(path) is None:
        assert not path.startswith("/")
        assert not {"", ".", ".."} & set(path.split("/")) or not path
        path.encode()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"files": [{"output": "m", "path": str(n), "bytes": 1, "sha256": SHA} for n in range(4)]}, "at most 3 files"),
        ({"files": [{"output": "m", "path": "", "bytes": 101, "sha256": SHA}]}, "may give out 100"),
        ({"files": [{"output": "m", "path": "", "bytes": -1, "sha256": SHA}]}, "whole number"),
        ({"files": [{"output": "m", "path": "", "bytes": 1, "sha256": "A" * 64}]}, "SHA-256"),
        ({"files": "all"}, "must be a list"),
        ({"parameters": {"loss": "x" * 21}}, "hand over large values as artifacts"),
        ({"parameters": {"loss": 1}}, "must be texts"),
        ({"executorOutput": "x" * 21}, "hand over large values as artifacts"),
        ({"surprise": 1}, "is not a field here"),
        ({"bytesIn": None}, "is required"),
    ],
)
def test_a_report_is_bounded(change: dict[str, Any], told: str) -> None:
    """More files, bytes or text than an attempt may give out, or a field of the wrong kind, are refused."""
    document = {"files": [], "parameters": {}, "executorOutput": None, "bytesIn": 0, **change}
    with pytest.raises(InputError, match=told):
        exchange.read_report(json.dumps(document).encode(), LIMITS)


def test_a_page_is_bounded() -> None:
    """No request asks for more URLs than a page has."""
    pieces = [PieceRequest("model", str(each), 1) for each in range(exchange.MOST_IN_PAGE + 1)]
    assert exchange.read_pieces(exchange.write_pieces(pieces[:-1]))
    with pytest.raises(InputError, match="at most 500"):
        exchange.read_pieces(exchange.write_pieces(pieces))


def test_the_largest_page_and_report_fit() -> None:
    """What the limits allow fits into the bounds of a message."""
    path = "ü" * 440
    page = [InputFile(0, f"{path}{each:03}", 1 << 60, SHA, "https://s3/" + "x" * 2_000) for each in range(500)]
    assert len(exchange.write_inputs(InputPage(tuple(page), 1))) < exchange.PAGE_BOUNDS.most_bytes
    files = [
        OutputFile("output", f"folder/with/a/name/of/a/hundred/bytes/{each:062}", 1 << 40, SHA)
        for each in range(100_000)
    ]
    report = OutputReport(tuple(files), {"p": "\x01" * 1_000_000})
    assert len(exchange.write_report(report)) < exchange.REPORT_BOUNDS.most_bytes


def test_no_url_is_shown() -> None:
    """A URL is a secret for as long as it is valid: printing the record does not show it."""
    file = InputFile(0, "", 5, SHA, "https://s3/secret")
    assert "secret" not in repr(file)
    assert replace(file, url="https://s3/other") != file
