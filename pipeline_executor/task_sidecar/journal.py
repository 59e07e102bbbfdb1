"""Journal of the sidecar's progress, in a folder of its own, from which it resumes after a kill -9.

fetched     all inputs are in their places
uploading   the task has ended; what it wrote is being uploaded
uploaded    one line for each piece that is in the store
reported    the spoke has all that it needs
failed      why nothing more will happen
"""

import contextlib
import json
import threading
from pathlib import Path
from typing import Final, TypeAlias

FETCHED: Final = "fetched"
UPLOADING: Final = "uploading"
REPORTED: Final = "reported"
_FAILED: Final = "failed"
_UPLOADED: Final = "uploaded"

Stamp: TypeAlias = tuple[int, int]
"""A file's size in bytes and time of change in nanoseconds."""


class Journal:
    """A journal of notes, open to any thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._pieces: dict[tuple[str, str, int], tuple[Stamp, str]] = {}
        self._load()

    def note(self, what: str) -> None:
        """Note that this is so from now on."""
        self._write(what, "")

    def is_noted(self, what: str) -> bool:
        """Return whether the journal notes this."""
        return (self._folder / what).exists()

    def fail(self, message: str) -> None:
        """Note that nothing more will happen."""
        self._write(_FAILED, message)

    @property
    def failure(self) -> str | None:
        """The reason why nothing more will happen, or None."""
        with contextlib.suppress(FileNotFoundError):
            return (self._folder / _FAILED).read_text(encoding="utf-8")
        return None

    def uploaded(self, output: str, path: str, part: int, stamp: Stamp) -> str | None:
        """Return the digest that was noted with a piece; None: it was not uploaded, or the file has changed since."""
        stamp_then, digest = self._pieces.get((output, path, part), (None, ""))
        return digest if stamp_then == stamp else None

    def note_uploaded(self, output: str, path: str, part: int, stamp: Stamp, digest: str) -> None:
        """Note that a piece is in the store.

        Args:
            output: the artifact's name.
            path: the file's.
            part: the piece's number.
            stamp: the file as it was.
            digest: the file's SHA-256, where the piece is the whole file; else "".
        """
        line = json.dumps([output, path, part, *stamp, digest])
        with self._lock, (self._folder / _UPLOADED).open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
        self._pieces[output, path, part] = stamp, digest

    def forget_uploaded(self, output: str, path: str, part: int) -> None:
        """Forget an upload that the store does not have after all."""
        self._pieces.pop((output, path, part), None)

    def _load(self) -> None:
        with contextlib.suppress(FileNotFoundError), (self._folder / _UPLOADED).open(encoding="utf-8") as file:
            for line in file:
                # The last line of one that was killed may be half a line, and the next one begins in it.
                with contextlib.suppress(ValueError):
                    output, path, part, size_bytes, changed, digest = json.loads(line)
                    self._pieces[output, path, part] = (size_bytes, changed), digest

    def _write(self, what: str, content: str) -> None:
        fresh = self._folder / f".{what}"
        fresh.write_text(content, encoding="utf-8")
        fresh.replace(self._folder / what)
