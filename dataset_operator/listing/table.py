"""The kinds of sources that are listed, and catalogues that are asked. A further one is a folder and a line here."""

from collections.abc import Mapping

from dataset_operator.listing.catalogues import Catalogue, CataloguedLister
from dataset_operator.listing.claimed import BucketClaimLister
from dataset_operator.listing.hive import HiveCatalogue
from dataset_operator.listing.http import HttpLister
from dataset_operator.listing.iceberg import IcebergCatalogue
from dataset_operator.listing.protocol import Lister
from dataset_operator.listing.s3 import S3Lister
from moorage.sources import Location
from moorage.sources.bucket_claim import BucketClaimSource
from moorage.sources.catalogued import CataloguedSource
from moorage.sources.hive import HiveSource
from moorage.sources.http import HttpSource
from moorage.sources.iceberg import IcebergSource
from moorage.sources.s3 import S3Source

LISTERS: Mapping[type, Lister] = {
    S3Source: S3Lister(),
    HttpSource: HttpLister(),
    BucketClaimSource: BucketClaimLister(),
}
CATALOGUES: Mapping[type, Catalogue] = {HiveSource: HiveCatalogue(), IcebergSource: IcebergCatalogue()}


def lister_of(location: Location) -> Lister | None:
    """Return the lister of such a source, or None. A table is listed by the lister of the store below it."""
    if isinstance(location, CataloguedSource):
        inner = None if location.within is None else lister_of(location.within)
        return None if inner is None else CataloguedLister(inner)
    lister = LISTERS.get(type(location))
    return lister if lister is not None and lister.identity(location) is not None else None


def catalogue_of(source: CataloguedSource) -> Catalogue:
    """Return the client of such a catalogue."""
    return CATALOGUES[type(source)]
