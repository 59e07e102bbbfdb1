"""What files and stores say ends up in the status bounded, as its schema wants it."""

import pytest

from dataset_operator.status import MOST_COLUMN_TEXT, write_status
from dataset_operator.verdict import Verdict, refuse_spec
from moorage.errors import InputError
from moorage.model import Column, DatasetStatus, SourceStatus
from moorage.wire import read_dataset

NOW = "2026-11-20T12:00:00Z"


def written(status: DatasetStatus) -> dict[str, object]:
    """The status as it is written where there was none."""
    return write_status(Verdict(status=status, conditions=(), sites="eu-1"), {}, 1, NOW)


def test_sizes_beyond_what_the_api_counts_with_are_the_largest() -> None:
    """A store may claim objects of any size; a status that the API server refuses would tell nothing at all."""
    source = SourceStatus("eu-1", reachable=True, reason="Listed", size_bytes=10**30, objects=10**30)
    status = written(DatasetStatus(size_bytes=10**30, objects=7, sources=(source,)))
    assert (status["bytes"], status["objects"]) == (2**63 - 1, 7)
    assert status["sources"] == [
        {"site": "eu-1", "reachable": True, "reason": "Listed", "bytes": 2**63 - 1, "objects": 2**63 - 1}
    ]


def test_columns_are_listed_up_to_a_total() -> None:
    """The first ones; a thousand of ordinary length are all listed."""
    ordinary = tuple(Column(f"column_{number:04}", "dictionary<string>") for number in range(1000))
    assert len(written(DatasetStatus(columns=ordinary))["schema"]) == 1000  # type: ignore[arg-type]
    long = tuple(Column(f"{number:0253}", "string") for number in range(1000))
    listed = written(DatasetStatus(columns=long))["schema"]
    assert isinstance(listed, list)
    assert len(listed) == MOST_COLUMN_TEXT // 259


def test_a_password_that_was_stored_before_leaves_the_status() -> None:
    """A Dataset that is older than the rule: its spec is refused without being repeated, and so is what was said."""
    s3 = {"endpoint": "https://me:hunter2@s3.example.com", "bucket": "b"}
    raw = {"metadata": {"name": "d", "namespace": "n"}, "spec": {"sources": [{"site": "eu-1", "s3": s3}]}}
    with pytest.raises(InputError) as refused:
        read_dataset(raw)
    said = SourceStatus("eu-1", reachable=False, reason="AccessDenied", message="s3://b at https://me:hunter2@s3 ...")
    verdict = refuse_spec(refused.value, DatasetStatus(sources=(said,)), [])
    status = write_status(verdict, {}, 1, NOW)
    assert "hunter2" not in str(status)
    assert "no user:password@" in str(status["conditions"])
