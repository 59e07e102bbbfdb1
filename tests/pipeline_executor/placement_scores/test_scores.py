"""What a cluster's score for a Dataset is: the nearness of its best site, or the worst where no copy may be."""

from datetime import UTC, datetime

import pytest

from moorage.model import Classification, Dataset, DatasetRef, Link
from moorage.sites import Inventory
from pipeline_executor.placement_scores.scores import (
    NAME,
    chosen,
    of_cluster,
    of_sites,
    read_written,
    score_name,
    score_object,
    status_patch,
)
from tests.builders import make_dataset, make_site

_SITES = Inventory.of(
    [
        make_site("eu-1", "DE", links={"us-1": Link(bytes_per_second=1e8, latency_seconds=0.0)}),
        make_site("us-1", "US", default_link=Link(bytes_per_second=5e8, latency_seconds=0.0)),
        make_site("ap-1", "JP"),
    ]
)


def _claims(*sites: str, size_bytes: int = 10**10) -> Dataset:
    return make_dataset("claims").at(*sites).sized(size_bytes).obj()


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        # From eu-1: 10 s within the site, 100 s to us-1, 80.05 s to ap-1 by the constants.
        (_claims("eu-1"), {"eu-1": 90, "us-1": 0, "ap-1": 19}),
        (_claims("eu-1", "us-1", "ap-1"), {"eu-1": 0, "us-1": 0, "ap-1": 0}),
        (_claims("eu-1", size_bytes=0), {"eu-1": 100, "us-1": 100, "ap-1": 100}),
        (make_dataset("claims").at("eu-1").staying_in("EU").obj(), {"eu-1": 0, "us-1": -100, "ap-1": -100}),
        (
            make_dataset("claims").at("eu-1").denied_at("ap-1").sized(10**10).obj(),
            {"eu-1": 90, "us-1": 0, "ap-1": -100},
        ),
        (make_dataset("claims").obj(), {"eu-1": -100, "us-1": -100, "ap-1": -100}),
        (
            make_dataset("claims").at("eu-1").classified(Classification.RESTRICTED).obj(),
            {"eu-1": -100, "us-1": -100, "ap-1": -100},
        ),
    ],
    ids=["near", "everywhere", "empty", "residency", "denied", "nowhere", "clearance"],
)
def test_a_site_is_scored_by_the_seconds_that_the_data_would_take(dataset: Dataset, expected: dict[str, int]) -> None:
    """As a node is: the slowest that is permitted has 0. Where the Dataset's rules let no copy be, it is the worst."""
    assert of_sites(dataset, _SITES) == expected


def test_a_cluster_is_as_near_as_its_best_site() -> None:
    """Sites that no Site object describes count for nothing."""
    by_dataset = {DatasetRef("steward", "claims"): {"eu-1": 90, "us-1": 0, "ap-1": -100}}
    for sites, score in ((("eu-1",), 90), (("us-1", "eu-1"), 90), (("ap-1", "us-1"), 0), (("no-such",), -100)):
        assert of_cluster(sites, by_dataset) == {"steward.claims": score}


def test_too_many_datasets_leave_none_of_the_namespaces_out() -> None:
    """Each namespace has its turn, so one that has thousands can't push another's out."""
    many = [DatasetRef("a", f"d{number:04}") for number in range(5000)]
    few = [DatasetRef("z", "claims"), DatasetRef("z", "rates")]
    kept = chosen([*many, *few], most=10)
    assert [ref for ref in kept if ref.namespace == "z"] == few
    assert len(kept) == len(set(kept)) == 10
    assert chosen(few) == few


def test_what_is_written_is_read_back() -> None:
    """With the time until which it counts, to the second."""
    until = datetime(2027, 1, 15, 8, tzinfo=UTC).timestamp()
    scored = {score_name(DatasetRef("steward", "claims")): -100, score_name(DatasetRef("steward", "rates")): 90}
    raw = score_object("cluster-us", "hub") | {"status": status_patch("cluster-us", scored, until)["status"]}
    assert raw["status"]["validUntil"] == "2027-01-15T08:00:00Z"
    seen = read_written(raw)
    assert (seen.cluster, seen.name, seen.scores, seen.valid_until_seconds) == ("cluster-us", NAME, scored, until)
    assert read_written(score_object("cluster-us", "hub")).valid_until_seconds == 0.0
