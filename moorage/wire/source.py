"""`spec.sources[]`: where a full copy of the data is, in and out."""

from collections.abc import Callable
from typing import Any

from moorage.model import (
    BucketClaimSource,
    HiveSource,
    HostPathSource,
    HttpSource,
    Location,
    NfsSource,
    PvcSource,
    S3Source,
    Source,
    UnsupportedSource,
)
from moorage.wire.fields import Fields


def read_source(fields: Fields) -> Source:
    """One entry of `spec.sources`: a site and exactly one kind of place."""
    site = fields.name("site")
    present = [kind for kind in _READERS if fields.value(kind) is not None]
    if len(present) != 1:
        found = f"found {' and '.join(present)}" if present else "found none"
        fields.fail("", f"must have exactly one of {', '.join(_READERS)}; {found}")
    sub = fields.sub(present[0])
    if sub is None:
        fields.fail(present[0], "must be a mapping")
    location = _READERS[present[0]](sub)
    sub.finish()
    fields.finish()
    return Source(site=site, location=location)


def read_s3(fields: Fields) -> S3Source:
    """An `s3` mapping, of a source or of a site's artifact store; the caller calls `finish`."""
    secret, identity = fields.sub("secretRef"), fields.sub("webIdentity")
    if secret is not None and identity is not None:
        fields.fail("webIdentity", "can't be given beside secretRef: keep one of them")
    source = S3Source(
        endpoint=_endpoint(fields),
        bucket=fields.required_text("bucket"),
        prefix=fields.text("prefix") or "",
        region=fields.text("region"),
        secret_name=None if secret is None else secret.required_text("name"),
        role_arn=None if identity is None else identity.required_text("roleARN"),
        ca_bundle=fields.text("caBundle"),
    )
    for sub in (secret, identity):
        if sub is not None:
            sub.finish()
    return source


def _endpoint(fields: Fields) -> str:
    endpoint = fields.required_text("endpoint")
    if not endpoint.startswith(("http://", "https://")):
        fields.fail("endpoint", f"{endpoint!r} must begin with http:// or https://")
    return endpoint.rstrip("/")


def _nfs(fields: Fields) -> NfsSource:
    return NfsSource(fields.required_text("server"), fields.required_text("path"))


def _pvc(fields: Fields) -> PvcSource:
    return PvcSource(fields.required_text("claimName"))


def _host_path(fields: Fields) -> HostPathSource:
    path = fields.required_text("path")
    if not path.startswith("/") or ".." in path.split("/"):
        fields.fail("path", f"{path!r} must be absolute and must not contain '..'")
    return HostPathSource(path)


def _http(fields: Fields) -> HttpSource:
    return HttpSource(fields.required_text("url"), fields.flag("extract"))


def _hive(fields: Fields) -> HiveSource:
    return HiveSource(fields.required_text("metastore"), fields.required_text("table"))


def _bucket_claim(fields: Fields) -> BucketClaimSource:
    return BucketClaimSource(fields.required_text("name"))


_READERS: dict[str, Callable[[Fields], Location]] = {
    "s3": read_s3,
    "nfs": _nfs,
    "pvc": _pvc,
    "hostPath": _host_path,
    "http": _http,
    "hive": _hive,
    "bucketClaim": _bucket_claim,
}
SOURCE_KINDS = tuple(_READERS)


def write_s3(location: S3Source) -> dict[str, Any]:
    """The `s3` mapping."""
    raw: dict[str, Any] = {"endpoint": location.endpoint, "bucket": location.bucket}
    if location.prefix:
        raw["prefix"] = location.prefix
    if location.region:
        raw["region"] = location.region
    if location.secret_name:
        raw["secretRef"] = {"name": location.secret_name}
    if location.role_arn:
        raw["webIdentity"] = {"roleARN": location.role_arn}
    if location.ca_bundle:
        raw["caBundle"] = location.ca_bundle
    return raw


def write_source(source: Source) -> dict[str, Any]:
    """One entry of `spec.sources`."""
    return {"site": source.site, source.kind: _write_location(source.location)}


def _write_location(location: Location) -> dict[str, Any]:  # noqa: PLR0911 - one return a kind
    match location:
        case S3Source():
            return write_s3(location)
        case NfsSource():
            return {"server": location.server, "path": location.path}
        case PvcSource():
            return {"claimName": location.claim_name}
        case HostPathSource():
            return {"path": location.path}
        case HttpSource():
            return {"url": location.url, **({"extract": True} if location.extract else {})}
        case HiveSource():
            return {"metastore": location.metastore, "table": location.table}
        case BucketClaimSource():
            return {"name": location.name}
        case UnsupportedSource():
            raise ValueError(f"a source of type {location.type_name} exists in spec.local only")
