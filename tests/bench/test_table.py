"""The table that measurements end in."""

from collections.abc import Iterator

from rich.console import Console

from bench.__main__ import take
from bench.rows import Row, table
from moorage.errors import DevClusterError


def test_what_could_not_be_measured_has_its_reason_in_the_table() -> None:
    """The rows taken before stay, the reason is one cell, and the run knows."""

    def measure() -> Iterator[Row]:
        yield Row("first", "1 s")
        message = "no fusermount3:\nset a|b"
        raise DevClusterError(message)

    rows: list[Row] = []
    assert not take("mount_reads", measure, rows, Console(quiet=True))
    assert table(rows).splitlines()[2:] == [
        "| first | 1 s |  |  |  |",
        "| mount_reads | **not measured** | no fusermount3: set a/b |  |  |",
    ]


def test_what_was_measured_is_in_the_table() -> None:
    """An aim that was missed stands out."""
    rows: list[Row] = []
    assert take("x", lambda: [Row("a", "2", "3", "1", met=False)], rows, Console(quiet=True))
    assert table(rows).splitlines()[2:] == ["| a | 2 | 3 | 1 | **no** |"]
