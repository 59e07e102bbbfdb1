"""The kinds of sources that are listed. A further kind is a folder beside `s3/` and a line here."""

from collections.abc import Mapping

from dataset_operator.listing.http import HttpLister
from dataset_operator.listing.protocol import Lister
from dataset_operator.listing.s3 import S3Lister
from moorage.sources import Location
from moorage.sources.http import HttpSource
from moorage.sources.s3 import S3Source

LISTERS: Mapping[type, Lister] = {S3Source: S3Lister(), HttpSource: HttpLister()}


def lister_of(location: Location) -> Lister | None:
    """Who lists such a source; None where nobody does."""
    lister = LISTERS.get(type(location))
    return lister if lister is not None and lister.identity(location) is not None else None
