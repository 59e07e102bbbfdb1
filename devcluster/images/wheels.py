"""Layers of third-party Python packages: exactly the wheels that requirements/*.txt pins by hash, nothing built."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from devcluster.images.recipes import WheelLayers
from devcluster.uv_program import uv_install
from moorage.errors import DevClusterError

_REQUIREMENT = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*==")
_INSTALL_TIMEOUT_SECONDS = 1200


def pins(text: str) -> dict[str, str]:
    """Return the pins of a requirements file: project name to its line with hashes, comments left out.

    A project that has another version for other Pythons has several lines.

    Raises:
        DevClusterError: a line is neither a pin, a hash nor a comment.
    """
    found: dict[str, str] = {}
    joined = text.replace("\\\n", " ")
    for line in joined.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _REQUIREMENT.match(line)
        if match is None or "--hash=" not in line:
            message = f"requirements: not a pin with hashes: {line[:80]!r}; run `make requirements`"
            raise DevClusterError(message)
        pin = " ".join(line.split())
        before = found.get(match["name"])
        found[match["name"]] = pin if before is None else f"{before}\n{pin}"
    return found


def spread(wanted: dict[str, str], common: dict[str, str], layers: WheelLayers) -> list[dict[str, str]]:
    """Splits an image's pins into its layers, those that change least and are shared most first.

    The same version may be pinned under another condition in the common file: then it is in both layers.
    """
    rest = dict(wanted)
    split = [{name: rest.pop(name)} for name in layers.alone if name in rest]
    if all(_version(pin) == _version(rest.get(name, "")) for name, pin in common.items()):
        split.append(dict(common))
        rest = {name: pin for name, pin in rest.items() if common.get(name) != pin}
    return [part for part in [*split, rest] if part]


def _version(pin: str) -> str:
    return pin.partition(" ")[0]


def install(wanted: dict[str, str], target: Path, *, python_version: str, scratch: Path) -> None:
    """Installs pinned wheels into a folder.

    Raises:
        DevClusterError: a wheel is not to be had or its hash differs; the message is uv's.
    """
    with tempfile.NamedTemporaryFile("w", dir=scratch, suffix=".txt") as requirements:
        requirements.write("\n".join(wanted.values()) + "\n")
        requirements.flush()
        done = subprocess.run(
            [
                *uv_install(),
                *("--require-hashes", "--no-build"),
                *("--link-mode", "copy", "--python-version", python_version),
                *("--target", target, "--requirements", requirements.name),
            ],
            capture_output=True,
            text=True,
            timeout=_INSTALL_TIMEOUT_SECONDS,
            check=False,
        )
    if done.returncode != 0:
        message = f"uv could not install {', '.join(wanted)}: {done.stderr.strip()[-800:]}"
        raise DevClusterError(message)


def prune(target: Path, layers: WheelLayers) -> None:
    """Removes what no server needs, and what would make the layer depend on this machine."""
    for pattern in (*layers.pruned, "*.dist-info/RECORD", "*.lock"):
        for path in target.glob(pattern):
            _remove(path)
    for path in target.glob("botocore/data/*/"):
        if path.is_dir() and path.name not in layers.services:
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
