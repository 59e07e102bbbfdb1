"""`spec.local`: the vocabulary of the Dataset Lifecycle Framework and Datashim, as a shorthand for one source."""

from moorage.model import (
    Credentials,
    HostPathSource,
    HttpSource,
    Location,
    NfsSource,
    S3Source,
    Source,
    UnsupportedSource,
)
from moorage.wire.fields import Fields

LOCAL_TYPES = ("COS", "S3", "NFS", "HOST", "H3", "ARCHIVE")
_READ = ("type", "site", "endpoint", "bucket", "folder", "region", "accessKeyID", "secretAccessKey", "secret-name")
_READ_ELSEWHERE = ("server", "share", "path", "url", "storageUri")
# Words that Datashim reads and that change nothing here: the mount is always read-only and never provisions.
_ACCEPTED_UNUSED = ("readonly", "hostPathType", "createPVC", "provision", "format", "secret-namespace", "storageClass")
KNOWN_KEYS = (*_READ, *_READ_ELSEWHERE, *_ACCEPTED_UNUSED)


def read_local(fields: Fields, namespace: str) -> Source:
    """The one source that `spec.local` means. Its site is `site`, else "": the only Site there is."""
    for key in _ACCEPTED_UNUSED:
        fields.value(key)
    kind = fields.required_text("type").upper()
    secret_namespace = fields.text("secret-namespace")
    if secret_namespace not in (None, namespace):
        fields.fail(
            "secret-namespace", f"must be the dataset's own, {namespace!r}: a Secret of another namespace is never read"
        )
    site = fields.text("site") or ""
    location = _read_location(fields, kind)
    fields.finish()
    return Source(site=site, location=location)


def _read_location(fields: Fields, kind: str) -> Location:
    match kind:
        case "COS" | "S3":
            return _read_cos(fields)
        case "NFS":
            share = fields.text("share") or fields.text("path")
            if share is None:
                fields.fail("share", "is required and must not be empty")
            return NfsSource(fields.required_text("server"), share)
        case "HOST":
            return HostPathSource(fields.required_text("path"))
        case "ARCHIVE":
            return HttpSource(fields.required_text("url"), extract=True)
        case "H3":
            for key in ("storageUri", "bucket"):
                fields.value(key)
            return UnsupportedSource("H3")
        case _:
            fields.fail("type", f"{kind!r} is not one of {', '.join(LOCAL_TYPES)}")


def _read_cos(fields: Fields) -> S3Source:
    key_id, secret_key = fields.text("accessKeyID"), fields.text("secretAccessKey")
    if (key_id is None) != (secret_key is None):
        fields.fail("secretAccessKey" if key_id else "accessKeyID", "is required beside the other key")
    endpoint = fields.required_text("endpoint")
    return S3Source(
        endpoint=(endpoint if "://" in endpoint else f"https://{endpoint}").rstrip("/"),
        bucket=fields.required_text("bucket"),
        prefix=fields.text("folder") or "",
        region=fields.text("region"),
        secret_name=fields.text("secret-name"),
        inline_credentials=Credentials(key_id, secret_key) if key_id and secret_key else None,
    )
