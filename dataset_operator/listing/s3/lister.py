"""The lister of S3 sources."""

from dataset_operator.listing.budget import Budget
from dataset_operator.listing.cancelling import Cancellation
from dataset_operator.listing.s3.buckets import Bucket
from dataset_operator.listing.s3.own_identity import keys_for_own_token
from dataset_operator.listing.ways import WaysToKeys
from moorage.kube.credentials import read_credentials
from moorage.sources import Credentials, Location
from moorage.sources.s3 import S3Source, folder_prefix


class S3Lister:
    """The lister of buckets and folders in them."""

    def identity(self, location: Location) -> tuple[str, ...] | None:
        """Endpoint, bucket and folder: other keys, certificates or regions are other ways to the same data."""
        place = _s3(location)
        return place.endpoint, place.bucket, folder_prefix(place.prefix)

    def endpoint(self, location: Location) -> str:
        """Return the store's URL."""
        return _s3(location).endpoint

    def empty(self, location: Location) -> str:
        """Return a message that names the folder, or the bucket."""
        folder = _s3(location).prefix.strip("/")
        where = f"folder {folder!r}" if folder else "bucket"
        return f"the {where} holds no object: upload the data, correct s3.prefix, or set spec.allowEmpty: true"

    async def credentials(
        self, ways: WaysToKeys, namespace: str, location: Location, stop: Cancellation
    ) -> Credentials | None:
        """Return the keys of the Secret, those written into the Dataset, or those that our own token brings."""
        request = location.session(writes=False)
        if request is not None:
            return await keys_for_own_token(request, namespace, ways, stop)
        return await read_credentials(ways.client, namespace, _s3(location))

    def folder(self, location: Location, keys: Credentials | None, budget: Budget, stop: Cancellation) -> Bucket:
        """Open the folder of a location."""
        return Bucket(_s3(location), keys, budget, stop)


def _s3(location: Location) -> S3Source:
    if not isinstance(location, S3Source):
        raise TypeError(f"{type(location).__name__} is no S3 source")
    return location
