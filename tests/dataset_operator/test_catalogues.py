"""Where a catalogue may say that a table's files are, and what becomes of it in a status. Pure."""

from dataclasses import replace

import pytest

from dataset_operator.findings import SourceFinding, data_identity, endpoints
from dataset_operator.listing.catalogues import ToldSnapshot, ToldTable, found_table
from dataset_operator.listing.names import Format
from dataset_operator.status import write_status
from dataset_operator.verdict import Verdict, judge
from moorage.errors import SourceError
from moorage.model import Column, Partitions, Snapshot, Source
from moorage.sources import Location
from moorage.sources.hive import HiveSource
from moorage.sources.host_path import HostPathSource
from moorage.sources.nfs import NfsSource
from moorage.sources.permitted_roles import PermittedRole
from moorage.sources.s3 import S3Source
from moorage.sources.web_identity import WebIdentity
from moorage.wire.dataset import read_dataset_status
from tests.builders import make_dataset
from tests.dataset_operator.looks import BOTH, LAST, listing, look

LAKE = S3Source("https://s3.test", "lake", "/tables/", secret_name="keys")
WHOLE = S3Source("https://s3.test", "lake")
NFS = NfsSource("nfs.test", "/export")
HOST = HostPathSource("/srv/tables")


def table(within: Location | None = LAKE, name: str = "sales.orders") -> HiveSource:
    """A source."""
    return HiveSource("thrift://m:9083", table=name, within=within)


def told(uri: str, *others: str) -> ToldTable:
    """What a catalogue says of it."""
    parts = tuple((f"day={number}", other) for number, other in enumerate(others))
    return ToldTable(uri, Format.PARQUET, (Column("id", "int64"),), parts, Partitions(("day",), len(parts)))


@pytest.mark.parametrize(
    ("within", "uri", "folder"),
    [
        (LAKE, "s3://lake/tables/sales.db/orders", "sales.db/orders"),
        (LAKE, "s3a://lake/tables/orders/", "orders"),
        (LAKE, "S3N://lake/tables", ""),
        (WHOLE, "s3a://lake/a b/c?d#e%20", "a b/c?d#e%20"),
        (WHOLE, "s3a://lake", ""),
        (NFS, "nfs://nfs.test/export/orders", "orders"),
        (NFS, "file:/export/orders", "orders"),
        (HOST, "file:///srv/tables/orders", "orders"),
        (HOST, "/srv/tables/orders", "orders"),
    ],
)
def test_a_folder_within_what_is_permitted_is_found(within: Location, uri: str, folder: str) -> None:
    """By the URIs that Hadoop's file systems write; what is found reads back as the same place."""
    source = table(within)
    found = found_table(source, told(uri))
    assert found.found.folder == folder
    assert found.location == within.inside(folder) == source.resolved(found.found.asked, found.found.folder)


@pytest.mark.parametrize(
    ("within", "uri"),
    [
        (LAKE, "s3://lake/tables2/orders"),
        (LAKE, "s3://lake/other"),
        (LAKE, "s3://lake/"),
        (LAKE, "s3://salaries/tables/orders"),
        (LAKE, "s3://Lake/tables/orders"),
        (LAKE, "s3://lake@evil/tables/orders"),
        (LAKE, "s3://lake/tables/../salaries"),
        (LAKE, "s3://lake/tables//orders"),
        (LAKE, "s3://lake/tables/a\nb"),
        (LAKE, f"s3://lake/tables/{'x' * 1025}"),
        (LAKE, "https://evil.test/lake/tables/orders"),
        (LAKE, "file:///tables/orders"),
        (LAKE, "tables/orders"),
        (LAKE, ""),
        (NFS, "nfs://other.test/export/orders"),
        (NFS, "file:///etc"),
        (HOST, "file://elsewhere/srv/tables/orders"),
        (HOST, "file:/srv/tables/../../etc"),
        (HOST, "hdfs://nn/srv/tables/orders"),
    ],
)
def test_a_catalogue_leads_nowhere_else(within: Location, uri: str) -> None:
    """Neither to another bucket with these keys, nor above the folder: the answer is a sentence with the remedy."""
    with pytest.raises(SourceError, match=r"outside .*: correct hive\.within") as caught:
        found_table(table(within), told(uri))
    assert caught.value.reason == "TableElsewhere"
    assert len(str(caught.value)) < 600


def test_a_partition_outside_the_tables_folder_is_told() -> None:
    """Pods would not see its rows, though it lies where the Dataset permits."""
    found_table(table(), told("s3://lake/tables/t", "s3://lake/tables/t/day=0"))
    for other in ("s3://lake/tables/t2/day=1", "s3://elsewhere/t/day=1", "s3://lake/tables"):
        with pytest.raises(SourceError, match="partition 'day=1' lies at") as caught:
            found_table(table(), told("s3://lake/tables/t", "s3://lake/tables/t/day=0", other))
        assert caught.value.reason == "TableElsewhere"


