"""The base layer: Debian packages unpacked into a folder, without root and without touching this machine's packages.

apt runs on private folders: its own lists, its own downloads, and an empty status file, so that it resolves the whole
closure as for an empty machine. It checks signatures and hashes as always.
"""

import os
import platform
import re
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devcluster.images.recipes import NON_ROOT_ID, Base
from moorage.errors import DevClusterError

# Debian's folders of the root that are links into usr since the merge; older packages still ship files in them.
_MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_INSTALLED = re.compile(r"^Inst (\S+)", re.MULTILINE)
_APT_TIMEOUT_SECONDS = 600


@dataclass(frozen=True)
class Distribution:
    """The Debian-like distribution that the base comes from: the one of this machine."""

    name: str
    version: str
    architecture: str


def this_distribution() -> Distribution:
    """Return the distribution of this machine.

    Raises:
        DevClusterError: there is no apt here.
    """
    missing = [program for program in ("apt-get", "dpkg-deb") if shutil.which(program) is None]
    if missing:
        message = (
            f"{' and '.join(missing)} not found: images are made from Debian packages, "
            "so build them on Debian or Ubuntu, or use the Dockerfiles"
        )
        raise DevClusterError(message)
    release = platform.freedesktop_os_release()
    return Distribution(release["ID"], release.get("VERSION_ID", ""), platform.machine())


def fill_base(root: Path, base: Base, scratch: Path) -> None:
    """Unpacks the base's packages and their dependencies into `root`, and gives it users and trusted certificates."""
    downloads = scratch / "debs"
    shutil.rmtree(downloads, ignore_errors=True)
    downloads.mkdir(parents=True)
    download_packages(base, downloads, scratch / "apt")
    for name in _MERGED:
        (root / "usr" / name).mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(f"usr/{name}")
    for package in sorted(downloads.glob("*.deb")):
        _unpack(package, root)
    _prune(root, base)
    _write_identity(root)
    shutil.rmtree(downloads)


def fill_shell(root: Path, shell: Base, programs: Sequence[str], scratch: Path) -> None:
    """Puts busybox into `root`, under the names of these programs."""
    downloads = scratch / "shell"
    shutil.rmtree(downloads, ignore_errors=True)
    downloads.mkdir(parents=True)
    download_packages(shell, downloads, scratch / "apt")
    for package in downloads.glob("busybox-static_*.deb"):
        _unpack(package, downloads / "root")
    folder = root / "usr/bin"
    folder.mkdir(parents=True)
    program = folder / "busybox"
    shutil.copy(next((downloads / "root").rglob("bin/busybox")), program)
    program.chmod(0o755)
    for name in programs:
        (folder / name).symlink_to("busybox")
    shutil.rmtree(downloads)


def download_packages(base: Base, downloads: Path, apt_folder: Path) -> None:
    """Downloads the closure of the base's packages, except what the base leaves out.

    Raises:
        DevClusterError: a package can't be found or fetched; the message is apt's.
    """
    options = _private_apt(apt_folder)
    # A broken third-party source must not matter as long as what we need is found.
    _apt([*options, "update"], apt_folder, check=False)
    simulated = _apt([*options, "--simulate", "--no-install-recommends", "install", *base.packages], apt_folder)
    wanted = [name for name in _INSTALLED.findall(simulated) if name not in base.left_out]
    _apt([*options, "download", *sorted(wanted)], downloads)


def _private_apt(folder: Path) -> list[str]:
    (folder / "state/lists/partial").mkdir(parents=True, exist_ok=True)
    (folder / "cache/archives/partial").mkdir(parents=True, exist_ok=True)
    (folder / "status").write_text("")
    settings = {
        "Dir::State": folder / "state",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
        # Without it apt downloads as the user _apt, who may not enter a home folder.
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
        "Acquire::Retries": "3",
    }
    options = [argument for name, value in settings.items() for argument in ("-o", f"{name}={value}")]
    return ["-q", "-y", *options]


def _apt(arguments: list[str], folder: Path, *, check: bool = True) -> str:
    done = subprocess.run(
        ["apt-get", *arguments],
        cwd=folder,
        env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
        capture_output=True,
        text=True,
        timeout=_APT_TIMEOUT_SECONDS,
        check=False,
    )
    if check and done.returncode != 0:
        message = f"apt-get {arguments[-1]} failed: {done.stderr.strip()[-600:]}"
        raise DevClusterError(message)
    return done.stdout


def _unpack(package: Path, root: Path) -> None:
    """Writes a package's files below `root`, with usr-merged paths.

    Read with tarfile because `dpkg-deb --extract` may put a folder in the place of a link.
    """
    with (
        subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE) as unpacker,
        tarfile.open(fileobj=unpacker.stdout, mode="r|") as tar,
    ):
        refuse_what_leads_out(tar)
        for member in tar:
            member.name = _merged(member.name)
            if member.islnk():
                member.linkname = _merged(member.linkname)
            if member.isdir():
                (root / member.name).mkdir(parents=True, exist_ok=True)
            elif member.name.removeprefix("usr/") not in _MERGED:
                tar.extract(member, root, set_attrs=True)


def refuse_what_leads_out(tar: tarfile.TarFile) -> None:
    """Have extraction refuse paths outside its folder, where this Python can (3.11.4, and whoever took it over)."""
    if (guard := getattr(tarfile, "tar_filter", None)) is not None:
        tar.extraction_filter = guard


def _merged(name: str) -> str:
    name = name.removeprefix("./").strip("/") or "."
    first = name.split("/", 1)[0]
    return f"usr/{name}" if first in _MERGED else name


def _prune(root: Path, base: Base) -> None:
    for pattern in base.pruned:
        for path in root.glob(_merged(pattern)):
            shutil.rmtree(path)
    for library in (root / "usr/lib").glob("python3*"):
        for module in base.pruned_modules:
            shutil.rmtree(library / module, ignore_errors=True)
        for extra in library.glob("config-*"):
            shutil.rmtree(extra)
    for program in (root / "usr/bin").iterdir():
        if not program.name.startswith(base.kept_programs):
            program.unlink()


def _write_identity(root: Path) -> None:
    """Write the few files of /etc that packages' install scripts would have made."""
    etc = root / "etc"
    etc.mkdir(exist_ok=True)
    users = f"root:x:0:0:root:/:/sbin/nologin\nnonroot:x:{NON_ROOT_ID}:{NON_ROOT_ID}:nonroot:/tmp:/sbin/nologin\n"
    (etc / "passwd").write_text(users)
    (etc / "group").write_text(f"root:x:0:\nnonroot:x:{NON_ROOT_ID}:\n")
    (etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n")
    authorities = sorted((root / "usr/share/ca-certificates").rglob("*.crt"))
    bundle = etc / "ssl/certs/ca-certificates.crt"
    bundle.parent.mkdir(parents=True, exist_ok=True)
    bundle.write_text("".join(path.read_text() for path in authorities))
    temporary = root / "tmp"
    temporary.mkdir(exist_ok=True)
    temporary.chmod(0o1777)
