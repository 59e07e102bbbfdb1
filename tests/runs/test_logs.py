"""Logs in a listing: which attempts there are, and where the next bytes are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.runs.logs import AttemptLog, Extent, attempt_logs, sites_of


def test_attempts_of_a_listing() -> None:
    """By number; what belongs to a task inside of this one, or is no attempt, is passed over."""
    objects = {
        "2/started": 0,
        "10/log.1": 5,
        "10/log.2": 7,
        "10/log.4": 1,
        "2/log": 30,
        "2/ended": 200,
        "2/log.1": 4,
        "evaluate/1/log": 3,
        "1/evaluate/log": 3,
        "0/log": 1,
        "01/log": 1,
        "x/log": 1,
        "3": 1,
    }
    assert attempt_logs(objects.items()) == [
        AttemptLog(2, log_bytes=30, part_bytes=(4,), ended=True),
        AttemptLog(10, part_bytes=(5, 7)),
    ]


@pytest.mark.parametrize(
    ("log", "offset", "extent"),
    [
        (AttemptLog(1), 0, None),
        (AttemptLog(1, part_bytes=(5, 7)), 0, Extent("log.1", 0, 5)),
        (AttemptLog(1, part_bytes=(5, 7)), 4, Extent("log.1", 4, 1)),
        (AttemptLog(1, part_bytes=(5, 7)), 5, Extent("log.2", 0, 7)),
        (AttemptLog(1, part_bytes=(5, 7)), 12, None),
        (AttemptLog(1, log_bytes=20, part_bytes=(5, 7)), 12, Extent("log", 12, 8)),
        (AttemptLog(1, log_bytes=20), 20, None),
        (AttemptLog(1, log_bytes=3, part_bytes=(5, 7)), 12, None),
    ],
)
def test_where_the_next_bytes_are(log: AttemptLog, offset: int, extent: Extent | None) -> None:
    """In the whole log where it is there, else in a part; nowhere once all is read."""
    assert log.extent(offset) == extent


def test_what_is_complete() -> None:
    """Only a whole log that is read to its end; an empty one is, too."""
    assert not AttemptLog(1, part_bytes=(5,)).is_complete(5)
    assert not AttemptLog(1, log_bytes=6).is_complete(5)
    assert AttemptLog(1, log_bytes=5).is_complete(5)
    assert AttemptLog(1, log_bytes=0).is_complete(0)


@given(st.binary(max_size=60), st.lists(st.integers(1, 9), max_size=9), st.integers(0, 60), st.integers(1, 7))
def test_pieces_are_the_log(content: bytes, cuts: list[int], becomes_whole_at: int, most: int) -> None:
    """Whatever the parts, and whenever the whole log takes their place: what is read piece by piece is the log."""
    parts, rest = [], content
    for cut in cuts:
        if rest[:cut]:
            parts.append(rest[:cut])
        rest = rest[cut:]
    parts += [rest] if rest else []
    objects = {f"log.{number}": part for number, part in enumerate(parts, 1)}
    read = b""
    while True:
        whole = len(content) if len(read) >= becomes_whole_at else None
        log = AttemptLog(1, whole, tuple(len(part) for part in parts))
        extent = log.extent(len(read))
        if extent is None:
            break
        held = content if extent.what == "log" else objects[extent.what]
        assert len(held) - extent.start == extent.size_bytes
        read += held[extent.start :][:most]
    assert read == content


def test_sites_where_a_log_may_be() -> None:
    """The task's own first; for one of a loop's iterations the loop's; then those of the groups."""
    status = {
        "tasks": [{"name": "train", "site": "us-1"}, {"name": "make", "site": "eu-1"}],
        "groups": [{"site": "eu-1"}, {"site": "us-1"}, {"site": "eu-1"}],
    }
    assert sites_of(status, "make") == ["eu-1", "us-1"]
    assert sites_of(status, "train#2/evaluate") == ["us-1", "eu-1"]
    assert sites_of(status, "unknown") == ["eu-1", "us-1"]
    assert sites_of({}, "make") == []
