"""Builders of what was seen at a look."""

from dataclasses import replace

from dataset_operator.findings import Findings, SourceFinding, unlisted
from dataset_operator.listing import Listing
from dataset_operator.tables import Format, TableLook
from moorage.model import Column, Dataset, DatasetStatus, Site, Source, SourceStatus
from moorage.sites import Inventory
from moorage.sources.hive import HiveSource
from moorage.sources.nfs import NfsSource
from moorage.sources.s3 import S3Source

EU, US = Site("eu-1", jurisdiction="DE"), Site("us-1", jurisdiction="US")
BOTH = Inventory.of([EU, US])
COLUMNS = (Column("id", "int64"),)
PARQUET = TableLook(Format.PARQUET, COLUMNS)


def s3(site: str, bucket: str = "b") -> Source:
    """A source in a store."""
    return Source(site, S3Source(f"http://s3.{site}", bucket, "claims/", secret_name="keys"))


def nfs(site: str) -> Source:
    """A source that the nodes mount."""
    return Source(site, NfsSource("server", "/path"))


def hive(site: str) -> Source:
    """A table whose files may be nowhere, so it is not served."""
    return Source(site, HiveSource("thrift://x", table="db.t"))


def listing(shape: str = "same", objects: int = 4, size_bytes: int = 4096, version: str = "v1") -> Listing:
    """What listing gave."""
    return Listing(version, shape, objects, size_bytes, {})


def seen(source: Source, found: Listing | None = None) -> SourceFinding:
    """A source that was listed."""
    return SourceFinding(source, found or listing())


def failed(source: Source, reason: str = "EndpointUnreachable", message: str = "does not answer") -> SourceFinding:
    """A source that was not."""
    return SourceFinding(source, None, reason, message)


def look(*found: SourceFinding | Source, table: TableLook | None = PARQUET) -> Findings:
    """One look; a bare source is one that the operator does not list."""
    return Findings(tuple(unlisted(one) if isinstance(one, Source) else one for one in found), table)


LAST = DatasetStatus(
    ready=True,
    size_bytes=4096,
    objects=4,
    version="v1",
    format="parquet",
    columns=COLUMNS,
    sources=(SourceStatus("eu-1", reachable=True, reason="Listed", size_bytes=4096, objects=4),),
)


def sources_of(findings: Findings) -> tuple[Source, ...]:
    """As the spec has them."""
    return tuple(found.source for found in findings.sources)


def with_sources(dataset: Dataset, findings: Findings) -> Dataset:
    """The Dataset with the sources of a look."""
    return replace(dataset, sources=sources_of(findings))
