"""What may be written of Datasets and Sites."""

from typing import Any

import pytest

from moorage.model import SITE_LABEL
from moorage.refusal import Refusal
from moorage.sites import Inventory
from tests.builders import make_site
from webhook.review import Review
from webhook.validate import Accepted, validate

Raw = dict[str, Any]
INVENTORY = Inventory.of([make_site("eu-1", "DE"), make_site("us-1", "US-CA")])
S3 = {"endpoint": "https://s3", "bucket": "b"}
COPY = {"site": "eu-1", "s3": S3}


def review(kind: str, spec: Raw, old_spec: Raw | None = None, **metadata: object) -> Review:
    """What the API server asks; UPDATE where there is an old spec."""
    raw = {"kind": kind, "metadata": {"name": "x", **metadata}, "spec": spec}
    old = {} if old_spec is None else {**raw, "spec": old_spec}
    namespace = "steward" if kind == "Dataset" else ""
    return Review("uid", "CREATE" if old_spec is None else "UPDATE", kind, namespace, raw, old)


def refused(kind: str, spec: Raw) -> str:
    """The sentence."""
    outcome = validate(review(kind, spec), INVENTORY)
    assert isinstance(outcome, Refusal)
    assert (outcome.code, outcome.reason) == (422, "Invalid")
    return outcome.message


def warned(kind: str, spec: Raw, inventory: Inventory = INVENTORY) -> tuple[str, ...]:
    """The warnings."""
    outcome = validate(review(kind, spec), inventory)
    assert isinstance(outcome, Accepted), outcome
    return outcome.warnings


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (
            {"sources": [COPY], "governance": {"residency": ["DE", "UK"]}},
            "spec.governance.residency: 'UK' is not a place",
        ),
        ({"sources": [COPY], "governance": {"residency": ["QQ-1"]}}, "'QQ-1' is not a place"),
        (
            {"sources": [COPY], "governance": {"sites": {"allow": ["eu-1"], "deny": ["eu-1", "us-1"]}}},
            "spec.governance.sites: deny excludes every site that allow names",
        ),
        ({"sources": [COPY], "governance": {"retention": "1y"}}, "spec.governance.retention: is not a field here"),
        ({"sources": [{"site": "eu-1", "s3": S3, "nfs": {}}]}, "found s3 and nfs"),
        (
            {
                "sources": [COPY],
                "governance": {
                    "releases": [{"name": "r", "component": {"image": "i", "digest": "0" * 64}, "yields": {}}]
                },
            },
            "releases[0].component.digest: does not belong to this container, whose digest is ",
        ),
        (
            {
                "sources": [COPY],
                "governance": {
                    "releases": [{"name": "r", "component": {"image": "i"}, "yields": {"residency": ["XX"]}}]
                },
            },
            "spec.governance.releases[0].yields.residency: 'XX' is not a place",
        ),
    ],
)
def test_datasets_that_are_refused(spec: Raw, sentence: str) -> None:
    """What the schema can't say."""
    message = refused("Dataset", spec)
    assert message.startswith("Dataset steward/x: ")
    assert sentence in message


@pytest.mark.parametrize(
    ("spec", "warning"),
    [
        (
            {"remote": {"type": "CatalogEntry", "catalogURI": "thrift://m:9083", "table": "a/b", "site": "eu-1"}},
            "spec.remote: is not read yet: say in hive.within where",
        ),
        ({"remote": {"type": "CatalogEntry", "catalogURI": "thrift://m", "table": "t"}}, "set spec.remote.site"),
        ({"sources": [{"site": "mars", "s3": S3}]}, "spec.sources[0].site: there is no Site mars"),
        ({"local": {"type": "H3", "site": "eu-1", "storageUri": "x"}}, "spec.local: H3 is not served yet"),
        (
            {"sources": [{"site": "eu-1", "http": {"url": "https://x/a", "extract": True}}], "cache": {"mode": "none"}},
            "spec.sources[0]: pods can't mount an archive while spec.cache.mode is none",
        ),
        ({"sources": [COPY], "governance": {"sites": {"allow": ["mars"]}}}, "sites.allow: there is no Site mars"),
        ({"local": {"type": "NFS", "server": "s", "share": "/x"}}, "there are 2 (known: eu-1, us-1): set spec.local"),
        (
            {
                "local": {
                    "type": "COS",
                    "site": "eu-1",
                    "endpoint": "https://s3",
                    "bucket": "b",
                    "accessKeyID": "k",
                    "secretAccessKey": "s",
                }
            },
            "spec.local: keys in a Dataset can be read by everybody who may read it",
        ),
    ],
)  # fmt: skip
def test_datasets_that_are_doubtful(spec: Raw, warning: str) -> None:
    """They may be written."""
    warnings = warned("Dataset", spec)
    assert any(warning in each for each in warnings), warnings


