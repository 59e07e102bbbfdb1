"""Builds programs from Go modules: from the module proxy alone, reproducibly, with the user's Go caches."""

import os
import subprocess
from collections import deque
from collections.abc import Callable
from pathlib import Path

from devcluster.binaries.catalogue import Package
from moorage.errors import DevClusterError

Told = Callable[[str, int | None, int | None], None]
_LINES_TOLD = 15


def build(package: Package, go: Path, folder: Path, told: Told) -> None:
    """Put a package's programs into a folder; it is reproducible, as go.sum or the checksum database pin all sources.

    Args:
        package: the wanted package.
        go: the Go command.
        folder: exists already.
        told: gets a text, how many Go packages are compiled, and about how many there are.

    Raises:
        DevClusterError: Go can't build it; the message has its last words.
    """
    recipe = package.build
    # Not part of the compiled packages' keys but of the linked program's: equal flags find the cache filled.
    flags = " ".join(["-s -w", *(f"-X {name}={value}" for name, value in recipe.variables)])
    common = ["-trimpath", "-v", "-ldflags", flags]
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    if recipe.module is not None:
        # Several main packages at once share what they wait for; `-o` with a folder names each by its path's end.
        target = folder if len(recipe.packages) > 1 else folder / package.programs[0]
        command = [str(go), "build", *common, "-o", f"{target}{os.sep if target == folder else ''}", *recipe.packages]
    else:
        environment["GOBIN"] = str(folder)
        command = [str(go), "install", *common, *recipe.packages]
    last: deque[str] = deque(maxlen=_LINES_TOLD)
    compiled = 0
    with subprocess.Popen(
        command, cwd=recipe.module, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        for line in process.stderr or ():
            last.append(line)
            text = line.strip()
            if text.startswith("go: downloading "):
                told(f"fetching {text.removeprefix('go: downloading ')}", None, None)
            else:
                compiled += 1
                told(text, compiled, max(recipe.size, compiled))
    if process.returncode:
        message = f"Go can't build {package.name} {package.version}:\n{''.join(last)}"
        raise DevClusterError(message)
