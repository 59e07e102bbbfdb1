"""What `kubectl dataset available` says of one Dataset."""

from moorage_cli.available import where


def test_where_a_dataset_may_be_read() -> None:
    """Sites that were not asked about are counted, so that nobody takes silence for a refusal."""
    assert where({"sites": ["eu-1", "us-1"]}) == "eu-1, us-1"
    assert where({"rule": "PurposeMissing"}) == "nowhere: PurposeMissing"
    assert where({"sites": ["eu-1"], "more": 3}) == "eu-1 (3 more Sites: see why)"
