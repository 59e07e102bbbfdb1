"""A whole version: list it, check that it is the one that was asked for, bring what is missing, and seal it.

In the folder that it is started in:

    manifest    the version's objects
    objects/    whole objects under their keys, 0444, and their folders
    parts/      one unfinished file a thread

What is in `objects/` is whole at any moment, as files come there by rename; a fill that was killed goes on from there.
An archive comes whole into `parts/`, and is then unpacked into `objects/`; an unpacking that was killed is begun anew.
"""

import ctypes
import os
import shutil
import time
from collections.abc import Callable
from typing import Final

from moorage.calling.failures import ChangedError, TryAgainError
from moorage.errors import InputError, MoorageError, SourceError
from moorage.sources.reasons import Reason
from node_plugin.filler import keys, manifest
from node_plugin.filler.bringing import bring_and_unpack
from node_plugin.filler.choosing import choose_part
from node_plugin.filler.circle import Views
from node_plugin.filler.crew import Crew, Meter, fetch_all
from node_plugin.filler.deadlines import Deadline, ended_in_time
from node_plugin.filler.exchange import Ended, Ending, Job, Line, Listed, Unpacked
from node_plugin.filler.fetching import DiskError
from node_plugin.filler.folder import Folder
from node_plugin.filler.manifest import OBJECTS, PARTS, Entry
from node_plugin.filler.members import ArchiveError
from node_plugin.filler.opening import opener

_MOST_TRIES: Final = 4
_LIST_SECONDS: Final = 1800.0
_FOLDER_MODE: Final = 0o555
_NO_ETAGS: Final = "a part of it can't be kept: its server tells no etags, so that the rest could be of another version"
_MOST_UNSETTLED_SECONDS: Final = 15.0

Tell = Callable[[Line], None]


def fill(job: Job, tell: Tell, views: Views | None = None) -> Ended:
    """Fill the folder that the process is in.

    Args:
        job: with what.
        tell: hears of the progress.
        views: of the neighbours, as they are told.
    """
    open_folder = opener(job.grant)
    if open_folder is None or job.grant.fill is None:
        return Ended(Ending.UNKEEPABLE, f"a source of kind {job.grant.location.kind} can't be copied")
    version = job.grant.fill.listed_version
    try:
        if job.grant.location.needs_copy:
            return _fill_from_archive(job, open_folder, version, tell)
        return _fill(job, open_folder, version, tell, views or Views())
    except (ChangedError, TryAgainError, MoorageError, OSError) as error:
        return _explain(error)


def _explain(error: Exception) -> Ended:
    match error:
        case ChangedError():
            return Ended(Ending.CHANGED, "the source changed meanwhile; the next version is filled once it is known")
        case TryAgainError():
            return Ended(Ending.FAILED, f"the store does not answer ({error})")
        case OSError():
            return _explain(DiskError(error))
        case DiskError(full=True):
            return Ended(Ending.FULL, str(error))
        case ArchiveError():
            return Ended(Ending.UNKEEPABLE, str(error))
    return Ended(Ending.FAILED, str(error))


def _fill(job: Job, open_folder: Callable[[], Folder], version: str, tell: Tell, views: Views) -> Ended:
    entries = _list(job, open_folder)
    if isinstance(entries, Ended):
        return entries
    if manifest.version_of(entries) != version:
        raise ChangedError
    files = [entry for entry in entries if not keys.is_marker(entry.key, entry.size_bytes)]
    if (ended := _unkeepable(files)) is not None:
        return ended
    manifest.write(entries)
    _make_folders(entries)
    there = {entry.key for entry in files if _is_there(entry)}
    if job.part_bytes is not None and not all(entry.etag for entry in files if entry.size_bytes):
        return Ended(Ending.UNKEEPABLE, _NO_ETAGS)
    kept = files if job.part_bytes is None else _choose(files, there, job, views)
    size_bytes = sum(entry.size_bytes for entry in kept)
    tell(Listed(len(kept), size_bytes))
    missing = [entry for entry in kept if entry.key not in there]
    if job.reused is not None:
        missing = _take_over(missing, job.reused)
    meter = Meter(size_bytes - sum(entry.size_bytes for entry in missing), tell)
    fetch_all(entries, missing, Crew(job, open_folder, views, meter))
    meter.tell_all()
    if len(kept) < len(files):
        shutil.rmtree(PARTS)
        return Ended(Ending.PART)
    _seal()
    return Ended(Ending.WHOLE)


