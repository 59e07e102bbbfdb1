"""What a changed Dataset would mean for those who read and write it."""

from dataclasses import replace

import pytest

from moorage.access import Access
from moorage.model import Classification, Dataset, DatasetStatus, Governance, Revocation, Site
from moorage.sites import Inventory
from moorage.sources.s3 import S3Source
from moorage_cli.differences import differences
from tests.builders import make_dataset

SITES = Inventory.of([Site("eu-1", "DE"), Site("us-1", "US")])
NOW = replace(make_dataset("claims").at("eu-1").obj(), status=DatasetStatus(in_use_by=("a/b",), in_use_count=2))
EU = Governance(residency=frozenset({"EU"}))


def told(after: Dataset, before: Dataset | None = NOW) -> list[str]:
    """What differs."""
    return differences(before, after, SITES)


def test_nothing_differs() -> None:
    """Whatever the status says meanwhile."""
    assert told(replace(NOW, status=DatasetStatus(), uid="x", generation=7)) == []


def test_a_stricter_rule() -> None:
    """The sentence, the Sites where it refuses, and what it means for the pods that read now."""
    stricter = replace(NOW, governance=EU)
    assert told(stricter) == [
        "- At any site, for any purpose.",
        "+ It stays in EU: only sites whose jurisdiction lies there.",
        "  At us-1, readers would be refused: ResidencyViolated.",
        "  2 pods read it now and keep their mounts until they end.",
    ]
    immediate = replace(stricter, revocation=Revocation.IMMEDIATE)
    assert told(immediate)[-1] == ("  2 pods read it now: whichever may not any more loses its mount within a minute.")
    assert told(NOW, stricter)[2] == "  At us-1, readers would be permitted; now they are refused: ResidencyViolated."


@pytest.mark.parametrize(
    ("after", "line"),
    [
        (replace(NOW, access=Access.READ_WRITE), "may write to it"),
        (replace(NOW, allow_empty=True), "+ Pods may mount it while it is empty."),
        (replace(NOW, claim=True), "need no label."),
        (replace(NOW, governance=Governance(Classification.RESTRICTED)), "+ It is restricted"),
    ],
)
def test_each_change_has_a_line(after: Dataset, line: str) -> None:
    """Of those that somebody notices."""
    assert any(line in each for each in told(after))


def test_what_nobody_notices() -> None:
    """Other keys for the same data."""
    (source,) = NOW.sources
    location = source.location
    assert isinstance(location, S3Source)
    other = replace(NOW, sources=(replace(source, location=replace(location, secret_name="other")),))
    assert told(other) == ["  Readers and writers would not notice: `kubectl diff` shows the fields that differ."]


def test_a_new_dataset() -> None:
    """All that would hold."""
    lines = told(NOW, None)
    assert lines
    assert all(line.startswith("+ ") for line in lines)
