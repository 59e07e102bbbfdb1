"""Keys of objects as paths of files. Pure.

A version is kept only if a folder can show it as a mount of the store does: each object a file under its own key, and
nothing twice. What a file system can't show so is left to the store.
"""

from collections.abc import Iterable
from typing import Final

_LONGEST_NAME_BYTES: Final = 255
_LONGEST_KEY_BYTES: Final = 1024
_MOST_DEPTH: Final = 128


def is_marker(key: str, size_bytes: int) -> bool:
    """Whether it stands for a folder and holds nothing."""
    return size_bytes == 0 and (not key or key.endswith("/"))


def problem_of(key: str) -> str | None:
    """Why the object can't be a file, in words; None where it can."""
    try:
        encoded = key.encode()
    except UnicodeEncodeError:
        return "is no UTF-8"
    names = encoded.split(b"/")
    if len(encoded) > _LONGEST_KEY_BYTES or any(len(name) > _LONGEST_NAME_BYTES for name in names):
        return f"is longer than a file's name can be ({_LONGEST_NAME_BYTES} bytes)"
    if len(names) > _MOST_DEPTH:
        return f"lies deeper than {_MOST_DEPTH} folders"
    if b"\0" in encoded:
        return "holds a NUL"
    if any(name in {b"", b".", b".."} for name in names):
        return "has an empty part, '.' or '..' between its slashes"
    return None


def clash_in(keys: Iterable[str]) -> str | None:
    """A key that would be a file and a folder at once; None where there is none."""
    files = set(keys)
    return next((parent for key in files for parent in parents_of(key) if parent in files), None)


def parents_of(key: str) -> Iterable[str]:
    """The folders that a file lies in, the outermost first."""
    at = key.find("/")
    while at >= 0:
        yield key[:at]
        at = key.find("/", at + 1)
