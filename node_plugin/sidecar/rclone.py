"""The command line and configuration of one mount server (pure).

Keys are in the configuration alone, and the configuration is in memory alone (a memfd that the child opens as
/proc/self/fd/N): an argument shows in the process list, and an environment is inherited, printed and dumped. A pipe
would do for the first read, but rclone reads its configuration again when it likes.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from moorage.caching import CacheMode, CachePolicy
from moorage.errors import InputError
from node_plugin.sidecar.remotes import Remote

_REMOTE: Final = "source"
_REFERENCE: Final = re.compile(r"%\([^)]+\)s")
# Whoever the app runs as reads, or writes; the kernel checks these permissions (default_permissions).
_READING: Final = ("--read-only", "--dir-perms=0555", "--file-perms=0444")
_WRITING: Final = (
    "--dir-perms=0777",
    "--file-perms=0666",
    "--umask=0",
    # A file's parts are in memory until the store has them: 24 MiB for each file that is being written. A store takes
    # 10,000 parts, so a file has 78 GiB at most.
    "--s3-chunk-size=8Mi",
    "--s3-upload-concurrency=2",
)


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


@dataclass(frozen=True, slots=True)
class CacheRule:
    """Whether bytes are kept on the node, and how many.

    Attributes:
        policy: the Dataset's.
        local: the source lies in the node's own site.
        writes: the pod writes.
        parted: what the node holds of it is read from the node.
    """

    policy: CachePolicy
    local: bool
    writes: bool = False
    parted: bool = False

    @property
    def is_cached(self) -> bool:
        """`auto` keeps what comes from another site; near, a cache is slower. What is written is kept nowhere."""
        if self.writes:
            return False
        return self.policy.mode is CacheMode.ALWAYS or (self.policy.mode is CacheMode.AUTO and not self.local)


def write_config(remote: Remote) -> str:
    """The configuration. It holds the keys.

    Raises:
        InputError: a value is one that rclone's parser takes for a reference to another one.
    """
    for name, value in remote.options.items():
        if value is not None and _REFERENCE.search(value):
            raise InputError("grant", name, "holds %(...)s, which rclone's configuration can't carry; make another key")
    lines = [f"{name} = {_quote(value)}" for name, value in remote.options.items() if value is not None]
    return "\n".join([f"[{_REMOTE}]", *lines, ""])


def command(program: str, remote: Remote, rule: CacheRule, place: CachePlace, descriptors: Descriptors) -> list[str]:
    """The command line; nothing in it is secret."""
    return [
        program,
        "mount2",
        f"{_REMOTE}:{remote.path}",
        f"/dev/fd/{descriptors.fuse}",
        *_secrets(descriptors.config, descriptors.ca_bundle),
        "--allow-non-empty",
        *(_WRITING if rule.writes else _READING),
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
        *_keeping(rule, place),
    ]


def probe_command(program: str, remote: Remote, config: int, ca_bundle: int | None) -> list[str]:
    """A command that lists the folder and, unlike a mount, says on standard error why it can't; nothing is secret."""
    return [
        program,
        "lsf",
        f"{_REMOTE}:{remote.path}/",
        *_secrets(config, ca_bundle),
        "--max-depth=1",
        "--contimeout=5s",
        "--timeout=10s",
        "--retries=1",
        "--low-level-retries=1",
        "--log-level=ERROR",
    ]


def _secrets(config: int, ca_bundle: int | None) -> list[str]:
    authorities = [] if ca_bundle is None else ["--ca-cert", f"/proc/self/fd/{ca_bundle}"]
    return ["--config", f"/proc/self/fd/{config}", *authorities]


def _keeping(rule: CacheRule, place: CachePlace) -> list[str]:
    if rule.is_cached:
        return _cached(rule.policy, place)
    return _parted(place) if rule.parted and not rule.writes else _direct(place)


def _parted(place: CachePlace) -> list[str]:
    # What comes from the source passes one more server, so it is read ahead.
    return [
        "--vfs-cache-mode=off",
        "--vfs-read-chunk-size=4M",
        "--buffer-size=4M",
        f"--cache-dir={place.directory}",
    ]


def _direct(place: CachePlace) -> list[str]:
    # For writers it is the only mode in which close waits until the store has the whole object, and says whether it has
    # (docs/decisions/0067-closed-means-uploaded.md).
    # A random read costs what its first chunk costs; the chunks double as a reader goes on, so that reading a file from
    # its start to its end takes a dozen requests. No buffer: the kernel reads ahead already, and what rclone fetches
    # beside it is thrown away at the next seek (docs/decisions/0033-what-serves-the-descriptor.md has the figures).
    return [
        "--vfs-cache-mode=off",
        "--vfs-read-chunk-size=64k",
        "--buffer-size=0",
        f"--cache-dir={place.directory}",
    ]


def _cached(cache: CachePolicy, place: CachePlace) -> list[str]:
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


def _quote(value: str) -> str:
    """As rclone's parser takes it: it strips blanks, and quotes that enclose the whole; else it takes a line as is."""
    if value == value.strip() and value[:1] not in {'"', "'", "`"}:
        return value
    for quote in ('"""', "`"):
        if quote not in value and not value.endswith(quote[0]):
            return f"{quote}{value}{quote}"
    return value
