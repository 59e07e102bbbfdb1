"""Objects under a prefix of a bucket: `s3`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from moorage.reading.fields import Fields
from moorage.sources.certificates import certificates_of
from moorage.sources.location import Abilities, Credentials, HandOut, Keys, Location, Option, Server
from moorage.sources.paths import is_folder_name
from moorage.sources.provision import Provision
from moorage.sources.uris import Uri, beneath, without_scheme
from moorage.sources.web_identity import SessionRequest, WebIdentity, is_private, is_wild, session_policy

SECRET_KEYS: Final = ("accessKeyID", "secretAccessKey")
_USUAL_REGION: Final = "us-east-1"
_MASKED: Final = Credentials("", "")
_BUCKET_SCHEMES: Final = frozenset({"s3", "minio", "gs"})
_GOOGLE: Final = "storage.googleapis.com"


@dataclass(frozen=True, slots=True)
class S3Source(Location):
    """Objects under a prefix of a bucket. The Secrets lie in the dataset's namespace.

    `key_names`: under which names its Secret is referred to; only whoever did not write the Secret knows others.
    `provision`: None where nobody makes the bucket.
    """

    endpoint: str
    bucket: str
    prefix: str = ""
    region: str | None = None
    secret_name: str | None = None
    web_identity: WebIdentity | None = None
    ca_bundle: str | None = None
    inline_credentials: Credentials | None = field(default=None, repr=False)
    writer_secret_name: str | None = None
    key_names: tuple[str, str] = SECRET_KEYS
    provision: Provision | None = None

    kind = "s3"
    abilities = Abilities(served_by=Server.SIDECAR, listed=True, handed_out=True, written=True, writable=True)
    local_types = ("COS", "S3")
    local_keys = (
        "endpoint",
        "bucket",
        "folder",
        "region",
        "accessKeyID",
        "secretAccessKey",
        "secret-name",
        "provision",
    )
    options = (
        Option(
            "--s3-endpoint",
            "The URL of its S3 store, for example https://s3.example.com.",
            lambda value: {"endpoint": value},
        ),
        Option("--bucket", "The bucket.", lambda value: {"bucket": value}),
        Option("--prefix", "The folder in the bucket.", lambda value: {"prefix": value}),
        Option("--region", "The store's region.", lambda value: {"region": value}),
        Option(
            "--secret",
            "The Secret with accessKeyID and secretAccessKey, same namespace.",
            lambda value: {"secretRef": {"name": value}},
        ),
        Option(
            "--writer-secret",
            "The Secret with the keys for pods that write, same namespace.",
            lambda value: {"writerSecretRef": {"name": value}},
        ),
        Option(
            "--provision",
            "Make the bucket if it is missing, and Retain or Delete it (if it is empty) when the Dataset goes.",
            lambda value: {"provision": {"deletionPolicy": value}},
            "Retain|Delete",
        ),
    )

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """From its mapping, of a source, of a site's artifact store, or of a grant."""
        secret, identity = fields.sub("secretRef"), fields.sub("webIdentity")
        writers, provision = fields.sub("writerSecretRef"), fields.sub("provision")
        if secret is not None and identity is not None:
            fields.fail("webIdentity", "can't be given beside secretRef: keep one of them")
        source = cls(
            endpoint=fields.url("endpoint", "https", "http").rstrip("/"),
            bucket=_bucket(fields),
            prefix=fields.text("prefix") or "",
            region=fields.text("region"),
            secret_name=None if secret is None else secret.required_text("name"),
            writer_secret_name=None if writers is None else writers.required_text("name"),
            web_identity=None if identity is None else WebIdentity.read(identity),
            ca_bundle=fields.text("caBundle", lines=True),
            provision=None if provision is None else Provision.read(provision),
        )
        for sub in (secret, writers):
            if sub is not None:
                sub.finish()
        if source.web_identity is not None:
            _check_identity(fields, source, source.web_identity)
        if provision is not None and source.for_writers().secret_name is None:
            fields.fail("provision", "needs keys of the Dataset's own that may make the bucket: name them in secretRef")
        return source

    @classmethod
    def read_local(cls, fields: Fields, type_name: str) -> Self:
        """COS and S3: the host may stand without a scheme, the keys in the Dataset itself."""
        del type_name
        key_id, secret_key = fields.text("accessKeyID"), fields.text("secretAccessKey")
        if (key_id is None) != (secret_key is None):
            fields.fail("secretAccessKey" if key_id else "accessKeyID", "is required together with the other key")
        endpoint = fields.required_text("endpoint")
        provision = str(fields.value("provision") or "").lower() == "true"
        complete = Fields(
            fields.subject, fields.path, {"endpoint": endpoint if "://" in endpoint else f"https://{endpoint}"}
        )
        return cls(
            endpoint=complete.url("endpoint", "https", "http").rstrip("/"),
            bucket=_bucket(fields),
            prefix=fields.text("folder") or "",
            region=fields.text("region"),
            secret_name=fields.text("secret-name"),
            inline_credentials=Credentials(key_id, secret_key) if key_id and secret_key else None,
            provision=Provision() if provision and (key_id or fields.text("secret-name")) else None,
        )

    def write(self) -> dict[str, Any]:
        """The mapping, without keys that somebody wrote into the Dataset."""
        raw: dict[str, Any] = {"endpoint": self.endpoint, "bucket": self.bucket}
        if self.prefix:
            raw["prefix"] = self.prefix
        if self.region:
            raw["region"] = self.region
        if self.secret_name:
            raw["secretRef"] = {"name": self.secret_name}
        if self.writer_secret_name:
            raw["writerSecretRef"] = {"name": self.writer_secret_name}
        if self.web_identity is not None:
            raw["webIdentity"] = self.web_identity.write()
        if self.ca_bundle:
            raw["caBundle"] = self.ca_bundle
        if self.provision is not None:
            raw["provision"] = self.provision.write()
        return raw

    @property
    def signing_region(self) -> str:
        """What signatures name: stores without regions take the one that all clients assume."""
        return self.region or _USUAL_REGION

    def key_of(self, uri: str) -> str | None:
        """The key of `s3://bucket/key` below this prefix; None where it lies elsewhere."""
        head, prefix = f"s3://{self.bucket}/", self.prefix.strip("/")
        key = uri[len(head) :] if uri.startswith(head) else ""
        inside = key.startswith(f"{prefix}/") if prefix else bool(key)
        return key if inside and ".." not in key.split("/") else None

    @property
    def bucket_name(self) -> str:
        """The bucket."""
        return self.bucket

    @property
    def words(self) -> str:
        """As a URL."""
        return "/".join(part for part in (self.endpoint, self.bucket, self.prefix.strip("/")) if part)

    @property
    def where(self) -> Mapping[str, str]:
        """Endpoint, bucket and prefix."""
        return {"endpoint": self.endpoint, "bucket": self.bucket, "prefix": self.prefix}

    @property
    def keys(self) -> Keys | None:
        """In a Secret, in the Dataset itself, or nowhere: anybody may read. None where a token brings them."""
        if self.web_identity is not None:
            return None
        return Keys("s3.secretRef.name", self.secret_name, self.inline_credentials)

    def session(self, *, writes: bool) -> SessionRequest | None:
        """Of the role in `webIdentity`, for this folder alone."""
        identity = self.web_identity
        if identity is None:
            return None
        return SessionRequest(
            endpoint=identity.sts_endpoint or self.endpoint,
            named_in="s3.endpoint" if identity.sts_endpoint is None else "s3.webIdentity.stsEndpoint",
            # The store's own authorities; whoever serves sessions for it elsewhere has a certificate that all trust.
            ca_bundle=self.ca_bundle if identity.sts_endpoint is None else None,
            role_arn=identity.role_arn,
            seconds=identity.session_seconds,
            policy=session_policy(identity.role_arn, self.bucket, self.prefix.strip("/"), writes=writes),
        )

    def without_keys(self) -> Self:
        """Whether there are keys in the Dataset can still be told."""
        return replace(self, inline_credentials=self.inline_credentials and _MASKED, ca_bundle=None)

    def for_writers(self) -> Self:
        """With the keys of `writerSecretRef`; without one, those that readers have."""
        if self.writer_secret_name is None:
            return self
        return replace(self, secret_name=self.writer_secret_name, inline_credentials=None)

    def for_mount(self) -> Self:
        """Endpoint, folder, region and certificates.

        Raises:
            SourceError: its certificates can't be read.
        """
        return replace(
            self,
            prefix=self.prefix.strip("/"),
            secret_name=None,
            writer_secret_name=None,
            key_names=SECRET_KEYS,
            ca_bundle=None if self.ca_bundle is None else certificates_of(self.ca_bundle, "s3.caBundle"),
            inline_credentials=None,
            provision=None,
        )

    def hand_out(self) -> HandOut | str:
        """Where it is, and a reference to the Secret: the keys themselves are never in a pod's spec."""
        if self.inline_credentials is not None:
            return "its keys in spec.local"
        if self.web_identity is not None:
            return "webIdentity instead of keys"
        values = {"endpoint": self.endpoint, "bucket": self.bucket, "prefix": self.prefix, "region": self.region}
        told = {key: value for key, value in values.items() if value}
        keys = dict(zip(SECRET_KEYS, self.key_names, strict=True))
        return HandOut(told, self.secret_name, keys) if self.secret_name else HandOut(told)

    def inside(self, folder: str) -> Self:
        """A longer prefix."""
        return replace(self, prefix="/".join(part for part in (self.prefix.strip("/"), folder) if part))

    def may_hold(self, folder: str) -> bool:
        """With a session, none whose characters its policy would take for more than themselves."""
        return is_folder_name(folder) and not (self.web_identity is not None and is_wild(folder))

    def holds(self, uri: Uri) -> int | None:
        """`s3://` and `minio://` mean any endpoint, `gs://` Google's; https:// is compared with the endpoint."""
        if uri.scheme in _BUCKET_SCHEMES:
            is_other = uri.scheme == "gs" and without_scheme(self.endpoint) != _GOOGLE
            return None if is_other or uri.netloc != self.bucket else beneath(uri.path, self.prefix)
        if uri.scheme in {"http", "https"} and uri.netloc == without_scheme(self.endpoint).rstrip("/"):
            return beneath(uri.path, f"{self.bucket}/{self.prefix}")
        return None


