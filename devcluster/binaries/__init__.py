"""Programs for a cluster: given, in the cache, published, or built; the first source that has one provides it.

catalogue   what there is, and where it may come from
download    published files, verified
build       from Go modules; golang finds the toolchain
debian      what a distribution has: runc, nft, ip, CNI plugins, fusermount3
"""

import contextlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from devcluster.binaries import debian, golang
from devcluster.binaries.build import build
from devcluster.binaries.catalogue import Package, packages
from devcluster.binaries.download import NotPublishedError, download
from devcluster.layout import cache_dir, cache_lock
from devcluster.progress import Progress
from devcluster.spec import ClusterSpec
from moorage.errors import DevClusterError

_FOLDER = "bin"
_CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "helm")
_NODE = ("kubelet", "kube-proxy", "containerd", "containerd-shim-runc-v2", "ctr", "runc", "nft", "ip", "cni", "coredns")


def needed(spec: ClusterSpec) -> list[str]:
    """Return the programs that a cluster runs."""
    return [*_CONTROL_PLANE, *(_NODE if spec.nodes else ()), *(["kwok"] if spec.fake_nodes else ())]


def provide(programs: Iterable[str], progress: Progress, *, given: Path | None = None) -> dict[str, Path]:
    """Return the path of each program, building or fetching those that are missing.

    Args:
        programs: their names.
        progress: the sink of progress messages.
        given: a folder to look in first; MOORAGE_BIN_DIR by default.

    Raises:
        DevClusterError: one is not to be had.
    """
    if given is None and (named := os.environ.get("MOORAGE_BIN_DIR")):
        given = Path(named)
    found, rest = {}, []
    for name in programs:
        if given is not None and (given / name).exists():
            found[name] = (given / name).absolute()
        else:
            rest.append(name)
    for package in packages():
        if wanted := [name for name in rest if name in package.programs]:
            folder = _package(package, progress)
            found |= {name: folder / name for name in wanted}
    if wanted := [name for name in rest if name in debian.PACKAGES]:
        found |= debian.provide(wanted, progress)
    if unknown := sorted(set(rest) - set(found)):
        message = f"no program called {', '.join(unknown)} is known here"
        raise DevClusterError(message)
    return found


def program(name: str, progress: Progress) -> Path:
    """Return the path of one program; `go` too.

    Raises:
        DevClusterError: it is not to be had.
    """
    if name == "go":
        with cache_lock(_FOLDER):
            return golang.go_program(progress)
    return provide([name], progress)[name]


def link(found: dict[str, Path], folder: Path) -> None:
    """Make one folder with all of them, for PATH."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, path in found.items():
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(path)


def _package(package: Package, progress: Progress) -> Path:
    """Return the folder in the cache with all programs of a package."""
    folder = cache_dir() / _FOLDER / f"{package.name}-{package.version}"
    if _is_whole(package, folder):
        return folder
    with cache_lock(_FOLDER):
        # The former holder of the lock may have made it.
        if not _is_whole(package, folder):
            _make(package, folder, progress)
    return folder


def _is_whole(package: Package, folder: Path) -> bool:
    return all((folder / each).exists() for each in package.programs)


def _make(package: Package, folder: Path, progress: Progress) -> None:
    half = folder.with_name(f".{folder.name}.{os.getpid()}")
    half.mkdir(parents=True)
    try:
        _fill(package, half, progress)
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(folder)
        half.rename(folder)
    finally:
        shutil.rmtree(half, ignore_errors=True)


def _fill(package: Package, folder: Path, progress: Progress) -> None:
    try:
        download(package, folder, progress)
    except NotPublishedError:
        for half in folder.iterdir():
            half.unlink()
        go = golang.go_program(progress)
        with progress.step(f"Building {package.name} {package.version} with Go (long the first time)") as step:
            build(package, go, folder, step.update)
