"""One bucket in a store: made and tagged, or deleted where its tag names the Dataset and nothing is in it. Blocking.

A store is whatever answers at an address that a tenant wrote down. So nothing is changed there before that very address
has answered as an S3 store does: with its own error where the bucket is missing, with the tag where it is to go.
"""

import ipaddress
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from dataset_operator.listing.marks import UID_TAG
from dataset_operator.listing.s3.access import Access
from moorage.errors import SourceError
from moorage.sources.reasons import Reason

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]|\.(?=[a-z0-9])){1,61}[a-z0-9]")
_USUAL_REGION: Final = "us-east-1"
_NOT_SERVED: Final = frozenset({"NotImplemented", "MethodNotAllowed", "501", "405"})
_DENIED: Final = frozenset({"AccessDenied", "AllAccessDisabled", "Forbidden", "403"})
_NOT_EMPTY: Final = "it is not empty"
_WHY_KEPT: Final[Mapping[str, str]] = {
    "NoSuchBucket": "",
    "BucketNotEmpty": _NOT_EMPTY,
    **dict.fromkeys((*_NOT_SERVED, "NoSuchTagSet"), "it has no tag that says that it was made for this Dataset"),
    **dict.fromkeys(_DENIED, "the keys may not read its tags, or not delete it"),
}
_OURS_ALREADY: Final = "BucketAlreadyOwnedByYou"

_log = logging.getLogger(__name__)


class Bucket(Access):
    """A folder whose bucket can be made and deleted."""

    __slots__ = ()

    def make(self, mark: Mapping[str, str]) -> None:
        """Make the bucket, see `make_bucket`."""
        make_bucket(self, mark)

    def remove(self, mark: Mapping[str, str]) -> str:
        """Delete the bucket, see `remove_bucket`."""
        return remove_bucket(self, mark)


def is_bucket_name(name: str) -> bool:
    """Return whether S3 stores take it for a new bucket."""
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return _NAME.fullmatch(name) is not None
    return False


def make_bucket(access: Access, mark: Mapping[str, str]) -> None:
    """Make the bucket and tag it. One that is there by now is left as it is, without the tag.

    Raises:
        SourceError: BucketNameInvalid, BucketTaken, AccessDenied, BucketNotMade, or as a listing.
    """
    bucket = access.location.bucket
    if not is_bucket_name(bucket):
        problem = "no store has buckets of such a name: take 3 to 63 lower-case letters, digits, '-' and '.'"
        raise SourceError(Reason.BUCKET_NAME_INVALID, f"{access.name}: {problem}")
    with access.client(pinned=True) as client, access.explained():
        if not _is_missing(client, bucket):
            return
        region = access.location.region
        where = {"LocationConstraint": region} if region and region != _USUAL_REGION else None
        try:
            client.create_bucket(Bucket=bucket, **({"CreateBucketConfiguration": where} if where else {}))
        except ClientError as error:
            if _code(error) == _OURS_ALREADY:
                return
            raise _not_made(access, error) from None
        try:
            client.put_bucket_tagging(
                Bucket=bucket, Tagging={"TagSet": [{"Key": key, "Value": value} for key, value in mark.items()]}
            )
        except ClientError as error:
            _log.warning("%s was made and can't be tagged (%s): it is never deleted", access.name, _code(error))


def remove_bucket(access: Access, mark: Mapping[str, str]) -> str:
    """Delete the bucket if its tag names the Dataset and it is empty.

    Returns:
        "" where it is gone; else why it is kept.

    Raises:
        SourceError: as a listing; asking again may help.
    """
    bucket = access.location.bucket
    with access.client(pinned=True) as client, access.explained():
        try:
            if why := _keeps(client, bucket, mark):
                return why
            client.delete_bucket(Bucket=bucket)
        except ClientError as error:
            code = _code(error)
            if code not in _WHY_KEPT:
                raise
            return _WHY_KEPT[code]
    return ""


def _keeps(client: Any, bucket: str, mark: Mapping[str, str]) -> str:  # noqa: ANN401 - boto3
    """Return why it must stay; "" where it may go."""
    answer = client.get_bucket_tagging(Bucket=bucket)
    tags = {str(tag.get("Key")): str(tag.get("Value")) for tag in answer.get("TagSet") or ()}
    if not mark[UID_TAG] or tags.get(UID_TAG) != mark[UID_TAG]:
        return "it was not made for this Dataset"
    return _NOT_EMPTY if _holds_something(client, bucket) else ""


def _is_missing(client: Any, bucket: str) -> bool:  # noqa: ANN401 - boto3
    """Return whether the store itself says so, in its own words: a bare 404 would be any server's."""
    try:
        client.list_objects_v2(Bucket=bucket, MaxKeys=1)
    except ClientError as error:
        if _code(error) != "NoSuchBucket":
            raise
        return True
    return False


def _holds_something(client: Any, bucket: str) -> bool:  # noqa: ANN401 - boto3
    """Return whether it has objects, old versions of some, or uploads under way.

    Some stores delete a bucket with all that is in it. And some answer with a page of nothing that others follow.
    """
    listed = client.list_objects_v2(Bucket=bucket, MaxKeys=1)
    if listed.get("Contents") or listed.get("IsTruncated"):
        return True
    questions: tuple[tuple[Callable[..., Mapping[str, Any]], tuple[str, ...]], ...] = (
        (client.list_object_versions, ("Versions", "DeleteMarkers")),
        (client.list_multipart_uploads, ("Uploads",)),
    )
    for ask, kinds in questions:
        try:
            answer = ask(Bucket=bucket)
        except ClientError as error:
            if _code(error) not in _NOT_SERVED:
                raise
        else:
            if any(answer.get(kind) for kind in (*kinds, "IsTruncated")):
                return True
    return False


def _not_made(access: Access, error: ClientError) -> SourceError:
    code = _code(error)
    if code in {"BucketAlreadyExists", "OperationAborted"}:
        problem = f"a bucket of that name is somebody else's ({code}): choose another in s3.bucket"
        return SourceError(Reason.BUCKET_TAKEN, f"{access.name}: {problem}")
    if code == "InvalidBucketName":
        problem = f"the store takes no such name ({code}): choose another in s3.bucket"
        return SourceError(Reason.BUCKET_NAME_INVALID, f"{access.name}: {problem}")
    if code in _DENIED:
        problem = f"there is no such bucket, and these keys may not make it ({code}): permit them to, or make it"
        return SourceError(Reason.ACCESS_DENIED, f"{access.name}: {problem}")
    problem = f"there is no such bucket, and the store does not make it ({code}): see the store's log"
    return SourceError(Reason.BUCKET_NOT_MADE, f"{access.name}: {problem}")


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code") or "an error without a code")[:80]
