"""The top layer: our own packages. The only one that an edit of our code builds again."""

import hashlib
from pathlib import Path

from devcluster.images.layers import copy_tree

REPOSITORY = Path(__file__).resolve().parents[2]
# The parts of a package at run time.
_SUFFIXES = frozenset({".py", ".json", ".yaml", ".html", ".css", ".js"})
# Part of every image: the ground that all rooms stand on.
DOMAIN = "moorage"


def _kept(path: Path) -> bool:
    return path.suffix in _SUFFIXES and "__pycache__" not in path.parts


def copy_packages(packages: tuple[str, ...], target: Path, repository: Path) -> None:
    """Copies our packages, and the domain they speak, into a folder."""
    for package in (DOMAIN, *packages):
        copy_tree(repository / package, target / package, keep=_kept)


def digest_of_packages(packages: tuple[str, ...], repository: Path) -> str:
    """Return a digest of all that `copy_packages` would copy."""
    digest = hashlib.sha256()
    for package in (DOMAIN, *packages):
        for path in sorted((repository / package).rglob("*")):
            name = path.relative_to(repository)
            if path.is_file() and _kept(path):
                content = path.read_bytes()
                digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()
