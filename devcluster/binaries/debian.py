"""Programs from Debian: runc, nft, ip, the CNI plugins, fusermount3. Found on the machine, or fetched into the cache.

Nothing is installed: packages are unpacked into a folder, without the ones that the machine has anyway.
"""

import os
import shutil
import subprocess
from pathlib import Path

from devcluster.images.debian import download_packages
from devcluster.images.recipes import Base
from devcluster.layout import cache_dir, cache_lock
from devcluster.progress import Progress
from moorage.errors import DevClusterError

PACKAGES = {
    "runc": "runc",
    "nft": "nftables",
    "ip": "iproute2",
    "cni": "containernetworking-plugins",
    # No cluster needs it: a mount that is measured beside ours does.
    "fusermount3": "fuse3",
}
_FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_CNI_FOLDERS = ("/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni")
# The programs that make every node's network.
CNI_PLUGINS = ("ptp", "host-local", "loopback")


def provide(wanted: list[str], progress: Progress) -> dict[str, Path]:
    """Return the path of each of PACKAGES' keys; `cni` is a folder.

    Raises:
        DevClusterError: something is neither here nor to be had.
    """
    found = {name: path for name in wanted if (path := on_this_machine(name)) is not None}
    missing = [name for name in wanted if name not in found]
    if missing:
        found |= {name: path for name in missing if (path := _kept(name)) is not None}
        missing = [name for name in wanted if name not in found]
    if missing:
        found |= _fetched(missing, progress)
    if missing := [name for name in wanted if name not in found]:
        message = f"not found, and not in the packages either: {', '.join(missing)}; install them and try again"
        raise DevClusterError(message)
    return found


def _fetched(wanted: list[str], progress: Progress) -> dict[str, Path]:
    with cache_lock("debian"):
        # The former holder of the lock may have fetched some.
        found = {name: path for name in wanted if (path := _kept(name)) is not None}
        if missing := [PACKAGES[name] for name in wanted if name not in found]:
            with progress.step(f"Fetching {', '.join(missing)} from Debian"):
                _fetch(missing)
        return {name: path for name in wanted if (path := _kept(name)) is not None}


def on_this_machine(name: str) -> Path | None:
    """Return the path on the machine itself, or None."""
    if name == "cni":
        folders = (Path(folder) for folder in _CNI_FOLDERS)
        return next((each for each in folders if all((each / plugin).exists() for plugin in CNI_PLUGINS)), None)
    # root's PATH in a bare shell may lack the sbin folders.
    found = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), *_FOLDERS)))
    return Path(found) if found else None


def _root() -> Path:
    return cache_dir() / "debian"


def _kept(name: str) -> Path | None:
    """Return the path of an earlier fetch, or None; a script lets each program find its libraries."""
    if name == "cni":
        folder = _root() / "root/usr/lib/cni"
        return folder if all((folder / plugin).exists() for plugin in CNI_PLUGINS) else None
    real = next((path for folder in _FOLDERS if (path := _root() / "root" / folder[1:] / name).exists()), None)
    if real is None:
        return None
    libraries = {str(path.parent) for path in (_root() / "root").rglob("*.so.*")}
    script = _root() / "bin" / name
    script.parent.mkdir(exist_ok=True)
    search = os.pathsep.join(sorted(libraries))
    half = script.with_suffix(f".{os.getpid()}")
    half.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH="{search}" exec "{real}" "$@"\n')
    half.chmod(0o755)
    half.rename(script)
    return script


def _fetch(packages: list[str]) -> None:
    missing_tools = [tool for tool in ("apt-get", "dpkg-deb", "dpkg-query") if shutil.which(tool) is None]
    if missing_tools:
        message = (
            f"needed: {', '.join(packages)} (Debian's names). This machine has no apt, so install them yourself, "
            "or put the programs into a folder and name it in MOORAGE_BIN_DIR"
        )
        raise DevClusterError(message)
    root = _root()
    downloads = root / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    present = subprocess.run(
        ["dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Package}\\n"],
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    installed = frozenset(line.split()[1] for line in present.splitlines() if line.startswith("installed "))
    download_packages(Base(packages=tuple(packages), left_out=installed), downloads, root / "apt")
    for archive in downloads.glob("*.deb"):
        subprocess.run(["dpkg-deb", "--extract", str(archive), str(root / "root")], check=True)
        archive.unlink()
