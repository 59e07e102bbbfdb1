"""Deterministic layers and the store that keeps them by content.

MOORAGE_CACHE/images/
    blobs/<sha256>     layer tars, uncompressed: they only travel from one folder of this machine to another
    keys/<sha256>      digest of the layer that these inputs gave the last time
"""

import fcntl
import hashlib
import json
import shutil
import stat
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

# Part of every key: raise it when the way layers are made changes.
FORMAT = 1
# Setuid bits and group write are never wanted in an image.
_MODE_MASK = 0o755


@dataclass(frozen=True)
class Layer:
    """A layer in the store: `digest` is the SHA-256 of the uncompressed tar at `path`, of `size` bytes."""

    digest: str
    size: int
    path: Path


class LayerStore:
    """Layers by the inputs that made them; a second build of the same inputs reads two small files."""

    def __init__(self, folder: Path) -> None:
        self._blobs = folder / "blobs"
        self._keys = folder / "keys"
        self.scratch = folder / "scratch"
        for path in (self._blobs, self._keys, self.scratch):
            path.mkdir(parents=True, exist_ok=True)
        self._lock = folder / "lock"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other builds out: two would do the same work twice."""
        with self._lock.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def known(self, key: str) -> Layer | None:
        """Return the layer that these inputs gave, or None when they were never built or the blob is gone."""
        try:
            digest = (self._keys / key).read_text().strip()
            path = self._blobs / digest
            return Layer(digest, path.stat().st_size, path)
        except FileNotFoundError:
            return None

    def layer(self, inputs: dict[str, Any], fill: Callable[[Path], None]) -> Layer:
        """Return the layer for `inputs`: from the store, or from what `fill` writes into an empty folder.

        The folder stands for the image's root.
        """
        key = key_of(inputs)
        if found := self.known(key):
            return found
        with tempfile.TemporaryDirectory(dir=self.scratch) as name:
            root = Path(name) / "root"
            root.mkdir()
            fill(root)
            tar = Path(name) / "layer.tar"
            with tar.open("wb") as stream:
                write_tree(stream, root)
            digest = sha256_of(tar)
            blob = self._blobs / digest
            tar.replace(blob)
        pointer = self._keys / f"{key}.new"
        pointer.write_text(digest)
        pointer.replace(self._keys / key)
        return Layer(digest, blob.stat().st_size, blob)


def key_of(inputs: dict[str, Any]) -> str:
    """Return a name for a set of inputs; anything that JSON can hold."""
    return hashlib.sha256(json.dumps({"format": FORMAT, **inputs}, sort_keys=True).encode()).hexdigest()


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_tree(stream: IO[bytes], root: Path) -> None:
    """Writes a folder as a tar that depends on names, contents and executable bits alone."""
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in _sorted_tree(root):
            _add(tar, path, path.relative_to(root).as_posix())


def _sorted_tree(root: Path) -> Iterator[Path]:
    for path in sorted(root.iterdir()):
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _sorted_tree(path)


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    status = path.lstat()
    member = tarfile.TarInfo(name)
    member.mode = status.st_mode & _MODE_MASK
    if stat.S_ISLNK(status.st_mode):
        member.type = tarfile.SYMTYPE
        member.linkname = str(path.readlink())
        member.mode = 0o777
        tar.addfile(member)
    elif stat.S_ISDIR(status.st_mode):
        member.type = tarfile.DIRTYPE
        # The sticky bit marks folders that everybody may write to, as /tmp.
        member.mode = 0o1777 if status.st_mode & stat.S_ISVTX else 0o755
        tar.addfile(member)
    elif stat.S_ISREG(status.st_mode):
        member.size = status.st_size
        member.mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
        with path.open("rb") as content:
            tar.addfile(member, content)


def copy_tree(source: Path, target: Path, *, keep: Callable[[Path], bool]) -> None:
    """Copies the files of a folder for which `keep(relative path)` holds."""
    for path in _sorted_tree(source):
        relative = path.relative_to(source)
        if path.is_file() and keep(relative):
            (target / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target / relative)
