"""Keys in exchange for a service account's token: which role is asked for, and what its session may do. Pure.

The store is asked for a session of the role (AWS's AssumeRoleWithWebIdentity, which others have too). The session may
do what the role may, and of that no more than the policy that is sent along: one dataset, read-only unless it is
written.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final, Self

from moorage.reading.fields import Fields

LEAST_SECONDS: Final = 900
MOST_SECONDS: Final = 43_200
"""What AWS permits, and others after it."""
USUAL_SECONDS: Final = 3600

# Whoever reads the token on its way may assume the role. A Service's traffic stays in the cluster.
_PRIVATE: Final = re.compile(r"(https://|http://[^/:]+[.]svc([.]cluster[.]local)?(:[0-9]+)?(/|$)).*")
# In a policy they mean more than themselves.
_WILD: Final = re.compile(r"[*?$]")

_TO_LIST: Final = ("s3:ListBucket", "s3:ListBucketVersions")
_TO_READ: Final = ("s3:GetObject", "s3:GetObjectVersion")
_TO_WRITE: Final = ("s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")


@dataclass(frozen=True, slots=True)
class WebIdentity:
    """The role that whoever reads or writes assumes.

    Attributes:
        role_arn: the role.
        sts_endpoint: who gives the keys; None: the store itself.
        session_seconds: how long they are good.
    """

    role_arn: str
    sts_endpoint: str | None = None
    session_seconds: int = USUAL_SECONDS

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """From its mapping.

        Raises:
            InputError: a field can't be used.
        """
        seconds = fields.count("sessionSeconds", least=LEAST_SECONDS)
        if seconds is not None and seconds > MOST_SECONDS:
            fields.fail("sessionSeconds", f"must be at most {MOST_SECONDS}")
        found = cls(
            role_arn=fields.required_text("roleARN"),
            sts_endpoint=fields.url("stsEndpoint", "https", "http").rstrip("/")
            if fields.value("stsEndpoint")
            else None,
            session_seconds=seconds or USUAL_SECONDS,
        )
        fields.finish()
        return found

    def write(self) -> dict[str, Any]:
        """The mapping that reads back as this."""
        raw: dict[str, Any] = {"roleARN": self.role_arn}
        if self.sts_endpoint is not None:
            raw["stsEndpoint"] = self.sts_endpoint
        if self.session_seconds != USUAL_SECONDS:
            raw["sessionSeconds"] = self.session_seconds
        return raw


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRequest:
    """A session of a role, as it is asked for.

    Attributes:
        endpoint: who gives the keys.
        named_in: the field that says so, for messages.
        ca_bundle: PEM of who may sign its certificate; None: the image's authorities.
        role_arn: the role.
        seconds: how long the keys are to be good.
        policy: what the session may do at most, as JSON.
    """

    endpoint: str
    named_in: str
    ca_bundle: str | None
    role_arn: str
    seconds: int
    policy: str


def is_private(url: str) -> bool:
    """Whether a token may be sent there: over TLS, or to a Service of the cluster."""
    return _PRIVATE.fullmatch(url) is not None


def is_wild(text: str) -> bool:
    """Whether a policy would take it for more than itself."""
    return _WILD.search(text) is not None


def session_policy(role_arn: str, bucket: str, folder: str, *, writes: bool) -> str:
    """What a session may do at most, as JSON.

    Args:
        role_arn: its partition is that of the bucket.
        bucket: the dataset's.
        folder: in the bucket, without slashes at its ends; "" is the whole bucket.
        writes: whether it may write, too.
    """
    partition = role_arn.split(":")[1] if role_arn.startswith("arn:aws") else "aws"
    there = f"arn:{partition}:s3:::{bucket}"
    listing: dict[str, Any] = {"Effect": "Allow", "Action": list(_TO_LIST), "Resource": [there]}
    if folder:
        listing["Condition"] = {"StringLike": {"s3:prefix": [folder, f"{folder}/*"]}}
    inside = f"{there}/{folder}/*" if folder else f"{there}/*"
    # A mount server first asks whether the folder is an object; to whoever may not ask that, stores answer otherwise.
    read = [inside, *([f"{there}/{folder}"] if folder else [])]
    statements = [listing, {"Effect": "Allow", "Action": list(_TO_READ), "Resource": read}]
    if writes:
        statements.append({"Effect": "Allow", "Action": list(_TO_WRITE), "Resource": [inside]})
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))
