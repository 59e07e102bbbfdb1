"""What `bench shared_memory` says of its figures."""

from bench.shared_memory.rounds import fits, rows
from bench.small_objects import row


def test_ours_stands_beside_each_of_the_others() -> None:
    """By how many times they take longer; aims are for vineyard, and for a store from 64 MiB on."""
    told = {row.against.partition(":")[0]: row for row in rows(64, {"ours": 0.1, "vineyard": 0.15, "parquet": 0.7})}
    assert (told["vineyard"].against, told["vineyard"].met) == ("vineyard: 150.0 ms (1.50x)", True)
    store = told["Parquet through an S3 server here"]
    assert (store.value, store.met) == ("100.0 ms", False)
    small = list(rows(1, {"ours": 0.1, "vineyard": 0.05, "parquet": 0.7}))
    assert [row.met for row in small] == [False, None]


def test_what_does_not_fit_is_not_measured() -> None:
    """Each way has the bytes in memory several times at once."""
    assert [fits(way, 1024, 6 * 1024) for way in ("ours", "vineyard", "pickle", "parquet")] == [True] * 4
    assert [fits(way, 4096, 6 * 1024) for way in ("ours", "vineyard", "pickle", "parquet")] == [
        True,
        True,
        False,
        False,
    ]


def test_small_objects_have_an_aim() -> None:
    """So many in a second; beside them, what others do."""
    assert row("puts", 10, 120_000.0, 50_000.0, 30_000.0).met is True
    assert row("gets", 10, 20_000.0, 50_000.0, 30_000.0).met is False
