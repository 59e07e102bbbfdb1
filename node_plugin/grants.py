"""What the broker permits one pod to read, as frozen records.

Standard library only: the sidecar reads the same documents from the driver that the driver reads from the broker.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from moorage.errors import InputError

CacheMode: TypeAlias = Literal["none", "auto", "always"]

_SUBJECT: Final = "grant"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class S3Source:
    """A prefix of a bucket.

    Attributes:
        endpoint: None: Amazon's own.
        prefix: without slashes at its ends; "" is the whole bucket.
        ca_bundle: PEM of who may sign the endpoint's certificate; None: the image's usual authorities.
        local: the source lies in the node's own site.
    """

    bucket: str
    prefix: str
    endpoint: str | None
    region: str | None
    ca_bundle: str | None
    local: bool


@dataclass(frozen=True, slots=True)
class NfsSource:
    """A directory that an NFS server exports."""

    server: str
    path: str


@dataclass(frozen=True, slots=True)
class HostPathSource:
    """A directory of the node."""

    path: str


Source: TypeAlias = S3Source | NfsSource | HostPathSource


@dataclass(frozen=True, slots=True)
class Credentials:
    """Keys of one dataset; never printed."""

    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class CacheRule:
    """What the Dataset says about keeping read bytes near; None: no limit of its own."""

    mode: CacheMode
    size_limit_bytes: int | None


@dataclass(frozen=True, slots=True)
class Grant:
    """The permission: which source, with which keys. `credentials` is None for sources that anybody may read."""

    source: Source
    credentials: Credentials | None
    cache: CacheRule

    @property
    def kind(self) -> str:
        """The source's kind, as the broker writes it."""
        return {S3Source: "s3", NfsSource: "nfs", HostPathSource: "hostPath"}[type(self.source)]


def parse_grant(document: object) -> Grant:
    """Read the broker's answer, or what the driver passes on of it; unknown keys are ignored, as it may grow.

    Raises:
        InputError: a field is missing, has another type, or holds what no rclone configuration can.
    """
    body = _mapping(document, "")
    credentials = body.get("credentials")
    cache = _mapping(body.get("cache") or {}, "cache")
    mode = cache.get("mode") or "auto"
    if mode not in {"none", "auto", "always"}:
        raise InputError(_SUBJECT, "cache.mode", f"{mode!r} is none of none, auto, always")
    return Grant(
        source=_parse_source(_mapping(body.get("source"), "source")),
        credentials=None if credentials is None else _parse_credentials(_mapping(credentials, "credentials")),
        cache=CacheRule(mode=mode, size_limit_bytes=_size(cache.get("sizeLimitBytes"))),
    )


def write_grant(grant: Grant) -> dict[str, object]:
    """Write what `parse_grant` reads. The result holds the secrets."""
    keys = grant.credentials
    return {
        "source": _write_source(grant.source),
        "credentials": None
        if keys is None
        else {
            "accessKeyId": keys.access_key_id,
            "secretAccessKey": keys.secret_access_key,
            "sessionToken": keys.session_token,
        },
        "cache": {"mode": grant.cache.mode, "sizeLimitBytes": grant.cache.size_limit_bytes},
    }


def _write_source(source: Source) -> dict[str, object]:
    match source:
        case S3Source():
            return {
                "kind": "s3",
                "endpoint": source.endpoint,
                "bucket": source.bucket,
                "prefix": source.prefix,
                "region": source.region,
                "caBundle": source.ca_bundle,
                "local": source.local,
            }
        case NfsSource():
            return {"kind": "nfs", "server": source.server, "path": source.path}
        case HostPathSource():
            return {"kind": "hostPath", "path": source.path}


def _parse_source(source: Mapping[str, object]) -> Source:
    match source.get("kind"):
        case "s3":
            return S3Source(
                bucket=_bucket(_text(source, "source", "bucket")),
                prefix=(_optional_text(source, "source", "prefix") or "").strip("/"),
                endpoint=_endpoint(_optional_text(source, "source", "endpoint")),
                region=_optional_text(source, "source", "region"),
                ca_bundle=_optional_text(source, "source", "caBundle", lines=True),
                local=source.get("local") is True,
            )
        case "nfs":
            return NfsSource(_text(source, "source", "server"), _absolute(_text(source, "source", "path")))
        case "hostPath":
            return HostPathSource(_absolute(_text(source, "source", "path")))
        case other:
            raise InputError(_SUBJECT, "source.kind", f"{other!r} is no kind that this node plugin can mount")


def _parse_credentials(keys: Mapping[str, object]) -> Credentials:
    return Credentials(
        _text(keys, "credentials", "accessKeyId"),
        _text(keys, "credentials", "secretAccessKey"),
        _optional_text(keys, "credentials", "sessionToken"),
    )


def _mapping(value: object, path: str) -> Mapping[str, object]:
    if isinstance(value, dict):
        return value
    raise InputError(_SUBJECT, path or "document", "is no JSON object")


def _text(body: Mapping[str, object], path: str, name: str) -> str:
    text = _optional_text(body, path, name)
    if text is None:
        raise InputError(_SUBJECT, f"{path}.{name}", "is missing")
    return text


def _optional_text(body: Mapping[str, object], path: str, name: str, *, lines: bool = False) -> str | None:
    """A text, None where it is absent, null or empty. The value itself is in no message: it may be a secret."""
    value = body.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise InputError(_SUBJECT, f"{path}.{name}", "is no text")
    if not lines and _CONTROL.search(value):
        raise InputError(_SUBJECT, f"{path}.{name}", "holds a control character, which no configuration can carry")
    return value


def _bucket(name: str) -> str:
    if "/" in name or name in {".", ".."}:
        raise InputError(_SUBJECT, "source.bucket", f"{name!r} is no bucket's name")
    return name


def _endpoint(url: str | None) -> str | None:
    if url is not None and not url.startswith(("http://", "https://")):
        raise InputError(_SUBJECT, "source.endpoint", f"{url!r} starts with neither https:// nor http://")
    return url


def _absolute(path: str) -> str:
    if not path.startswith("/") or ".." in path.split("/"):
        raise InputError(_SUBJECT, "source.path", f"{path!r} is not absolute, or climbs with '..'")
    return path


def _size(value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InputError(_SUBJECT, "cache.sizeLimitBytes", "is no number of bytes")
    return value