def folder_prefix(prefix: str) -> str:
    """The prefix that listing takes: a folder, so that `claims` never means `claims2/...` too; "" is the whole bucket.

    Slashes at both ends do not count: `/claims`, `claims` and `claims/` are one folder, as they are for mounts.
    """
    folder = prefix.strip("/")
    return f"{folder}/" if folder else ""


def _bucket(fields: Fields) -> str:
    bucket = fields.required_text("bucket")
    if "/" in bucket or bucket in {".", ".."}:
        fields.fail("bucket", f"{bucket!r} is not a bucket name: write a folder in it as the prefix")
    return bucket


def _check_identity(fields: Fields, source: S3Source, identity: WebIdentity) -> None:
    if source.writer_secret_name is not None:
        fields.fail(
            "writerSecretRef", "can't be given beside webIdentity: those who write get keys for their token, too"
        )
    if not is_private(identity.sts_endpoint or source.endpoint):
        at = "endpoint" if identity.sts_endpoint is None else "webIdentity.stsEndpoint"
        fields.fail(
            at,
            "must begin with https://, or be a Service of the cluster such as http://s3.stores.svc:8333: with "
            "webIdentity the pod's token is sent there",
        )
    for name, text in (("bucket", source.bucket), ("prefix", source.prefix)):
        if is_wild(text):
            fields.fail(
                name, "must not contain *, ? or $ with webIdentity: in the session's policy they have a meaning"
            )
