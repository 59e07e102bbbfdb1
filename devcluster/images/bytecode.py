"""Bytecode made by the image's own Python, so that a container with a read-only root starts without compiling."""

import os
import subprocess
from pathlib import Path

from moorage.errors import DevClusterError


class ImagePython:
    """The Python inside an unpacked base, run on this machine through the base's own loader and libraries."""

    def __init__(self, root: Path) -> None:
        self._root = root
        programs = [path for path in (root / "usr/bin").glob("python3.*") if path.name[8:].isdigit()]
        loaders = sorted((root / "usr/lib").glob("*-linux-gnu*/ld-linux-*.so.*"))
        if not programs or not loaders:
            message = f"no Python in the base image at {root}: remove that folder, it will be built again"
            raise DevClusterError(message)
        self._program, self._loader = programs[0], loaders[0]

    @property
    def version(self) -> str:
        """Major and minor, as `3.11`."""
        return self._program.name.removeprefix("python")

    def compile(self, folder: Path, *, seen_as: str) -> None:
        """Adds bytecode to all modules below `folder`, which containers see as the path `seen_as`.

        The bytecode does not depend on times (unchecked-hash), so the same sources give the same layer. Files that
        are not for this Python, as templates of tools, are left alone.
        """
        done = subprocess.run(
            [
                *(self._loader, "--library-path", self._loader.parent, self._program),
                *("-s", "-S", "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash"),
                *("-s", folder, "-p", seen_as, folder),
            ],
            env={
                "PYTHONHOME": str(self._root / "usr"),
                # Sets are marshalled in hash order.
                "PYTHONHASHSEED": "0",
                "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if any(folder.rglob("*.py")) and not any(folder.rglob("*.pyc")):
            message = f"the base image's Python could not compile {folder}: {(done.stderr or done.stdout)[-400:]}"
            raise DevClusterError(message)
