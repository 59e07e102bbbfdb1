"""Why a source can't be listed, or a Dataset not read: stable words for conditions, Events and metrics."""

from enum import StrEnum
from typing import Final


class Reason(StrEnum):
    """As `status.sources[].reason` and the conditions have it; docs/dataset-status.md says what to do about each."""

    LISTED = "Listed"
    NOT_LISTED = "NotListed"
    NOT_SUPPORTED = "SourceNotSupported"
    SITE_UNKNOWN = "SiteUnknown"
    SECRET_NOT_FOUND = "SecretNotFound"  # noqa: S105 - a word
    SECRET_FORBIDDEN = "SecretForbidden"  # noqa: S105 - a word
    SECRET_KEY_MISSING = "SecretKeyMissing"  # noqa: S105 - a word
    ENDPOINT_UNREACHABLE = "EndpointUnreachable"
    ENDPOINT_NOT_S3 = "EndpointNotS3"
    ENDPOINT_REFUSED = "EndpointRefused"
    REDIRECT_REFUSED = "RedirectRefused"
    ROLE_NOT_PERMITTED = "RoleNotPermitted"
    CERTIFICATE_UNTRUSTED = "CertificateUntrusted"
    ACCESS_DENIED = "AccessDenied"
    BUCKET_NOT_FOUND = "BucketNotFound"
    BUCKET_TAKEN = "BucketTaken"
    BUCKET_NAME_INVALID = "BucketNameInvalid"
    BUCKET_NOT_MADE = "BucketNotMade"
    REGION_WRONG = "RegionWrong"
    STORE_BUSY = "StoreBusy"
    LIST_FAILED = "ListFailed"
    LIST_TOO_SLOW = "ListTooSlow"
    LIST_TOO_LARGE = "ListTooLarge"
    INTERRUPTED = "Interrupted"
    CATALOGUE_UNREACHABLE = "CatalogueUnreachable"
    CATALOGUE_UNREADABLE = "CatalogueUnreadable"
    CATALOGUE_REFUSED = "CatalogueRefused"
    TABLE_NOT_FOUND = "TableNotFound"
    TABLE_NOT_FILES = "TableNotFiles"
    TABLE_ELSEWHERE = "TableElsewhere"
    SNAPSHOT_NOT_FOUND = "SnapshotNotFound"
    CLAIM_NOT_FOUND = "ClaimNotFound"
    CLAIM_NOT_BOUND = "ClaimNotBound"
    CLAIM_FORBIDDEN = "ClaimForbidden"
    CLAIM_ELSEWHERE = "ClaimElsewhere"
    CLAIM_NOT_SERVED = "ClaimNotServed"
    NO_OBJECTS = "NoObjects"
    FORMAT_UNREADABLE = "FormatUnreadable"
    PARSER_FAILED = "ParserFailed"


# What passes by itself (a store that is busy, or out of reach for a moment) is not here: a mount may well succeed. Nor
# is what is said of claims: who grants a mount asks the cluster anew.
NOTHING_TO_READ: Final = frozenset(
    {
        Reason.SECRET_NOT_FOUND,
        Reason.SECRET_FORBIDDEN,
        Reason.SECRET_KEY_MISSING,
        Reason.ENDPOINT_NOT_S3,
        Reason.ENDPOINT_REFUSED,
        Reason.REDIRECT_REFUSED,
        Reason.ROLE_NOT_PERMITTED,
        Reason.CERTIFICATE_UNTRUSTED,
        Reason.ACCESS_DENIED,
        Reason.BUCKET_NOT_FOUND,
        Reason.BUCKET_TAKEN,
        Reason.BUCKET_NAME_INVALID,
        Reason.BUCKET_NOT_MADE,
        Reason.REGION_WRONG,
        Reason.TABLE_NOT_FOUND,
        Reason.TABLE_NOT_FILES,
        Reason.TABLE_ELSEWHERE,
        Reason.SNAPSHOT_NOT_FOUND,
    }
)
"""Reasons for which a reader finds nothing there, until somebody changes something."""
