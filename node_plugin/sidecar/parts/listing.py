"""Folders and files of a version in the words of WebDAV. Pure."""

from collections.abc import Iterable, Iterator
from email.utils import formatdate
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from node_plugin.filler.manifest import Entry

HEAD: Final = b'<?xml version="1.0" encoding="utf-8"?>\n<D:multistatus xmlns:D="DAV:">\n'
TAIL: Final = b"</D:multistatus>\n"
_FOLDER: Final = "<D:resourcetype><D:collection/></D:resourcetype>"


def key_of(path: str) -> str:
    """The key of what a request names, without slashes around it."""
    return unquote_to_bytes(path.partition("?")[0]).decode(errors="surrogateescape").strip("/")


def described(folder: str, found: Iterable[Entry | str]) -> Iterator[bytes]:
    """A folder and what lies directly in it.

    Args:
        folder: its key; "" is the root.
        found: objects, and names of folders.
    """
    yield HEAD
    yield _folder(folder)
    for each in found:
        yield file_words(each) if isinstance(each, Entry) else _folder(f"{folder}/{each}" if folder else each)
    yield TAIL


def file_words(entry: Entry) -> bytes:
    """One object."""
    changed = formatdate(entry.modified_seconds, usegmt=True)
    return _words(
        _href(entry.key),
        f"<D:getcontentlength>{entry.size_bytes}</D:getcontentlength>"
        f"<D:getlastmodified>{changed}</D:getlastmodified><D:resourcetype/>",
    )


def _folder(key: str) -> bytes:
    return _words(f"{_href(key)}/" if key else "/", _FOLDER)


def _href(key: str) -> str:
    return "/" + quote(key.encode(errors="surrogateescape"))


def _words(href: str, properties: str) -> bytes:
    return (
        f"<D:response><D:href>{href}</D:href><D:propstat><D:prop>{properties}</D:prop>"
        "<D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>\n"
    ).encode()
