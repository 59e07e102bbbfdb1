"""What is known of a bucket before its claim was looked up; what is listed is the place that the claim leads to."""

from typing import Final, NoReturn

from dataset_operator.listing.budget import Budget
from dataset_operator.listing.cancelling import Cancellation
from dataset_operator.listing.protocol import Folder
from dataset_operator.listing.ways import WaysToKeys
from moorage.sources import Credentials, Location
from moorage.sources.bucket_claim import BucketClaimSource
from moorage.sources.s3 import folder_prefix

# All claims of a cluster lead to its own few stores.
_STORES: Final = "object bucket claims"


class BucketClaimLister:
    """Claims. Nobody lists one as it is: it has no keys to be used anywhere."""

    def identity(self, location: Location) -> tuple[str, ...] | None:
        """The claim and the folder: another claim is another bucket."""
        place = _claim(location)
        return place.kind, place.name, folder_prefix(place.prefix)

    def endpoint(self, location: Location) -> str:
        """The stores of the cluster, as one: which of them it is, is known after its turn has come."""
        del location
        return _STORES

    def empty(self, location: Location) -> str:
        """Names the claim."""
        words = _claim(location).words
        return f"{words} holds no object: upload the data, correct bucketClaim, or set spec.allowEmpty: true"

    async def credentials(
        self, ways: WaysToKeys, namespace: str, location: Location, stop: Cancellation
    ) -> Credentials | None:
        """None are read before the claim was looked up."""
        del ways, namespace, stop
        _refuse(location)

    def folder(self, location: Location, keys: Credentials | None, budget: Budget, stop: Cancellation) -> Folder:
        """There is none before the claim was looked up."""
        del keys, budget, stop
        _refuse(location)


def _claim(location: Location) -> BucketClaimSource:
    if not isinstance(location, BucketClaimSource):
        raise TypeError(f"{type(location).__name__} is no bucket claim")
    return location


def _refuse(location: Location) -> NoReturn:
    raise TypeError(f"where {location.words} leads was not proven")
