"""What `bench shared_memory` says of its figures."""

from bench.shared_memory.rounds import rows


def test_ours_stands_beside_each_of_the_others() -> None:
    """By how many times they take longer; aims are for vineyard, and for a store from 64 MiB on."""
    told = {row.against.partition(":")[0]: row for row in rows(64, {"ours": 0.1, "vineyard": 0.15, "parquet": 0.7})}
    assert (told["vineyard"].against, told["vineyard"].met) == ("vineyard: 150.0 ms (1.50x)", True)
    store = told["Parquet through an S3 server here"]
    assert (store.value, store.met) == ("100.0 ms", False)
    small = list(rows(1, {"ours": 0.1, "vineyard": 0.05, "parquet": 0.7}))
    assert [row.met for row in small] == [False, None]
