"""Turns what boto3 raises into a `StoreError` with a stable reason and a remedy. No word of the store is passed on."""

import contextlib
from collections.abc import Iterator

from botocore import exceptions as boto

from moorage.errors import StoreError

_WRONG_KEYS = "the store refuses the keys: mend the Secret that the Site's spec.artifactStore.s3.secretRef names"
_LACKING_RIGHTS = (
    "the keys may not do that: let them read, write and list the bucket (and delete, where runs have a retention)"
)
_BY_CODE = {
    **dict.fromkeys(("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"), ("AccessDenied", _WRONG_KEYS)),
    **dict.fromkeys(
        ("AccessDenied", "Forbidden", "403"),
        ("AccessDenied", _LACKING_RIGHTS),
    ),
    "NoSuchBucket": ("BucketNotFound", "there is no such bucket: create it, or correct the Site's spec.artifactStore"),
    **dict.fromkeys(("SlowDown", "ServiceUnavailable", "503"), ("StoreBusy", "the store asks for fewer requests")),
    **dict.fromkeys(
        ("InsufficientStorage", "XMinioStorageFull", "507", "EntityTooLarge"),
        ("StoreFull", "the store takes no more bytes: make room in it"),
    ),
    **dict.fromkeys(
        ("InternalError", "500"), ("StoreFailed", "the store fails: see its log; perhaps its disk is full")
    ),
}


@contextlib.contextmanager
def explained(name: str, action: str) -> Iterator[None]:
    """Raise `StoreError` for what the block raises.

    Args:
        name: the store, as a message begins.
        action: what was tried, as `read runs/...`.

    Raises:
        StoreError: with a reason from AccessDenied, BucketNotFound, StoreBusy, StoreFull, StoreFailed or
            StoreUnreachable.
    """
    try:
        yield
    except boto.ClientError as error:
        code = _code(error)
        reason, remedy = _BY_CODE.get(code, ("StoreFailed", f"the store answers {code}"))
        raise StoreError(reason, f"{name}: can't {action}: {remedy}") from None
    except (boto.BotoCoreError, OSError) as error:
        problem = f"it does not answer ({type(error).__name__}): check that it runs and can be reached from here"
        raise StoreError("StoreUnreachable", f"{name}: can't {action}: {problem}") from None


def is_absent(error: boto.ClientError) -> bool:
    """Whether the answer says that there is no such object (a missing bucket is another matter)."""
    return _code(error) in {"NoSuchKey", "404", "NotFound"}


def is_present_already(error: boto.ClientError) -> bool:
    """Whether the answer to a conditional write says that somebody else wrote first."""
    return _code(error) in {"PreconditionFailed", "412", "ConditionalRequestConflict", "409"}


def _code(error: boto.ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code") or "an error without a code")[:80]