def test_good_datasets_and_sites_are_silent() -> None:
    """No warning without a cause."""
    governance = {"residency": ["EU", "US-CA"], "sites": {"allow": ["eu-1"], "deny": ["us-1"]}, "purposes": ["a"]}
    assert warned("Dataset", {"sources": [COPY], "governance": governance}) == ()
    assert warned("Site", {"jurisdiction": "FR", "nodeSelector": {SITE_LABEL: "x"}, "links": [{"to": "eu-1"}]}) == ()


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"jurisdiction": "QQ"}, "spec.jurisdiction: 'QQ' is neither a country"),
        ({"jurisdiction": "EU"}, "'EU' is neither a country"),
        ({"nodeSelector": {"topology.kubernetes.io/region": "eu"}}, "must name a label under node-restriction"),
        ({"nodeSelector": {SITE_LABEL: "eu-1"}}, "selects nodes that Site eu-1 selects too"),
        ({"nodeSelector": {SITE_LABEL: "eu-1", "zone": "a"}}, "selects nodes that Site eu-1 selects too"),
        ({"speed": "0"}, "spec.speed: must be greater than 0"),
        ({"links": [{"to": "x"}]}, "'x' is the site itself"),
    ],
)
def test_sites_that_are_refused(spec: Raw, sentence: str) -> None:
    """Most of all those that would take another site's nodes."""
    message = refused("Site", spec)
    assert message.startswith("Site x: ")
    assert sentence in message


def test_sites_that_are_doubtful() -> None:
    """Selectors that might meet, links to nowhere."""
    (meeting,) = warned(
        "Site", {"nodeSelector": {"node-restriction.kubernetes.io/rack": "a"}}, Inventory.of([make_site("eu-1")])
    )
    assert "a node might match Site eu-1 too" in meeting
    assert warned("Site", {"links": [{"to": "mars"}]}) == (
        "spec.links: there is no Site mars (known: eu-1, us-1)",
    )  # fmt: skip


def test_a_site_does_not_overlap_with_itself() -> None:
    """On an update it is in the inventory already."""
    selector = {SITE_LABEL: "x"}
    inventory = Inventory.of([make_site("x"), make_site("eu-1")])
    update = review("Site", {"jurisdiction": "FR", "nodeSelector": selector}, {"nodeSelector": selector})
    assert validate(update, inventory) == Accepted()


@pytest.mark.parametrize("kind", ["Dataset", "Site"])
def test_what_does_not_touch_the_spec_passes(kind: str) -> None:
    """A label, a finalizer that goes, the end of an object: never held up by a rule that came later."""
    broken: Raw = {"nonsense": True}
    assert validate(review(kind, broken, broken, labels={"a": "b"}), INVENTORY) == Accepted()
    going = review(kind, broken, {}, deletionTimestamp="2026-11-20T00:00:00Z")
    assert validate(going, INVENTORY) == Accepted()
    assert isinstance(validate(review(kind, broken, {}), INVENTORY), Refusal)


def test_other_kinds_are_none_of_ours() -> None:
    """A configuration that sends too much."""
    assert validate(review("ConfigMap", {"x": 1}), INVENTORY) == Accepted()
