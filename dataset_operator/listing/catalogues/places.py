"""Checks that turn a URI that a catalogue names into a folder that the Dataset permits. Pure."""

from dataclasses import dataclass

from dataset_operator.listing.catalogues.protocol import ToldSnapshot, ToldTable
from moorage.errors import SourceError
from moorage.model import FoundFolder, Snapshot
from moorage.sources import Location
from moorage.sources.catalogued import CataloguedSource
from moorage.sources.paths import is_folder_name
from moorage.sources.reasons import Reason
from moorage.sources.uris import Uri

_MOST_SHOWN = 200
# The schemes by which Hadoop's file systems call s3.
_SAME = {"s3a": "s3", "s3n": "s3"}


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table whose files are where the Dataset permits.

    Attributes:
        location: the location of the files.
        found: the same, as the status keeps it.
        told: the rest of what the catalogue said.
        snapshot: what a reader opens; None where the catalogue knows of none.
    """

    location: Location
    found: FoundFolder
    told: ToldTable
    snapshot: Snapshot | None = None


def found_table(source: CataloguedSource, told: ToldTable) -> FoundTable:
    """Return the folder of a table, below what the Dataset permits.

    Raises:
        SourceError: TableElsewhere, it or a part of it is not there.
    """
    within = source.within
    if within is None:
        raise SourceError(Reason.NOT_SUPPORTED, source.lacks)
    folder = _folder(within, told.uri)
    if folder is not None and not within.may_hold(folder):
        problem = f"the table's files are at {_shown(told.uri)}"
        remedy = "with webIdentity no folder may have *, ? or $ in its name: move the table, or give keys in a Secret"
        raise SourceError(Reason.TABLE_ELSEWHERE, f"{source.words}: {problem}: {remedy}")
    if folder is None:
        problem = f"the table's files are at {_shown(told.uri)}, outside {within.words}"
        remedy = f"correct {source.kind}.within, or move the table"
        raise SourceError(Reason.TABLE_ELSEWHERE, f"{source.words}: {problem}: {remedy}")
    for name, uri in told.others:
        part = _folder(within, uri)
        if part is None or not (f"{part}/".startswith(f"{folder}/") if folder else True):
            problem = f"{told.others_are} {_shown(name)} lies at {_shown(uri)}, outside the table's own folder"
            remedy = f"pods see that folder and nothing else: move the {told.others_are} there"
            raise SourceError(Reason.TABLE_ELSEWHERE, f"{source.words}: {problem}: {remedy}")
    location = within.inside(folder)
    return FoundTable(location, FoundFolder(source.asked, folder), told, _snapshot(within, folder, told.snapshot))


def _snapshot(within: Location, folder: str, told: ToldSnapshot | None) -> Snapshot | None:
    """Return the snapshot with its metadata file's name relative to the table's folder, where it was seen to lie."""
    if told is None:
        return None
    file = _folder(within, told.metadata_uri) or ""
    return Snapshot(told.id, file.removeprefix(folder).strip("/"), told.pinned)


def _folder(within: Location, text: str) -> str | None:
    uri = _uri(text)
    if uri is None:
        return None
    folder = within.folder_of(uri)
    return folder if folder is not None and is_folder_name(folder) else None


def _uri(text: str) -> Uri | None:
    """Return its parts. A path is taken as it is written: nothing in it is escaped, and a `?` belongs to it."""
    head, colon, rest = text.partition(":")
    scheme, rest = (head.lower(), rest) if colon and head.isalnum() else ("", text)
    netloc, path = "", rest
    if rest.startswith("//"):
        netloc, slash, tail = rest[2:].partition("/")
        path = slash + tail
    inner = path.strip("/")
    if inner and any(part in {"", ".", ".."} for part in inner.split("/")):
        return None
    return Uri(_SAME.get(scheme, scheme), netloc, netloc.partition(":")[0].lower(), path)


def _shown(text: str) -> str:
    return repr(text[:_MOST_SHOWN])
