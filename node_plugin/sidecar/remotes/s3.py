"""S3 stores, as rclone takes them."""

from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from moorage.sources import Credentials
from moorage.sources.s3 import S3Source
from node_plugin.sidecar.remotes.remote import Remote, Words

KIND: Final = S3Source.kind
WORDS: Final = Words(
    address="s3.endpoint",
    authorities="s3.caBundle",
    absent="there is no such bucket (NoSuchBucket): have s3.bucket corrected in the Dataset",
    hidden="the folder is listed but can't be opened: these keys may list and not read it, or s3.prefix names an "
    "object and no folder; have the Dataset's steward look",
)

WORDS_OF_SESSIONS: Final = replace(WORDS, keys="correct what the role in s3.webIdentity may do")


def remote(source: S3Source, credentials: Credentials | None) -> Remote:
    """The remote; without keys, requests are not signed. Keys that end come from a page (`keys_page`)."""
    ending = credentials is not None and credentials.ends_at is not None
    kept = None if ending else credentials
    folder = source.prefix.strip("/")
    return Remote(
        path=f"{source.bucket}/{folder}" if folder else source.bucket,
        options={
            "type": "s3",
            "provider": "AWS" if _is_amazon(source.endpoint) else "Other",
            "env_auth": "true" if ending else "false",
            "access_key_id": kept.access_key_id if kept else None,
            "secret_access_key": kept.secret_access_key if kept else None,
            "session_token": kept.session_token if kept else None,
            "endpoint": source.endpoint,
            "region": source.signing_region,
            # Read only: never ask for, nor make, a bucket.
            "no_check_bucket": "true",
        },
        words=WORDS_OF_SESSIONS if ending else WORDS,
        ca_bundle=source.ca_bundle,
    )


def _is_amazon(endpoint: str) -> bool:
    host = urlsplit(endpoint).hostname
    return host is not None and (host == "amazonaws.com" or host.endswith((".amazonaws.com", ".amazonaws.com.cn")))
