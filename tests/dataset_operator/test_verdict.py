"""What a status says, from what was seen: tables."""

from dataclasses import replace

import pytest

from dataset_operator.conditions import Condition, State
from dataset_operator.findings import Findings
from dataset_operator.tables import Format, TableLook
from dataset_operator.verdict import MOST_USERS_LISTED, Verdict, judge, refuse_spec
from moorage.errors import InputError
from moorage.model import DatasetStatus, SourceStatus
from moorage.sites import Inventory
from tests.builders import make_dataset
from tests.dataset_operator.looks import (
    BOTH,
    EU,
    LAST,
    PARQUET,
    failed,
    hive,
    listing,
    look,
    nfs,
    s3,
    seen,
    with_sources,
)

DATASET = make_dataset("claims").obj()
EMPTY = DatasetStatus()


def verdict(findings: Findings | None, last: DatasetStatus = EMPTY, inventory: Inventory = BOTH) -> Verdict:
    """Judge, with nobody reading."""
    dataset = DATASET if findings is None else with_sources(DATASET, findings)
    return judge(dataset, findings, last, inventory, ())


def condition(judged: Verdict, kind: str) -> Condition:
    """One of its conditions."""
    return next(found for found in judged.conditions if found.type == kind)


def unreadable(reason: str = "AccessDenied") -> Findings:
    """A look whose listing went well and whose objects could not be read."""
    return replace(look(seen(s3("eu-1")), table=None), table_reason=reason, table_message="may not read it")


EMPTY_FOLDER = seen(s3("eu-1"), listing(objects=0, size_bytes=0))
BROKEN = TableLook(Format.PARQUET, problem="a.parquet is not a Parquet file: replace it")
OTHER = listing(shape="other", objects=3, size_bytes=7)


@pytest.mark.parametrize(
    ("findings", "ready", "accessible"),
    [
        (None, "Unknown/Looking", "Unknown/Looking"),
        (look(seen(s3("eu-1"))), "True/Ready", "True/Listed"),
        (look(seen(s3("eu-1")), seen(s3("us-1"))), "True/Ready", "True/Listed"),
        (look(seen(s3("eu-1")), failed(s3("us-1"))), "True/Ready", "True/PartlyListed"),
        (look(failed(s3("eu-1")), seen(s3("us-1")), table=None), "True/Ready", "True/PartlyListed"),
        (look(seen(s3("eu-1")), nfs("us-1")), "True/Ready", "True/PartlyListed"),
        (look(failed(s3("eu-1"))), "False/EndpointUnreachable", "False/EndpointUnreachable"),
        (look(failed(s3("eu-1"), "SecretNotFound")), "False/SecretNotFound", "False/SecretNotFound"),
        (look(hive("us-1"), failed(s3("eu-1"), "AccessDenied")), "False/AccessDenied", "False/AccessDenied"),
        (look(hive("eu-1"), table=None), "False/SourceNotSupported", "False/SourceNotSupported"),
        (look(nfs("eu-1"), table=None), "Unknown/NotListed", "Unknown/NotListed"),
        (look(hive("us-1"), nfs("eu-1"), table=None), "Unknown/NotListed", "Unknown/NotListed"),
        (look(EMPTY_FOLDER, table=None), "False/NoObjects", "True/Listed"),
        (look(seen(s3("eu-1")), table=BROKEN), "False/FormatUnreadable", "True/Listed"),
        (unreadable(), "False/AccessDenied", "True/Listed"),
        (look(seen(s3("mars"))), "False/SiteUnknown", "True/Listed"),
        (look(seen(s3("mars")), seen(s3("eu-1"))), "True/Ready", "True/Listed"),
        (look(seen(s3("eu-1")), seen(s3("us-1"), OTHER)), "True/Ready", "True/Listed"),
    ],
)
def test_conditions(findings: Findings | None, ready: str, accessible: str) -> None:
    """Each thing that may be seen has its status and reason."""
    judged = verdict(findings)
    told = {found.type: f"{found.state.value}/{found.reason}" for found in judged.conditions}
    assert (told["Ready"], told["Accessible"]) == (ready, accessible)
    assert all(found.message for found in judged.conditions)


def test_the_data_is_told() -> None:
    """Size, version, format, columns and sites of what was seen."""
    judged = verdict(look(seen(s3("eu-1")), seen(s3("us-1"))))
    status = judged.status
    assert (status.size_bytes, status.objects, status.version, status.format) == (4096, 4, "v1", "parquet")
    assert status.columns == PARQUET.columns
    assert judged.sites == "eu-1,us-1"
    assert condition(judged, "Ready").message == "4 objects, 4.1 kB, parquet"


@pytest.mark.parametrize("reason", ["EndpointUnreachable", "SecretNotFound", "AccessDenied"])
def test_what_is_lost_from_sight_keeps_its_data(reason: str) -> None:
    """A store that does not answer takes readiness away, never the version."""
    judged = verdict(look(failed(s3("eu-1"), reason), table=None), LAST)
    status = judged.status
    assert (status.size_bytes, status.objects, status.version) == (4096, 4, "v1")
    assert (status.format, status.columns) == (LAST.format, LAST.columns)
    source = status.sources[0]
    assert (source.reachable, source.reason, source.size_bytes) == (False, reason, 4096)
    assert condition(judged, "Ready").state is State.FALSE
    assert judged.sites == ""


