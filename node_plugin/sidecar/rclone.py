"""The command line and configuration of one mount server (pure).

Keys are in the configuration alone, and the configuration is in memory alone (a memfd that the child opens as
/proc/self/fd/N): an argument shows in the process list, and an environment is inherited, printed and dumped. A pipe
would do for the first read, but rclone reads its configuration again when it likes.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from moorage.errors import InputError
from node_plugin.grants import CacheRule, Credentials, S3Source

_REMOTE: Final = "source"
_REFERENCE: Final = re.compile(r"%\([^)]+\)s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptors:
    """Numbers that the child inherits.

    Attributes:
        ca_bundle: None: the image's authorities.
    """

    fuse: int
    config: int
    ca_bundle: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePlace:
    """Where a far source's bytes may be kept.

    Attributes:
        directory: of this dataset alone.
        limit_bytes: this dataset's share of the volume.
    """

    directory: Path
    limit_bytes: int


def write_config(source: S3Source, credentials: Credentials | None) -> str:
    """The configuration. It holds the keys; without any, requests are not signed.

    Raises:
        InputError: a value is one that rclone's parser takes for a reference to another one.
    """
    values = {
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
    }
    for name, value in values.items():
        if value is not None and _REFERENCE.search(value):
            raise InputError("grant", name, "holds %(...)s, which rclone's configuration can't carry; make another key")
    lines = [f"{name} = {_quote(value)}" for name, value in values.items() if value is not None]
    return "\n".join([f"[{_REMOTE}]", *lines, ""])


def command(program: str, source: S3Source, cache: CacheRule, place: CachePlace, descriptors: Descriptors) -> list[str]:
    """The command line; nothing in it is secret."""
    path = f"{source.bucket}/{source.prefix}" if source.prefix else source.bucket
    authorities = [] if descriptors.ca_bundle is None else ["--ca-cert", f"/proc/self/fd/{descriptors.ca_bundle}"]
    return [
        program,
        "mount2",
        f"{_REMOTE}:{path}",
        f"/dev/fd/{descriptors.fuse}",
        "--config",
        f"/proc/self/fd/{descriptors.config}",
        *authorities,
        "--allow-non-empty",
        "--read-only",
        # Whoever the app runs as reads; the kernel checks these (default_permissions).
        "--dir-perms=0555",
        "--file-perms=0444",
        "--dir-cache-time=1m",
        "--attr-timeout=10s",
        "--poll-interval=0",
        # LastModified of the listing: rclone's own time stamps would cost a request for each file.
        "--use-server-modtime",
        # MD5 of every byte halves the speed, and is of no use where an etag is no MD5 (multipart uploads).
        "--no-checksum",
        "--use-mmap",
        # An app is better off with an error than with hours of patience: by default it is 10 tries of 5 minutes.
        "--contimeout=5s",
        "--timeout=15s",
        "--low-level-retries=2",
        "--log-level=NOTICE",
        *(_cached(cache, place) if is_cached(source, cache) else _direct(place)),
    ]


def is_cached(source: S3Source, cache: CacheRule) -> bool:
    """Whether bytes are kept on the node: `auto` keeps what comes from another site; near, a cache is slower."""
    return cache.mode == "always" or (cache.mode == "auto" and not source.local)


def _direct(place: CachePlace) -> list[str]:
    # A random read costs what its first chunk costs; the chunks double as a reader goes on, so that reading a file from
    # its start to its end takes a dozen requests. No buffer: the kernel reads ahead already, and what rclone fetches
    # beside it is thrown away at the next seek (docs/decisions/0033-what-serves-the-descriptor.md has the figures).
    return [
        "--vfs-cache-mode=off",
        "--vfs-read-chunk-size=64k",
        "--buffer-size=0",
        f"--cache-dir={place.directory}",
    ]


def _cached(cache: CacheRule, place: CachePlace) -> list[str]:
    most = place.limit_bytes
    if cache.size_limit_bytes is not None:
        most = min(most, cache.size_limit_bytes)
    return [
        "--vfs-cache-mode=full",
        # Else the index of what is cached is lost when the server ends soon after a file was closed.
        "--vfs-handle-caching=0s",
        f"--vfs-cache-max-size={most}B",
        "--vfs-cache-poll-interval=5s",
        # Kept until there is no room: the volume goes with the pod.
        "--vfs-cache-max-age=8760h",
        "--vfs-read-chunk-size=4M",
        "--buffer-size=4M",
        f"--cache-dir={place.directory}",
    ]


def _is_amazon(endpoint: str | None) -> bool:
    host = urlsplit(endpoint).hostname if endpoint else "amazonaws.com"
    return host is not None and (host == "amazonaws.com" or host.endswith((".amazonaws.com", ".amazonaws.com.cn")))


def _quote(value: str) -> str:
    """As rclone's parser takes it: it strips blanks, and quotes that enclose the whole; else it takes a line as is."""
    if value == value.strip() and value[:1] not in {'"', "'", "`"}:
        return value
    for quote in ('"""', "`"):
        if quote not in value and not value.endswith(quote[0]):
            return f"{quote}{value}{quote}"
    return value
