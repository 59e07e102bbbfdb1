"""What the broker says of caches: on which terms a node fills one, and what of it may stay."""

from dataclasses import replace

import pytest

from broker.caching import fill_terms, standings
from moorage.caching import CacheMode, CachePolicy, Eviction
from moorage.grants.grant import FillTerms
from moorage.grants.standing import Standing
from moorage.model import Classification, Dataset, DatasetRef, Link, Pod, Snapshot, SourceStatus, Usage, UseAs
from moorage.model import DatasetUse as Use
from moorage.sites import Inventory
from tests.builders import make_dataset, make_site

EU = make_site("eu-1", "DE", links={"us-1": Link(bytes_per_second=1e6, latency_seconds=1.0)})
US = make_site("us-1", "US")
INVENTORY = Inventory.of([EU, US])
CLAIMS = make_dataset("claims").at("eu-1").sized(10_000_000, "v1").obj()


def pod(*uses: UseAs) -> Pod:
    """A pod that reads claims."""
    return Pod("steward", "reader", "uid", "default", Usage((Use(0, CLAIMS.ref, frozenset(uses)),)))


def test_terms_of_a_far_source() -> None:
    """Size, the seconds over the link, and the version that a copy must have."""
    terms = fill_terms(CLAIMS, CLAIMS.sources[0], "us-1", pod(UseAs.MOUNT), INVENTORY)
    assert terms == FillTerms(size_bytes=10_000_000, far_seconds=11.0, listed_version="v1", asked=False)


@pytest.mark.parametrize(("uses", "asked"), [([UseAs.MOUNT], False), ([UseAs.CACHE], True), ([*UseAs], True)])
def test_a_label_asks_for_a_cache(uses: list[UseAs], asked: bool) -> None:  # noqa: FBT001 - a table's column
    """As the API server vouches for it."""
    terms = fill_terms(CLAIMS, CLAIMS.sources[0], "us-1", pod(*uses), INVENTORY)
    assert terms is not None
    assert terms.asked is asked


def test_a_pinned_snapshot_is_not_copied() -> None:
    """Its version says nothing of the folder's files, so no copy could be verified; a snapshot that is followed is."""
    for pinned in (False, True):
        status = replace(CLAIMS.status, snapshot=Snapshot(5, "metadata/v1.json", pinned))
        terms = fill_terms(replace(CLAIMS, status=status), CLAIMS.sources[0], "us-1", pod(UseAs.CACHE), INVENTORY)
        assert (terms is None) is pinned


def listed(*versions: str | None) -> Dataset:
    """A dataset with copies at both sites, listed so."""
    both = make_dataset("claims").at("eu-1", "us-1").sized(10, "v1").obj()
    told = tuple(
        SourceStatus(site, reachable=True, reason="Listed", version=version)
        for site, version in zip(("eu-1", "us-1"), versions, strict=True)
    )
    return replace(both, status=replace(both.status, sources=told))


def test_a_copy_is_verified_by_its_own_listing() -> None:
    """Its etags are others than the first source's; one that was never listed verifies nothing."""
    dataset = listed("v1", "w1")
    terms = fill_terms(dataset, dataset.sources[1], "us-1", pod(), INVENTORY)
    assert terms is not None
    assert terms.listed_version == "w1"
    unlisted = listed("v1", None)
    assert fill_terms(unlisted, unlisted.sources[1], "us-1", pod(), INVENTORY) is None


def test_nothing_is_filled_before_the_operator_has_looked() -> None:
    """Nobody could say what a copy must be."""
    new = make_dataset("claims").at("eu-1").obj()
    assert fill_terms(new, new.sources[0], "us-1", pod(), INVENTORY) is None


def standing(dataset: Dataset | None, site: str = "us-1") -> Standing:
    """What may stay at a node of the site."""
    (found,) = standings([CLAIMS.ref, CLAIMS.ref], lambda _: dataset, "us-1-a", INVENTORY.place(site), INVENTORY)
    return found


def test_what_may_stay() -> None:
    """With what evicting weighs it by."""
    cached = replace(CLAIMS, cache=CachePolicy(CacheMode.ALWAYS, 5))
    assert standing(cached) == Standing(
        ref=CLAIMS.ref, version="v1", size_bytes=10_000_000, far_seconds=11.0, mode=CacheMode.ALWAYS, limit_bytes=5
    )


@pytest.mark.parametrize(
    ("evictions", "before"),
    [
        ([], None),
        ([Eviction(5)], 5),
        ([Eviction(5, site="us-1")], 5),
        ([Eviction(5, site="eu-1")], None),
        ([Eviction(5, node="us-1-a")], 5),
        ([Eviction(5, node="us-1-b")], None),
        ([Eviction(5), Eviction(7, site="us-1"), Eviction(9, node="us-1-b")], 7),
    ],
)
def test_which_copies_are_to_leave(evictions: list[Eviction], before: int | None) -> None:
    """The latest wish that means this node."""
    dataset = replace(CLAIMS, cache=CachePolicy(evictions=tuple(evictions)))
    assert standing(dataset).evict_before == before


@pytest.mark.parametrize(
    ("dataset", "site", "rule"),
    [
        (None, "us-1", "DatasetUnknown"),
        (make_dataset("claims").at("eu-1").staying_in("EU").obj(), "us-1", "ResidencyViolated"),
        (make_dataset("claims").at("eu-1").staying_in("EU").obj(), "eu-1", ""),
        (make_dataset("claims").at("eu-1").classified(Classification.RESTRICTED).obj(), "eu-1", "ClearanceTooLow"),
        (make_dataset("claims").at("eu-1").denied_at("us-1").obj(), "us-1", "SiteDenied"),
        (make_dataset("claims").at("eu-1").confidential_only().obj(), "us-1", "ConfidentialComputeRequired"),
        (make_dataset("claims").at("eu-1").obj(), "nowhere", "SiteUnknown"),
        (make_dataset("claims").in_memory_at("eu-1").obj(), "eu-1", ""),
        (make_dataset("claims").in_memory_at("eu-1").obj(), "us-1", "SiteUnknown"),
        # Who may read is asked at each publish; a copy is bound by the rules of its site.
        (make_dataset("claims").at("eu-1").for_consumers("lab/x").for_purposes("care").obj(), "us-1", ""),
    ],
)
def test_what_must_go(dataset: Dataset | None, site: str, rule: str) -> None:
    """Deleted, re-classified, or no longer for this site; with a sentence."""
    found = standing(dataset, site)
    assert (found.rule, bool(found.message)) == (rule, bool(rule))
    assert found.permitted is not bool(rule)


def test_a_node_learns_which_dataset_has_the_name() -> None:
    """What is in its memory is of one Dataset, and not of a later one."""
    assert standing(replace(CLAIMS, uid="6ff6ac31")).uid == "6ff6ac31"


def test_each_is_answered_once_and_in_order() -> None:
    """Also where a node names one twice."""
    refs = [DatasetRef("a", "b"), CLAIMS.ref, DatasetRef("a", "b")]
    told = standings(refs, lambda _: None, "eu-1-a", INVENTORY.place("eu-1"), INVENTORY)
    assert [each.ref for each in told] == [DatasetRef("a", "b"), CLAIMS.ref]
