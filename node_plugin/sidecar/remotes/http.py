"""Folders and files behind web servers, as rclone takes them."""

from typing import Final

from moorage.sources import Credentials
from moorage.sources.http import HttpSource
from node_plugin.sidecar.remotes.remote import Remote, Words

KIND: Final = HttpSource.kind
WORDS: Final = Words(
    address="http.url",
    authorities="http.caBundle",
    absent="the server has no such folder: have http.url corrected in the Dataset",
    hidden="the folder is listed but can't be opened: have the server's administrator look",
)


def remote(source: HttpSource, credentials: Credentials | None) -> Remote:
    """The remote; anybody may read."""
    del credentials
    if not source.is_folder:
        return Remote(path="", options={"type": "http"}, words=WORDS, ca_bundle=source.ca_bundle, file=source)
    return Remote(path="", options={"type": "http", "url": source.url}, words=WORDS, ca_bundle=source.ca_bundle)
