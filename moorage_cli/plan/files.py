"""Files in and out. A plan's directory is written whole or not at all."""

import gzip
import shutil
import sys
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from moorage.errors import InputError
from pipeline_splitter.documents import parse

OURS = ("plan.json", "bound.json", "report.html", "infeasible.json", "groups")
"""What a planning writes, and what the next one removes first."""
_UNFINISHED = ".moorage-"
_GZIP = b"\x1f\x8b"
_MOST_BYTES = 512 * 2**20


def read_bytes(path: Path, said_by: str = "file") -> bytes:
    """What is in the file; `-` is standard input; what is gzipped is unpacked.

    Args:
        path: of the file.
        said_by: the option or argument that names it, for errors.

    Raises:
        InputError: it can't be read.
    """
    try:
        content = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        if content.startswith(_GZIP):
            with gzip.open(path) as file:
                content = file.read(_MOST_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(str(path), said_by, f"can't be read: {getattr(error, 'strerror', None) or error}") from None
    return content


def read_text(path: Path) -> str:
    """The file as UTF-8.

    Raises:
        InputError: it can't be read, or is not UTF-8.
    """
    try:
        return read_bytes(path).decode()
    except UnicodeDecodeError as error:
        raise InputError(str(path), f"byte {error.start}", "is not UTF-8: save it as UTF-8") from None


def read_documents(path: Path, said_by: str) -> list[Any]:
    """The documents in a YAML or JSON file.

    Args:
        path: of the file.
        said_by: the option or argument that names it, for errors.

    Raises:
        InputError: naming the file and the place.
    """
    return parse(read_bytes(path, said_by), str(path))


def check_directory(directory: Path) -> None:
    """Before anything is computed: the directory can take a plan without losing what somebody else put there.

    Raises:
        InputError: it is a file, or holds what no plan wrote.
    """
    if directory.exists() and not directory.is_dir():
        raise InputError(str(directory), "-o", "is not a directory: name one that a plan may fill")
    entries = sorted(entry.name for entry in directory.iterdir()) if directory.exists() else []
    strange = [name for name in entries if name not in OURS and not name.startswith(_UNFINISHED)]
    if strange:
        raise InputError(
            str(directory), "-o", f"holds {strange[0]}, which no plan wrote: name an empty or new directory"
        )


def write_directory(directory: Path, files: Mapping[str, str]) -> None:
    """Replace what an earlier plan left there by `files` (relative name -> text).

    Raises:
        InputError: it can't be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=directory) as unfinished:
            for name, text in files.items():
                path = Path(unfinished, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            _remove(directory)
            for entry in Path(unfinished).iterdir():
                entry.rename(directory / entry.name)
    except OSError as error:
        raise InputError(str(directory), "-o", f"can't be written: {error.strerror or error}") from None


def _remove(directory: Path) -> None:
    for name in OURS:
        path = directory / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