@pytest.mark.parametrize("folder", ["a*", "a/?", "${aws:username}"])
def test_a_folder_is_no_pattern_in_the_policy_of_a_session(folder: str) -> None:
    """With keys in a Secret it is a name as any other; with a session it would let pods read other folders."""
    by_token = replace(LAKE, secret_name=None, web_identity=WebIdentity("arn:x"))
    assert found_table(table(), told(f"s3://lake/tables/{folder}")).location == LAKE.inside(folder)
    with pytest.raises(SourceError, match="with webIdentity no folder may have") as caught:
        found_table(table(by_token), told(f"s3://lake/tables/{folder}"))
    assert caught.value.reason == "TableElsewhere"
    source = table(by_token)
    assert source.resolved(source.asked, folder) is source
    assert source.resolved(source.asked, "a") == by_token.inside("a")


def test_a_forged_folder_counts_for_nobody() -> None:
    """Whoever may write a status can't lead a pod out of what the spec permits, nor to a table that it did name."""
    source = table()
    assert source.resolved(source.asked, "a/b") == LAKE.inside("a/b")
    for folder in ("..", "a/../../b", "/a", "a/", "a//b", "./a", "a\nb", "x" * 1025):
        assert source.resolved(source.asked, folder) is source
    others = (table(WHOLE), table(name="sales.salaries"), table(replace(LAKE, bucket="other")), table(None))
    assert all(source.resolved(other.asked, "a") is source for other in others)


def judged(finding: SourceFinding, before: Verdict | None = None) -> Verdict:
    """The verdict on a look at one table."""
    dataset = replace(make_dataset("claims").obj(), sources=(finding.source,))
    return judge(dataset, look(finding, table=None), LAST if before is None else before.status, BOTH, ())


def test_a_folder_is_kept_while_the_catalogue_is_silent() -> None:
    """And not where it says that the table is gone, or elsewhere: then no pod starts on what it was."""
    source = Source("eu-1", table())
    found = found_table(table(), told("s3://lake/tables/orders"))
    first = judged(SourceFinding(source, listing(), found=found))
    assert first.status.sources[0].found == found.found
    assert first.status.partitions == Partitions(("day",), 0)
    silent = judged(SourceFinding(source, None, "CatalogueUnreachable", "does not answer"), first)
    assert (silent.status.sources[0].found, silent.status.version) == (found.found, first.status.version)
    assert silent.status.partitions == first.status.partitions
    for reason in ("TableNotFound", "TableElsewhere", "TableNotFiles"):
        assert judged(SourceFinding(source, None, reason, "is not there"), first).status.sources[0].found is None


def test_a_pinned_snapshots_version_is_that_of_its_rows() -> None:
    """Whatever comes to the folder; without a pin it is the folder's, and what nobody lists has that of its rows."""
    file = "s3://lake/tables/orders/m/1.json"

    def seen(at: str, *, pinned: bool, where: Location = LAKE, uri: str = "s3://lake/tables/orders") -> Verdict:
        snapshot = ToldSnapshot(5, file.replace("s3://lake/tables/orders", uri), pinned, "rows")
        found = found_table(table(where), replace(told(uri), snapshot=snapshot))
        listed = listing(version=at) if where is LAKE else None
        return judged(SourceFinding(Source("eu-1", table(where)), listed, found=found))

    assert [seen(at, pinned=True).status.version for at in ("v1", "v2")] == ["rows", "rows"]
    assert [seen(at, pinned=False).status.version for at in ("v1", "v2")] == ["v1", "v2"]
    assert seen("v1", pinned=True).status.snapshot == Snapshot(5, "m/1.json", pinned=True)
    assert seen("v2", pinned=True).status.sources[0].version == "v2"
    assert seen("", pinned=False, where=NFS, uri="nfs://nfs.test/export/orders").status.version == "rows"
    silent = SourceFinding(Source("eu-1", table()), None, "CatalogueUnreachable", "does not answer")
    kept = judged(silent, seen("v1", pinned=True)).status
    assert (kept.version, kept.snapshot) == ("rows", Snapshot(5, "m/1.json", pinned=True))
    written = write_status(seen("v1", pinned=True), {}, 1, "2026-12-01T00:00:00Z")
    assert read_dataset_status(written).snapshot == kept.snapshot


def test_a_table_waits_for_its_turn_at_its_catalogue() -> None:
    """As at its store, and at whom a token is sent to; another table, or another place for it, is other data."""
    by_token = replace(LAKE, secret_name=None, web_identity=WebIdentity("arn:x", "https://sts.test"))

    def asked(within: Location, *roles: PermittedRole) -> tuple[str, ...]:
        dataset = replace(make_dataset("t").obj(), sources=(Source("eu-1", table(within)),))
        return endpoints(dataset, roles)

    assert asked(LAKE) == asked(by_token) == ("https://s3.test", "thrift://m:9083")
    assert asked(NFS) == ("thrift://m:9083",)
    role = PermittedRole("arn:x", "https://sts.test", frozenset({"steward"}))
    assert asked(by_token, role) == ("https://s3.test", "https://sts.test", "thrift://m:9083")
    assert "https://sts.test" not in asked(by_token, replace(role, namespaces=frozenset({"other"})))
    sources = [table(), table(WHOLE), table(NFS), table(HOST), table(name="a.b"), table(NFS, "a.b")]
    assert len({data_identity((Source("eu-1", source),)) for source in sources}) == len(sources)
