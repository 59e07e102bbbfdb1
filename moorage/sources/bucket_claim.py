"""A bucket that an ObjectBucketClaim brought (objectbucket.io, as NooBaa and Rook serve it): `bucketClaim`."""

import re
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from moorage.errors import InputError, SourceError
from moorage.reading.fields import Fields
from moorage.sources.claimed import ClaimedSource, Place, Raw
from moorage.sources.location import Abilities, Keys, Option
from moorage.sources.reasons import Reason
from moorage.sources.s3 import S3Source

KEY_NAMES: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
"""In the Secret that the provisioner writes, which bears the claim's name."""
_PLAIN_PORTS: Final = frozenset({80, 8080})
_MOST_PORT: Final = 65_535
_HOST: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")


@dataclass(frozen=True, slots=True)
class BucketClaimSource(ClaimedSource):
    """An ObjectBucketClaim in the dataset's namespace. The ObjectBucket that is bound to it says where the bucket is.

    Attributes:
        name: of the claim, and of the Secret with its keys.
        prefix: a folder in the bucket; "": all of it.
        tls: whether the store speaks TLS; None: its port tells.
        ca_bundle: of the authorities that may sign the store's certificate.
    """

    name: str
    prefix: str = ""
    tls: bool | None = None
    ca_bundle: str | None = None

    kind = "bucketClaim"
    abilities = Abilities(looked_up=True, listed=True, handed_out=True, writable=True)
    options = (
        Option(
            "--bucket-claim",
            "An ObjectBucketClaim, same namespace, instead of a bucket.",
            lambda value: {"name": value},
            "NAME",
        ),
    )

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """From its mapping."""
        return cls(
            fields.required_text("name"),
            fields.text("prefix") or "",
            None if fields.value("tls") is None else fields.exact_flag("tls"),
            fields.text("caBundle", lines=True),
        )

    def write(self) -> dict[str, Any]:
        """The mapping."""
        raw: dict[str, Any] = {"name": self.name}
        if self.prefix:
            raw["prefix"] = self.prefix
        if self.tls is not None:
            raw["tls"] = self.tls
        if self.ca_bundle:
            raw["caBundle"] = self.ca_bundle
        return raw

    @property
    def words(self) -> str:
        """The claim's name, and the folder."""
        folder = self.prefix.strip("/")
        return f"bucket claim {self.name}" + (f", folder {folder}" if folder else "")

    @property
    def claim(self) -> str:
        """Its name."""
        return self.name

    @property
    def keys(self) -> Keys | None:
        """In the Secret that the provisioner made."""
        return Keys("bucketClaim.name", self.name)

    def without_keys(self) -> Self:
        """Without certificates."""
        return replace(self, ca_bundle=None)

    def bound_to(self, claim: Raw) -> str:
        """Its ObjectBucket. Tenants write it, so the ObjectBucket has to name the claim, too."""
        name = (claim.get("spec") or {}).get("objectBucketName")
        return name if isinstance(name, str) else ""

    def place(self, subject: str, owned: Raw) -> Place:
        """An S3 bucket with the keys in the claim's Secret."""
        endpoint = (owned.get("spec") or {}).get("endpoint")
        if not isinstance(endpoint, dict):
            raise SourceError(
                Reason.CLAIM_NOT_SERVED, f"{subject}: has no spec.endpoint, so nobody can reach its bucket"
            )
        raw: dict[str, Any] = {
            "endpoint": self._url(subject, endpoint),
            "bucket": endpoint.get("bucketName"),
            "region": endpoint.get("region") or None,
            "prefix": self.prefix,
            "secretRef": {"name": self.name},
            "caBundle": self.ca_bundle,
        }
        try:
            source = S3Source.read(Fields(subject, "spec.endpoint", raw))
        except InputError as error:
            raise SourceError(Reason.CLAIM_NOT_SERVED, str(error)) from None
        return Place(replace(source, key_names=KEY_NAMES))

    def _url(self, subject: str, endpoint: Raw) -> str:
        host, port = endpoint.get("bucketHost"), endpoint.get("bucketPort") or 0
        if not isinstance(host, str) or not _HOST.fullmatch(host):
            raise SourceError(Reason.CLAIM_NOT_SERVED, f"{subject}: spec.endpoint.bucketHost is not a host's name")
        if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= _MOST_PORT:
            raise SourceError(Reason.CLAIM_NOT_SERVED, f"{subject}: spec.endpoint.bucketPort is not a port")
        tls = self.tls if self.tls is not None else endpoint.get("ssl") is True or port not in _PLAIN_PORTS
        return f"{'https' if tls else 'http'}://{host}" + (f":{port}" if port else "")
