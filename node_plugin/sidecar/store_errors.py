"""What a store answered, in words for the pod's author: pure.

rclone's mount says nothing of it: where a store refuses the first request, it takes the folder for a file and ends
with status 1. So the sidecar asks once more with a command that does say (`rclone.probe_command`). Nothing of what that
prints is passed on: a store writes part of it, and may repeat what was sent. Only what is known here is named.
"""

import re
from dataclasses import dataclass, replace
from typing import Final

from node_plugin.sidecar.remotes import Words

MOST_BYTES: Final = 16 * 1024
"""Of what the command prints, the end is looked at."""

_CODE: Final = re.compile(r"api error ([A-Za-z]{1,40}):")
_STATUS: Final = re.compile(r"StatusCode: ([1-5][0-9]{2})\b")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a dataset can't be served.

    Attributes:
        message: one sentence with what to do about it.
        stands: asking again changes nothing until somebody changes something.
        absent: the store knows no such folder; a writer's first object makes it.
    """

    message: str
    stands: bool = False
    absent: bool = False


_MEND: Final = "have the Dataset's steward {keys}"
_BY_CODE: Final = {
    "InvalidAccessKeyId": Trouble(f"the store does not know the access key (InvalidAccessKeyId): {_MEND}", stands=True),
    "SignatureDoesNotMatch": Trouble(
        f"the secret key does not belong to the access key (SignatureDoesNotMatch): {_MEND}", stands=True
    ),
    **{
        code: Trouble(f"the store does not accept the session token ({code}): {_MEND}", stands=True)
        for code in ("InvalidToken", "ExpiredToken", "InvalidSecurity")
    },
    **{
        code: Trouble(
            f"these keys may not list the folder ({code}): have the Dataset's steward permit that at the store, or "
            "{keys}",
            stands=True,
        )
        for code in ("AccessDenied", "AllAccessDisabled", "Forbidden", "Unauthorized")
    },
    **{
        code: Trouble(f"there is no such bucket ({code}): have s3.bucket corrected in the Dataset", stands=True)
        for code in ("NoSuchBucket", "InvalidBucketName")
    },
    **{
        code: Trouble(f"the bucket is in another region ({code}): have s3.region corrected in the Dataset", stands=True)
        for code in ("PermanentRedirect", "AuthorizationHeaderMalformed")
    },
    "RequestTimeTooSkewed": Trouble("the clocks of node and store differ too much (RequestTimeTooSkewed): set them"),
    **{
        code: Trouble(f"the store asks for fewer requests ({code}); it is asked again")
        for code in ("SlowDown", "ServiceUnavailable", "Throttling", "RequestLimitExceeded")
    },
}
_CHECK: Final = "check {address} in the Dataset, and that this node may reach it"
_BY_WORDS: Final = (
    ("directory not found", Trouble("{absent}", stands=True, absent=True)),
    ("no such host", Trouble(f"the store's name is not known to this node's DNS: {_CHECK}")),
    ("server misbehaving", Trouble("this node's DNS does not answer; it is asked again")),
    ("Temporary failure in name resolution", Trouble("this node's DNS does not answer; it is asked again")),
    ("connection refused", Trouble(f"nothing listens at the store's address: {_CHECK}")),
    ("no route to host", Trouble(f"this node has no route to the store: {_CHECK}")),
    ("network is unreachable", Trouble(f"this node has no route to the store: {_CHECK}")),
    ("HTTP response to HTTPS client", Trouble("the store speaks plain HTTP: have {address} begin with http://")),
    (
        "x509:",
        Trouble("the store's certificate is not trusted: have its authority's certificate put into {authorities}"),
    ),
    ("tls:", Trouble("the store does not speak the TLS that is expected: check {address} in the Dataset")),
    ("i/o timeout", Trouble(f"the store does not answer: {_CHECK}")),
    ("deadline exceeded", Trouble(f"the store does not answer: {_CHECK}")),
)
_UNKNOWN: Final = Trouble("the store refuses to list the folder, in words that are not known here: see its log")


def trouble_of(status: int | None, printed: str, words: Words) -> Trouble:
    """What is wrong with a store.

    Args:
        status: of the command that asked it, not 0; None where it did not end in time.
        printed: by it.
        words: of the kind of source.
    """
    if status is None:
        return _named(Trouble(f"the store does not answer: {_CHECK}"), words)
    if (code := _CODE.search(printed)) and (known := _BY_CODE.get(code[1])):
        return _named(known, words)
    for part, trouble in _BY_WORDS:
        if part in printed:
            return _named(trouble, words)
    answered = _STATUS.search(printed)
    return _UNKNOWN if answered is None else Trouble(f"the store answers with HTTP status {answered[1]}: see its log")


def _named(trouble: Trouble, words: Words) -> Trouble:
    """With the kind's own fields."""
    named = trouble.message.format(
        address=words.address, authorities=words.authorities, absent=words.absent, keys=words.keys
    )
    return replace(trouble, message=named)
