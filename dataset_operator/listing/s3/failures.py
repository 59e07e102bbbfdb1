"""Translation of boto3's, botocore's and s3fs's errors to a `SourceError` with a stable reason and a remedy.

Nothing that a store answers is passed on but its error code: an answer may quote what was signed.
"""

import contextlib
from collections.abc import Iterator

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from moorage.errors import SourceError
from moorage.sources.reasons import Reason

_WRONG_KEYS = (
    Reason.ACCESS_DENIED,
    "the store refuses these keys ({code}): correct the Secret that s3.secretRef names",
)
_FORBIDDEN = (
    Reason.ACCESS_DENIED,
    "these keys may not read it ({code}): permit them to list and read the bucket, or put others into the Secret",
)
_NOT_PUBLIC = (
    Reason.ACCESS_DENIED,
    "the store gives it to nobody without keys ({code}): name a Secret with keys in s3.secretRef, or make it public",
)
_NO_BUCKET = (Reason.BUCKET_NOT_FOUND, "there is no such bucket: create it, or correct s3.bucket")
_OTHER_REGION = (Reason.REGION_WRONG, "the bucket is in another region ({code}): correct s3.region")
_BUSY = (Reason.STORE_BUSY, "the store asks for fewer requests ({code}); tried again later")
_UNKNOWN_THERE = (Reason.LIST_FAILED, "the store does not have it ({code}): check s3.endpoint and s3.bucket")
_OTHERWISE = (Reason.LIST_FAILED, "the store answers {code}: check the store's log")

_FORBIDDEN_CODES = frozenset({"AccessDenied", "AllAccessDisabled", "Forbidden", "Unauthorized", "403", "401"})
_BY_CODE: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "InvalidSecurity"), _WRONG_KEYS
    ),
    **dict.fromkeys(("NoSuchBucket", "InvalidBucketName"), _NO_BUCKET),
    **dict.fromkeys(("PermanentRedirect", "AuthorizationHeaderMalformed", "301"), _OTHER_REGION),
    **dict.fromkeys(("SlowDown", "ServiceUnavailable", "Throttling", "RequestLimitExceeded", "503", "429"), _BUSY),
    **dict.fromkeys(("NoSuchKey", "404"), _UNKNOWN_THERE),
}


@contextlib.contextmanager
def explained(name: str, *, anonymous: bool = False) -> Iterator[None]:
    """Raise `SourceError` for what the block raises about the source `name` (as `s3://bucket/folder/ at https://...`).

    Args:
        name: the name of the source.
        anonymous: whether it is read without keys.

    Raises:
        SourceError: with a reason from EndpointUnreachable, EndpointNotS3, CertificateUntrusted, AccessDenied,
            BucketNotFound, RegionWrong, StoreBusy, ListFailed.
    """
    try:
        yield
    except (boto.BotoCoreError, boto.ClientError, ResponseParserError, OSError, ValueError) as error:
        reason, problem = _explain(error, _NOT_PUBLIC if anonymous else _FORBIDDEN)
        raise SourceError(reason, f"{name}: {problem}") from None


def _explain(error: Exception, forbidden: tuple[str, str]) -> tuple[str, str]:  # noqa: PLR0911 - a table, written as cases
    match error:
        case boto.ClientError():
            code = str(error.response.get("Error", {}).get("Code") or "an error without a code")[:80]
            reason, problem = forbidden if code in _FORBIDDEN_CODES else _BY_CODE.get(code, _OTHERWISE)
            return reason, problem.format(code=code)
        case boto.SSLError() if "WRONG_VERSION_NUMBER" in str(error):
            return Reason.ENDPOINT_UNREACHABLE, "the endpoint speaks plain HTTP: write s3.endpoint with http://"
        case boto.SSLError():
            return Reason.CERTIFICATE_UNTRUSTED, (
                f"the endpoint's certificate is not trusted ({_root(error)}): give its authority's certificate in "
                "s3.caBundle, or correct the endpoint's name"
            )
        case ResponseParserError():
            return Reason.ENDPOINT_NOT_S3, "something answers there, but not as an S3 store: correct s3.endpoint"
        case boto.HTTPClientError() | boto.ConnectionError():
            return Reason.ENDPOINT_UNREACHABLE, (
                f"the endpoint does not answer ({_root(error)}): check s3.endpoint, and that the store is running and "
                "reachable from the cluster"
            )
        # The errors that s3fs makes of answers:
        case PermissionError():
            return forbidden[0], forbidden[1].format(code="AccessDenied")
        case FileNotFoundError():
            return Reason.LIST_FAILED, "an object vanished between listing and reading; tried again later"
        case TimeoutError() | ConnectionError():
            return Reason.ENDPOINT_UNREACHABLE, f"the store stopped answering ({_root(error)}); tried again later"
        case _:
            return Reason.LIST_FAILED, f"can't be read ({type(error).__name__}): check s3.endpoint and s3.bucket"


def _root(error: BaseException) -> str:
    """Return the innermost cause in a few words: botocore wraps urllib3 wraps the system's own."""
    inner: BaseException = error
    seen = 0
    while seen < 8 and (deeper := _cause(inner)) is not None:  # noqa: PLR2004 - chains of causes are short; some loop
        inner, seen = deeper, seen + 1
    strerror = getattr(inner, "strerror", None)
    return str(strerror or type(inner).__name__)


def _cause(error: BaseException) -> BaseException | None:
    told = getattr(error, "kwargs", None)
    wrapped = told.get("error") if isinstance(told, dict) else None
    for candidate in (wrapped, getattr(error, "reason", None), error.__cause__, error.__context__):
        if isinstance(candidate, BaseException):
            return candidate
    return None