def _choose(files: list[Entry], there: set[str], job: Job, views: Views) -> list[Entry]:
    """The objects to keep where there is no room for all; those that are there and are none of them go."""
    me, others = "", set[str]()
    if job.sharing is not None:
        me = job.sharing.me
        others = {each.node for each in views.settled(_MOST_UNSETTLED_SECONDS).neighbours}
    kept = choose_part(files, there, me, others, job.part_bytes or 0)
    for key in there - {entry.key for entry in kept}:
        os.unlink(f"{OBJECTS}/{key}")  # noqa: PTH108 - keys are no Paths
    return kept


def _fill_from_archive(job: Job, open_folder: Callable[[], Folder], version: str, tell: Tell) -> Ended:
    entries = _list(job, open_folder)
    if isinstance(entries, Ended):
        return entries
    if manifest.version_of(entries) != version or len(entries) != 1:
        raise ChangedError
    (entry,) = entries
    tell(Listed(1, entry.size_bytes))
    contents = bring_and_unpack(entry, job, open_folder, tell)
    _seal()
    tell(Unpacked(contents.objects, contents.size_bytes))
    return Ended(Ending.WHOLE)


def _list(job: Job, open_folder: Callable[[], Folder]) -> list[Entry] | Ended:
    deadline = Deadline(_LIST_SECONDS)
    for attempt in range(_MOST_TRIES):
        folder = open_folder()
        try:
            with ended_in_time(deadline, folder.shut):
                return _list_once(job, folder)
        except TryAgainError:
            if deadline.is_over:
                problem = f"its listing is not complete after {_LIST_SECONDS:g} s"
                raise SourceError(Reason.LIST_TOO_SLOW, f"{problem}: check the server's load and the network") from None
            if attempt == _MOST_TRIES - 1:
                raise
            time.sleep(2.0**attempt / 4)
        finally:
            folder.close()
    raise TryAgainError("it was asked often enough")


def _list_once(job: Job, folder: Folder) -> list[Entry] | Ended:
    found: dict[str, Entry] = {}
    size_bytes = 0
    for page in folder.pages():
        for entry in page:
            size_bytes += entry.size_bytes
            found[entry.key] = entry
        if len(found) > job.most_objects:
            return Ended(Ending.UNKEEPABLE, f"it has more than {job.most_objects:,} objects")
        if size_bytes > job.most_bytes:
            return Ended(Ending.UNKEEPABLE, f"it has more than the {job.most_bytes:,} bytes that may be kept")
    return sorted(found.values(), key=lambda entry: entry.sort_key)


def _unkeepable(files: list[Entry]) -> Ended | None:
    for entry in files:
        if (problem := keys.problem_of(entry.key)) is not None:
            return Ended(Ending.UNKEEPABLE, f"object {entry.key[:80]!r} {problem}")
    clash = keys.clash_in(entry.key for entry in files)
    return None if clash is None else Ended(Ending.UNKEEPABLE, f"{clash[:80]!r} is an object and a folder at once")


def _make_folders(entries: list[Entry]) -> None:
    os.makedirs(PARTS, 0o700, exist_ok=True)  # noqa: PTH103 - keys are no Paths, which fold slashes
    os.makedirs(OBJECTS, 0o755, exist_ok=True)  # noqa: PTH103
    made: set[str] = set()
    for entry in entries:
        for parent in keys.parents_of(entry.key):
            if parent not in made:
                made.add(parent)
                os.makedirs(f"{OBJECTS}/{parent}", 0o755, exist_ok=True)  # noqa: PTH103


def _is_there(entry: Entry) -> bool:
    try:
        found = os.lstat(f"{OBJECTS}/{entry.key}")
    except FileNotFoundError:
        return False
    return found.st_size == entry.size_bytes and int(found.st_mtime) == entry.modified_seconds


def _take_over(missing: list[Entry], reused: int) -> list[Entry]:
    """Link what another version of the dataset has alike; gives what is missing still."""
    try:
        before = {entry.key: entry for entry in manifest.read(reused)}
    except (OSError, InputError):
        return missing
    left = []
    for entry in missing:
        old = before.get(entry.key)
        # Without an etag nothing says that it is the same.
        if old is None or not entry.etag or (old.size_bytes, old.etag) != (entry.size_bytes, entry.etag):
            left.append(entry)
            continue
        try:
            path = f"{OBJECTS}/{entry.key}"
            os.link(path, path, src_dir_fd=reused, follow_symlinks=False)
        except OSError:
            left.append(entry)
    return left


def _seal() -> None:
    """Nothing unfinished is left, folders are read-only, and all of it is on the disk."""
    shutil.rmtree(PARTS)
    for folder, _below, _files in os.walk(OBJECTS, topdown=False):
        os.chmod(folder, _FOLDER_MODE)  # noqa: PTH101
    descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(descriptor)
