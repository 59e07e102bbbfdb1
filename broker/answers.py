"""A permission as JSON for the node plugin. Pure."""

from typing import Any

from broker.ruling import Permission
from moorage.errors import BrokerError
from moorage.sources import Credentials
from moorage.sources.host_path import HostPathSource
from moorage.sources.nfs import NfsSource
from moorage.sources.s3 import S3Source, certificates_of


def write_grant(permission: Permission, credentials: Credentials | None) -> dict[str, Any]:
    """The answer's body. It holds the keys.

    Raises:
        SourceError: the source's certificates can't be read.
    """
    dataset = permission.dataset
    return {
        "site": permission.site,
        "version": dataset.status.version,
        "source": write_source(permission),
        "credentials": None
        if credentials is None
        else {
            "accessKeyId": credentials.access_key_id,
            "secretAccessKey": credentials.secret_access_key,
            "sessionToken": credentials.session_token,
        },
        "cache": {"mode": dataset.cache.mode.value, "sizeLimitBytes": dataset.cache.size_limit_bytes},
    }


def write_source(permission: Permission) -> dict[str, Any]:
    """Where to read, without keys."""
    source = permission.source
    common = {"site": source.site, "kind": source.kind, "local": permission.local}
    match source.location:
        case S3Source() as s3:
            return common | {
                "endpoint": s3.endpoint,
                "bucket": s3.bucket,
                "prefix": s3.prefix.strip("/"),
                "region": s3.region,
                "caBundle": None if s3.ca_bundle is None else certificates_of(s3.ca_bundle),
            }
        case NfsSource() as nfs:
            return common | {"server": nfs.server, "path": nfs.path}
        case HostPathSource() as host:
            return common | {"path": host.path}
        case _:
            raise BrokerError(f"a source of kind {source.kind} can't be mounted")