def test_a_copy_never_gives_the_version() -> None:
    """Etags of copies differ: with the first source out of sight the version stays as it was, or unknown."""
    findings = look(failed(s3("eu-1")), seen(s3("us-1"), listing(version="other")), table=None)
    assert verdict(findings, LAST).status.version == "v1"
    fresh = verdict(findings).status
    assert (fresh.version, fresh.size_bytes, fresh.objects) == (None, 4096, 4)


def test_a_copy_that_differs_is_not_used() -> None:
    """Diverged, with what differs and what to do."""
    judged = verdict(look(seen(s3("eu-1")), seen(s3("us-1"), OTHER)))
    source = judged.status.sources[1]
    assert (source.reason, source.reachable) == ("Diverged", True)
    assert "3 objects of 7 bytes here, 4 of 4096 bytes there" in source.message
    assert "copy the first source here again" in source.message
    assert _used(judged) == ["eu-1"]


@pytest.mark.parametrize(
    "findings",
    [
        look(failed(s3("eu-1")), seen(s3("us-1"), OTHER), table=None),
        look(seen(s3("eu-1")), failed(s3("us-1")), table=None),
    ],
)
def test_a_copy_that_differed_is_not_used_until_it_was_seen_to_agree(findings: Findings) -> None:
    """While one of the two is out of sight, they can't be compared: it stays out."""
    before = replace(LAST, sources=(*LAST.sources, SourceStatus("us-1", reachable=True, reason="Diverged")))
    assert verdict(findings, before).status.sources[1].reason == "Diverged"


def test_a_copy_that_agrees_again_is_used_again() -> None:
    """Diverged is not for ever."""
    before = replace(LAST, sources=(*LAST.sources, SourceStatus("us-1", reachable=True, reason="Diverged")))
    assert _used(verdict(look(seen(s3("eu-1")), seen(s3("us-1"))), before)) == ["eu-1", "us-1"]


def test_a_broken_file_takes_no_columns_along() -> None:
    """Columns of a table that can't be read are not told."""
    judged = verdict(look(seen(s3("eu-1")), table=BROKEN), LAST)
    assert (judged.status.format, judged.status.columns) == ("parquet", ())


def test_local_is_at_the_only_site() -> None:
    """`spec.local` needs no site where there is one; where there are more, it is told what to do."""
    judged = verdict(look(seen(s3(""))), inventory=Inventory.of([EU]))
    assert (judged.sites, judged.status.sources[0].site) == ("eu-1", "eu-1")
    lost = verdict(look(seen(s3(""))))
    assert condition(lost, "Ready").reason == "SiteUnknown"
    assert "spec.local.site is required" in condition(lost, "Ready").message


def test_users_are_listed_up_to_a_bound_and_all_counted() -> None:
    """A status does not grow with its readers."""
    users = [f"lab/pod-{number:04}" for number in range(250)]
    judged = judge(DATASET, None, EMPTY, BOTH, users)
    assert judged.status.in_use_by == tuple(users[:MOST_USERS_LISTED])
    assert judged.status.in_use_count == 250


@pytest.mark.parametrize(
    ("dataset", "told"),
    [
        (make_dataset("a"), "False/NotGoverned: no rules: every pod of namespace steward may read it, anywhere"),
        (make_dataset("a").staying_in("EU"), "True/Governed: may be read at eu-1; not at us-1 (ResidencyViolated)"),
        (make_dataset("a").for_consumers("lab"), "True/Governed: may be read at eu-1, us-1"),
        (make_dataset("a").allowed_at("mars"), "no Site is called mars"),
        (make_dataset("a").staying_in("EUROPE"), "EUROPE, which is not a place of ISO 3166: correct it"),
        (make_dataset("a").staying_in("FR"), "True/NoSitePermitted: may be read at no site"),
    ],
)
def test_governed_says_where(dataset: object, told: str) -> None:
    """Rules in words, and the mistakes that make them mean something else."""
    built = dataset.at("eu-1").obj()  # type: ignore[attr-defined]
    found = condition(judge(built, None, EMPTY, BOTH, ()), "Governed")
    assert told in f"{found.state.value}/{found.reason}: {found.message}"


def test_a_spec_that_cannot_be_read_permits_nobody_and_forgets_nothing() -> None:
    """InvalidSpec names the field; what was known of the data stays."""
    problem = InputError("Dataset steward/claims", "spec.sources[0].s3.bucket", "is required and must not be empty")
    judged = refuse_spec(problem, LAST, ("lab/p",))
    ready = condition(judged, "Ready")
    assert (ready.state, ready.reason) == (State.FALSE, "InvalidSpec")
    assert ready.message == "spec.sources[0].s3.bucket: is required and must not be empty"
    assert (judged.status.version, judged.status.in_use_by) == ("v1", ("lab/p",))


def _used(judged: Verdict) -> list[str]:
    return judged.sites.split(",")
