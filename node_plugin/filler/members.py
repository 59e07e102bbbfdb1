"""What an archive says is in it, and where each member goes. Pure.

Whatever a stranger's archive says, nothing leads out of the folder: names are relative and go down only; what lies in a
folder lies in one that was made here; a symbolic link goes up at its start only, no higher than the folder, and from a
folder that is none itself, so that following it, and whatever it leads to, never leaves either.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from moorage.errors import MoorageError
from node_plugin.filler import keys

_LONGEST_TARGET: Final = 1024
_SHOWN: Final = 80
_DELETE, _LAST_CONTROL = 0x7F, 0x9F


class ArchiveError(MoorageError):
    """An archive can't be unpacked; trying again would not help, as long as it is the same."""


class Kind(StrEnum):
    """Of a member."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "symbolic link"
    ALIAS = "hard link"
    SPECIAL = "special file"


@dataclass(frozen=True, slots=True)
class Member:
    """One.

    Attributes:
        name: as the archive says.
        target: of a link.
        modified_seconds: since 1970.
    """

    name: str
    kind: Kind
    target: str = ""
    modified_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a member goes.

    Attributes:
        path: beneath the folder; "": it is the folder itself.
        folders: to be made before it, the outermost first.
        target: of a symbolic link, as it is written; of a hard link, the path of the file.
    """

    path: str
    folders: tuple[str, ...] = ()
    target: str = ""


class Layout:
    """Gives members their places, each one of its own.

    Args:
        most_objects: more than so many, folders counted, are not unpacked.
    """

    def __init__(self, most_objects: int) -> None:
        self._most_objects = most_objects
        self._kinds: dict[str, Kind] = {}

    def place(self, member: Member) -> Place:
        """Where it goes.

        Raises:
            ArchiveError: nowhere.
        """
        path = _path_of(member.name, "member")
        if member.kind is Kind.SPECIAL:
            raise ArchiveError(f"member {_shown(path)} is a device, a pipe or a socket: pack it again without")
        folders = [parent for parent in keys.parents_of(path) if self._is_new_folder(parent)]
        if member.kind is Kind.FOLDER:
            if path and self._is_new_folder(path):
                folders.append(path)
            target = ""
        elif not path or path in self._kinds:
            raise ArchiveError(f"member {_shown(path)} is in it twice: pack it again with each name once")
        else:
            target = self._target_of(member, path)
            self._kinds[path] = member.kind
        self._kinds.update(dict.fromkeys(folders, Kind.FOLDER))
        if len(self._kinds) > self._most_objects:
            raise ArchiveError(f"it holds more than {self._most_objects:,} files and folders: split it")
        return Place(path, tuple(folders), target)

    def _is_new_folder(self, path: str) -> bool:
        kind = self._kinds.get(path)
        if kind not in {None, Kind.FOLDER}:
            raise ArchiveError(f"member {_shown(path)} is a {kind} and a folder at once: pack it again without one")
        return kind is None

    def _target_of(self, member: Member, path: str) -> str:
        if member.kind is Kind.LINK:
            return _link_target(member.target, path)
        if member.kind is Kind.ALIAS:
            target = _path_of(member.target, "the target of a hard link")
            if self._kinds.get(target) not in {Kind.FILE, Kind.ALIAS}:
                raise ArchiveError(f"{_shown(path)} is a hard link to {_shown(target)}, which is no file before it")
            return target
        return ""


def _path_of(name: str, what: str) -> str:
    """A path that goes down only; the "./" that tar writes is left out."""
    if any(_is_control(letter) for letter in name):
        raise ArchiveError(f"{what} {_shown(name)} has control characters in its name: rename it, and pack it again")
    if name.startswith("/"):
        raise ArchiveError(f"{what} {_shown(name)} has an absolute name: pack it again with relative names")
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise ArchiveError(f"{what} {_shown(name)} leads out of the folder ('..'): pack it again without")
    path = "/".join(parts)
    problem = keys.problem_of(path) if path else None
    if problem is not None:
        raise ArchiveError(f"{what} {_shown(name)} {problem}")
    return path


def _link_target(target: str, path: str) -> str:
    parts = [part for part in target.split("/") if part not in {"", "."}]
    ups = next((number for number, part in enumerate(parts) if part != ".."), len(parts))
    leads_out = target.startswith("/") or ups > path.count("/") or ".." in parts[ups:]
    if leads_out or not target or len(target) > _LONGEST_TARGET or any(_is_control(letter) for letter in target):
        problem = f"member {_shown(path)} is a symbolic link to {_shown(target)}, which may lead out of the folder"
        raise ArchiveError(f"{problem}: pack the file itself (tar -h)")
    try:
        target.encode()
    except UnicodeEncodeError:
        raise ArchiveError(f"member {_shown(path)} is a symbolic link to what is no UTF-8") from None
    return "/".join(parts) or "."


def _is_control(letter: str) -> bool:
    return letter < " " or _DELETE <= ord(letter) <= _LAST_CONTROL


def _shown(name: str) -> str:
    return ascii(name[:_SHOWN])
