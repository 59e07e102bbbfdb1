"""Fetches published programs, where there is internet; nothing unverified is ever kept.

`MOORAGE_MIRROR` names a server that holds the same files under `/HOST/PATH`, for machines without a way out.
"""

import hashlib
import os
import re
import tarfile
from pathlib import Path
from urllib.parse import urlsplit

import httpx2 as httpx

from devcluster.binaries.catalogue import Package
from devcluster.progress import Progress, Step
from moorage.errors import DevClusterError

_TIMEOUTS = httpx.Timeout(60, connect=4)
_CHECKSUM = re.compile(r"\b[0-9a-f]{64}\b")


class NotPublishedError(Exception):
    """The files can't be had here: no way out, or not published. Another source may do."""


def download(package: Package, folder: Path, progress: Progress, *, mirror: str | None = None) -> None:
    """Put a package's programs into a folder.

    Args:
        package: the wanted package.
        folder: exists already.
        progress: where it is told, once it is known that there is something to fetch.
        mirror: in place of MOORAGE_MIRROR.

    Raises:
        NotPublishedError: the files are not to be had.
        DevClusterError: a file does not match its checksum.
    """
    source = package.download
    if source is None:
        message = f"{package.name} publishes no checksums"
        raise NotPublishedError(message)
    mirror = mirror or os.environ.get("MOORAGE_MIRROR")
    fetched: dict[str, Path] = {}
    with httpx.Client(timeout=_TIMEOUTS, follow_redirects=True) as client:
        checksums = {}
        for url, name in {source.url.format(program=name): name for name in package.programs}.items():
            checksums[url] = _expected(client, _mirrored(source.checksum_url.format(program=name), mirror), url)
        with progress.step(f"Downloading {package.name} {package.version}") as step:
            for url, checksum in checksums.items():
                fetched[url] = _fetch(client, _mirrored(url, mirror), folder / f".{len(fetched)}.part", step)
                _verify(fetched[url], checksum, url)
            for name in package.programs:
                archive = fetched[source.url.format(program=name)]
                _place(archive, source.member.format(program=name), folder / name)
    for archive in fetched.values():
        archive.unlink(missing_ok=True)


def _mirrored(url: str, mirror: str | None) -> str:
    parts = urlsplit(url)
    return f"{mirror.rstrip('/')}/{parts.hostname}{parts.path}" if mirror else url


def _expected(client: httpx.Client, url: str, file_url: str) -> str:
    """Return the checksum of a file, from a bare one or from lines that name files."""
    try:
        answer = client.get(url).raise_for_status()
    except httpx.HTTPError as error:
        message = f"{url}: {error}"
        raise NotPublishedError(message) from error
    name = file_url.rsplit("/", 1)[1]
    lines = answer.text.splitlines()
    named = [line for line in lines if line.rstrip().endswith(name)] or (lines if len(lines) == 1 else [])
    found = _CHECKSUM.search(named[0]) if named else None
    if found is None:
        message = f"{url} has no SHA-256 of {name}"
        raise NotPublishedError(message)
    return found[0]


def _fetch(client: httpx.Client, url: str, target: Path, step: Step) -> Path:
    try:
        with client.stream("GET", url) as answer, target.open("wb") as file:
            answer.raise_for_status()
            size = int(answer.headers.get("content-length", 0)) // 1_000_000 or None
            for chunk in answer.iter_bytes(1 << 20):
                file.write(chunk)
                step.update(f"MB of {url.rsplit('/', 1)[1]}", file.tell() // 1_000_000, size)
    except httpx.HTTPError as error:
        target.unlink(missing_ok=True)
        message = f"{url}: {error}"
        raise NotPublishedError(message) from error
    return target


def _verify(path: Path, expected: str, url: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        path.unlink()
        message = f"{url}: SHA-256 is {found}, published is {expected}: not used. Try again, or set MOORAGE_BIN_DIR"
        raise DevClusterError(message)


def _place(fetched: Path, member: str, target: Path) -> None:
    if not member:
        fetched.rename(target)
    else:
        with tarfile.open(fetched) as archive:
            try:
                content = archive.extractfile(member)
            except KeyError:
                content = None
            if content is None:
                message = f"{fetched.name} has no {member}"
                raise NotPublishedError(message)
            target.write_bytes(content.read())
    target.chmod(0o755)
