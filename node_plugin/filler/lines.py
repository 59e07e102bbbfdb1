"""A version's manifest, looked up without reading all of it: where each line begins is all that is remembered."""

import os
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import Final

from moorage.errors import InputError
from node_plugin.filler.manifest import MOST_OBJECTS, Entry, read_entry

_LONGEST_LINE: Final = 16 * 1024
_PIECE_BYTES: Final = 1 << 20


def starts_of(manifest: int) -> "array[int]":
    """Where each line of a manifest begins, which is open as `manifest`."""
    starts = array("Q")
    at, begins = 0, 0
    while len(starts) < MOST_OBJECTS and (piece := os.pread(manifest, _PIECE_BYTES, at)):
        found = piece.find(b"\n")
        while found >= 0 and len(starts) < MOST_OBJECTS:
            starts.append(begins)
            begins = at + found + 1
            found = piece.find(b"\n", found + 1)
        at += len(piece)
    return starts


def entry_at(manifest: int, start: int) -> Entry:
    """The entry whose line begins there.

    Raises:
        OSError: the manifest can't be read.
        InputError: the line is none of ours.
    """
    line = os.pread(manifest, _LONGEST_LINE, start).partition(b"\n")[0]
    try:
        return read_entry(line.decode())
    except ValueError:
        raise InputError("manifest", "line", "is no UTF-8") from None


class Lines:
    """A manifest by key. Its methods read the file, and raise OSError or InputError where it is damaged.

    Args:
        manifest: a descriptor, which is the caller's.
    """

    def __init__(self, manifest: int) -> None:
        self._manifest = manifest
        self._starts = starts_of(manifest)

    def __len__(self) -> int:
        return len(self._starts)

    def entry(self, number: int) -> Entry:
        """The entry with this number."""
        return entry_at(self._manifest, self._starts[number])

    def find(self, key: str) -> Entry | None:
        """The object with this key; None where there is none."""
        number = self._first(key.encode(errors="surrogateescape"))
        entry = self.entry(number) if number < len(self) else None
        return entry if entry is not None and entry.key == key else None

    def has_folder(self, folder: str) -> bool:
        """Whether an object lies in a folder; "" is the root, which is always there."""
        prefix = folder.encode(errors="surrogateescape") + b"/"
        number = self._first(prefix)
        return not folder or (number < len(self) and self.entry(number).sort_key.startswith(prefix))

    def below(self, folder: str) -> Iterator[Entry | str]:
        """What lies directly in a folder: objects, and names of folders."""
        prefix = f"{folder}/" if folder else ""
        encoded = prefix.encode(errors="surrogateescape")
        number = self._first(encoded)
        while number < len(self):
            entry = self.entry(number)
            if not entry.sort_key.startswith(encoded):
                return
            name, is_folder, _ = entry.key[len(prefix) :].partition("/")
            if not is_folder:
                if name:  # else it stands for the folder itself
                    yield entry
                number += 1
                continue
            if name:
                yield name
            # All that lies in it comes before what follows the slash in bytewise order.
            number = max(number + 1, self._first(encoded + name.encode(errors="surrogateescape") + b"0"))

    def _first(self, key: bytes) -> int:
        """The number of the first entry that does not come before a key."""
        return bisect_left(range(len(self)), key, key=lambda number: self.entry(number).sort_key)
