"""The policy at release: by what the plan went by, and by the Datasets as they are."""

from dataclasses import replace

import pytest

from moorage.model import Classification, Component, Dataset, DatasetRef, Governance, Release, Site, Source
from moorage.sites import Inventory
from moorage.sources.s3 import S3Source
from pipeline_executor.hub.inforce import InForce
from pipeline_executor.hub.rules import as_now, refusal
from tests.pipeline_executor.hub.builders import make_plan

CLAIMS = DatasetRef("steward", "claims")
OPEN = Governance()
GERMAN = Governance(residency=frozenset({"DE"}))
SECRET = Governance(classification=Classification.RESTRICTED)
RELEASED = Governance(residency=frozenset({"DE", "US"}))


def release(yields: Governance) -> Release:
    """The release `pseudonymise`."""
    return Release("pseudonymise", Component("image"), yields)


def dataset(governance: Governance) -> Dataset:
    """With a copy in Germany."""
    return Dataset(CLAIMS, (Source("eu", S3Source("http://s3", "b", "")),), governance)


@pytest.mark.parametrize(
    ("planned", "then", "now", "residency"),
    [
        pytest.param(OPEN, OPEN, OPEN, None, id="nothing changed"),
        pytest.param(OPEN, OPEN, GERMAN, {"DE"}, id="restricted since"),
        pytest.param(GERMAN, GERMAN, OPEN, {"DE"}, id="what the plan went by still holds"),
        pytest.param(
            RELEASED,
            replace(GERMAN, releases=(release(RELEASED),)),
            replace(GERMAN, releases=(release(RELEASED),)),
            {"DE", "US"},
            id="released data are not bound by the dataset's own rules",
        ),
        pytest.param(
            RELEASED,
            replace(GERMAN, releases=(release(RELEASED),)),
            replace(GERMAN, releases=(release(GERMAN),)),
            {"DE"},
            id="a release that yields stricter rules now",
        ),
        pytest.param(
            RELEASED, replace(GERMAN, releases=(release(RELEASED),)), GERMAN, {"DE"}, id="a release that is no more"
        ),
    ],
)
def test_rules_as_they_are(planned: Governance, then: Governance, now: Governance, residency: set[str] | None) -> None:
    """Data carry the dataset's rules or a release's: it is the same ones, as they are today, that are joined."""
    found = as_now(planned, CLAIMS, {CLAIMS: then}, {CLAIMS: dataset(now)})
    assert found.residency == (None if residency is None else frozenset(residency))


def _plan(carried: Governance, then: Governance) -> InForce:
    plan = make_plan({"eu-1": [], "us-1": ["eu-1"]})
    group = plan.groups["us-1"]
    imports = tuple(replace(each, carried={CLAIMS: carried}) for each in group.imports)
    return replace(plan, groups={**plan.groups, "us-1": replace(group, imports=imports)}, datasets={CLAIMS: then})


@pytest.mark.parametrize(
    ("now", "clearance", "rule"),
    [
        pytest.param(dataset(OPEN), Classification.INTERNAL, None, id="as planned"),
        pytest.param(dataset(GERMAN), Classification.INTERNAL, "ResidencyViolated", id="restricted"),
        pytest.param(dataset(SECRET), Classification.INTERNAL, "ClearanceTooLow", id="classified"),
        pytest.param(dataset(SECRET), Classification.RESTRICTED, None, id="cleared"),
        pytest.param(None, Classification.INTERNAL, "DatasetUnknown", id="deleted"),
    ],
)
def test_a_refusal_names_the_rule(now: Dataset | None, clearance: Classification, rule: str | None) -> None:
    """And the artifact, and the site."""
    plan = _plan(OPEN, OPEN)
    sites = Inventory.of([Site("eu", jurisdiction="DE"), Site("us", jurisdiction="US", clearance=clearance)])
    found = refusal(plan.groups["us-1"], plan, {} if now is None else {CLAIMS: now}, sites)
    if rule is None:
        assert found is None
    else:
        assert found is not None
        assert found.startswith(f"{rule}: eu-1.data may not be brought to site us: ")


def test_a_site_that_is_gone_permits_nothing() -> None:
    """Nobody knows its clearance any more."""
    plan = _plan(OPEN, OPEN)
    found = refusal(plan.groups["us-1"], plan, {CLAIMS: dataset(OPEN)}, Inventory.of([Site("eu")]))
    assert found is not None
    assert found.startswith("SiteUnknown")
