"""What holds objects: whole, under names. Two are there: files on a tmpfs, and blobs of a vineyard daemon.

A reader sees an object whole or not at all. One that is replaced or deleted lives on for those who have it. What a
killed writer left is unfinished, has no name that a reader looks at, and goes later.
"""

from typing import Final, Protocol
from urllib.parse import quote

from moorage.memory.layout import MemoryObjectError

MOST_NAME_BYTES: Final = 200
VINEYARD: Final = "vineyard://"
"""What a place begins with that is a daemon's socket, and no directory."""


class Content(Protocol):
    """An object that is ready to be written."""

    @property
    def size_bytes(self) -> int:
        """Of all that is written."""

    def write(self, descriptor: int) -> None:
        """Write it to a file that is open, and empty."""

    def write_into(self, target: memoryview) -> None:
        """Write it into memory of that size, which holds anything before."""


class Space(Protocol):
    """Whole objects under names."""

    @property
    def place(self) -> str:
        """Where they lie: what opens this space again."""

    def write(self, name: str, content: Content) -> int:
        """Publish an object in place of what was there; its size in bytes.

        Raises:
            MemoryObjectError: the name can't be used, or there is no room: what is there stays as it was.
        """

    def read(self, name: str, *, writable: bool = False) -> memoryview:
        """An object's bytes; they stay as long as somebody holds them.

        Args:
            name: of it.
            writable: what is written is seen by nobody else.

        Raises:
            MemoryObjectError: there is none of that name.
        """

    def delete(self, name: str) -> bool:
        """Delete an object; whether it was there."""

    def names(self) -> list[str]:
        """All names, sorted."""

    def delete_older(self, prefix: str, than_seconds: float) -> int:
        """Delete objects of names that begin so, and that were put longer ago than that; how many."""

    def is_private(self) -> bool:
        """Whether this user alone can have put what lies there, pickles among it."""


def quoted(name: str) -> str:
    """A name as a URL writes it, without slashes.

    Raises:
        MemoryObjectError: it can't be one.
    """
    text = quote(name, safe="")
    if text.startswith("."):
        text = f"%2E{text[1:]}"
    if not name or len(text) > MOST_NAME_BYTES:
        problem = f"{name[:50]!r} can't name an object"
        raise MemoryObjectError(f"{problem}: a name has 1 to {MOST_NAME_BYTES} bytes, as a URL writes them")
    return text


def no_room(name: str, place: str, why: str) -> MemoryObjectError:
    """What a full memory says, wherever it is."""
    return MemoryObjectError(
        f"object {name!r} has no room in {place} ({why}): delete objects, or have the memory made larger"
    )


def absent(name: str, place: str) -> MemoryObjectError:
    """What a name without an object says."""
    return MemoryObjectError(f"there is no object {name!r} in {place}: put it first, or see `list_names`")
