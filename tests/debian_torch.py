"""A real torch for tests: Debian's, which is for CPUs alone and a tenth of what PyPI's wheels bring.

It lies in a root folder of its own, with Debian's Python. Nothing is installed on this machine.
"""

import fcntl
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench import environments
from devcluster.images.debian import fill_base, this_distribution
from devcluster.images.recipes import Base
from devcluster.layout import cache_dir
from moorage.errors import DevClusterError

_BASE = Base(packages=("python3-torch", "python3-pytest", "libstdc++6", "ca-certificates"))
# Of these libraries Debian has several, and what is installed first makes a link to it.
_LIBRARIES = ("blas/libblas.so.3", "lapack/liblapack.so.3")


@dataclass(frozen=True)
class DebianTorch:
    """A root folder, and packages for its Python that are elsewhere."""

    root: Path
    packages: Path


def debian_torch() -> DebianTorch:
    """Made once on this machine; where it can't be, the test is skipped and says why."""
    if os.geteuid() != 0:
        pytest.skip("a root folder of Debian's torch is made and entered by root")
    environment = environments.made("torch-tests")
    if environment.python is None:
        pytest.skip(f"there is no pyarrow for Debian's torch: {environment.trouble}")
    packages = next((environment.python.parents[1] / "lib").glob("python3.*/site-packages"))
    try:
        root = _root()
    except DevClusterError as error:
        pytest.skip(f"there is no torch: {error}")
    if not (root / "usr" / "bin" / packages.parent.name).exists():
        pytest.skip(f"Debian's torch is for another Python than {packages.parent.name}")
    return DebianTorch(root, packages)


def _root() -> Path:
    distribution = this_distribution()
    root = cache_dir() / f"torch-{distribution.name}-{distribution.version}-{distribution.architecture}"
    root.parent.mkdir(parents=True, exist_ok=True)
    # One test process makes it, and the others wait.
    with root.with_name(f"{root.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if root.exists():
            return root
        print("Fetching torch from Debian, 150 MB, once ...", file=sys.__stderr__, flush=True)
        new, scratch = root.with_name(f"{root.name}.new"), root.with_name(f"{root.name}.scratch")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        fill_base(new, _BASE, scratch)
        for library in _LIBRARIES:
            for found in (new / "usr" / "lib").glob(f"*/{library}"):
                (found.parents[1] / found.name).symlink_to(library)
        for folder in ("mnt", "proc", "dev"):
            (new / folder).mkdir(exist_ok=True)
        shutil.rmtree(scratch)
        new.rename(root)
    return root
