"""The archives of `kubectl dataset`: our code, pinned wheels for each Python, and a launcher that finds a Python.

An archive is the same, byte for byte, whoever makes it: names are sorted, times and owners are none.
"""

import gzip
import hashlib
import subprocess
import tarfile
import tempfile
from pathlib import Path

from devcluster.uv_program import uv_install
from moorage.errors import DevClusterError
from release.krew import LAUNCHER, NAME, Archive

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
# uv's names of platforms, by krew's operating system and architecture.
PLATFORMS = {
    ("linux", "amd64"): "x86_64-manylinux_2_28",
    ("linux", "arm64"): "aarch64-manylinux_2_28",
    ("darwin", "amd64"): "x86_64-apple-darwin",
    ("darwin", "arm64"): "aarch64-apple-darwin",
}
_PACKAGES = ("moorage", "moorage_cli")
_KEPT = frozenset({".py", ".yaml", ".json", ".typed"})
_LAUNCHER = """\
#!/bin/sh
# Finds a Python that this archive has compiled modules for.
here=$(dirname "$(readlink -f "$0")")
for python in python3 {names}; do
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    if [ -d "$here/lib/$version" ]; then
        PYTHONPATH="$here/app:$here/lib/$version" PYTHONDONTWRITEBYTECODE=1 exec "$python" -c \\
            'import sys; sys.argv[0] = "kubectl-dataset"; from moorage_cli.kubectl_dataset import main; main()' "$@"
    fi
done
echo "kubectl dataset needs Python {versions} on PATH" >&2
exit 2
"""


def make_archive(tree: Path, version: str, platform: tuple[str, str], target: Path) -> Archive:
    """Make one platform's archive in a folder.

    Raises:
        DevClusterError: a wheel is not to be had, or is not what its hash says.
    """
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for package in _PACKAGES:
            for source in sorted((tree / package).rglob("*")):
                if source.suffix in _KEPT:
                    path = root / "app" / source.relative_to(tree)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(source.read_bytes())
        for python in PYTHONS:
            _install(tree / "requirements/kubectl-plugin.txt", root / "lib" / python, python, PLATFORMS[platform])
        names = " ".join(f"python{python}" for python in reversed(PYTHONS))
        launcher = _LAUNCHER.replace("{names}", names).replace("{versions}", ", ".join(PYTHONS))
        (root / LAUNCHER).write_text(launcher)
        (root / "LICENSE").write_bytes((tree / "LICENSE").read_bytes())
        file = target / f"kubectl-{NAME}_v{version}_{'_'.join(platform)}.tar.gz"
        _pack(root, file)
    return Archive(*platform, file.name, hashlib.sha256(file.read_bytes()).hexdigest())


def _install(requirements: Path, target: Path, python: str, platform: str) -> None:
    command = [*uv_install(), "--require-hashes", "--no-build", "--link-mode", "copy", "--python-version", python]
    command += ["--python-platform", platform, "--target", str(target), "--requirements", str(requirements)]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    if done.returncode:
        message = (
            f"the plugin's wheels for Python {python} on {platform} are not to be had: {done.stderr.strip()[-800:]}"
        )
        raise DevClusterError(message)


def _pack(root: Path, file: Path) -> None:
    unwanted = {".lock", "RECORD", "direct_url.json", "INSTALLER", "REQUESTED"}
    with (
        file.open("wb") as raw,
        gzip.GzipFile("", "wb", mtime=0, fileobj=raw) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for path in sorted(root.rglob("*")):
            name = path.relative_to(root)
            if path.is_dir() or path.name in unwanted or {"__pycache__", "bin"} & set(name.parts):
                continue
            info = tarfile.TarInfo(str(name))
            info.size = path.stat().st_size
            info.mode = 0o755 if str(name) == LAUNCHER else 0o644
            with path.open("rb") as content:
                archive.addfile(info, content)
