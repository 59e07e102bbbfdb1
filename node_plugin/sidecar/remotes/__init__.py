"""Kinds of sources that the sidecar serves: one file each, and one table. `file_page` shows one file as a folder."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from moorage.sources import Credentials, Location
from node_plugin.sidecar.remotes import http, s3
from node_plugin.sidecar.remotes.remote import Remote, Words

__all__ = ["REMOTES", "Remote", "Words", "remote_of"]

Writer: TypeAlias = Callable[[Any, Credentials | None], Remote]

REMOTES: Final[Mapping[str, Writer]] = {s3.KIND: s3.remote, http.KIND: http.remote}


def remote_of(location: Location, credentials: Credentials | None) -> Remote | None:
    """How rclone reads a location; None for a kind that this sidecar does not serve."""
    writer = REMOTES.get(location.kind)
    return None if writer is None else writer(location, credentials)
