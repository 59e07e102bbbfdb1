"""S3 stores, as rclone takes them."""

from typing import Final
from urllib.parse import urlsplit

from moorage.sources import Credentials
from moorage.sources.s3 import S3Source
from node_plugin.sidecar.remotes.remote import Remote

KIND: Final = S3Source.kind


def remote(source: S3Source, credentials: Credentials | None) -> Remote:
    """The remote; without keys, requests are not signed."""
    folder = source.prefix.strip("/")
    return Remote(
        path=f"{source.bucket}/{folder}" if folder else source.bucket,
        options={
            "type": "s3",
            "provider": "AWS" if _is_amazon(source.endpoint) else "Other",
            "env_auth": "false",
            "access_key_id": credentials.access_key_id if credentials else None,
            "secret_access_key": credentials.secret_access_key if credentials else None,
            "session_token": credentials.session_token if credentials else None,
            "endpoint": source.endpoint,
            "region": source.region or "us-east-1",
            # Read only: never ask for, nor make, a bucket.
            "no_check_bucket": "true",
        },
        ca_bundle=source.ca_bundle,
    )


def _is_amazon(endpoint: str) -> bool:
    host = urlsplit(endpoint).hostname
    return host is not None and (host == "amazonaws.com" or host.endswith((".amazonaws.com", ".amazonaws.com.cn")))
