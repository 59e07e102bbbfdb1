"""The text inside of what is uploaded: YAML or JSON as it is, or in a zip or tar.gz archive. Pure; runs in a child.

Archives are opened as the SDK opens them: `pipeline.yaml`, or the only YAML file there is. Nothing is unpacked beyond
the limits, however small the archive is.
"""

import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Sequence
from typing import IO, Final

from moorage.errors import InputError

MOST_TEXT_BYTES: Final = 8 << 20
"""The limit of a pipeline's text, unpacked: the largest known has 580 KB."""
MOST_ARCHIVE_BYTES: Final = 64 << 20
"""The limit of what is read of an archive to find the pipeline."""
MOST_MEMBERS: Final = 1000
SUBJECT: Final = "uploaded package"
_ENDINGS = (".yaml", ".yml", ".json")
_BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, gzip.BadGzipFile, EOFError, OSError, RuntimeError,
    NotImplementedError, ValueError, OverflowError,
)  # fmt: skip


def unpack(content: bytes) -> bytes:
    """Return the pipeline's text.

    Raises:
        InputError: it is no such package, or holds more than it may.
    """
    try:
        if content.startswith(b"PK"):
            return _from_zip(content)
        if content.startswith(b"\x1f\x8b"):
            return _from_tar(content)
    except _BROKEN as error:
        problem = f"can't be unpacked ({type(error).__name__}): pack it anew, or upload the YAML itself"
        raise InputError(SUBJECT, "archive", problem) from None
    return _bounded(content)


def _from_zip(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [member.filename for member in archive.infolist() if not member.is_dir()]
        with archive.open(_chosen(members)) as file:
            return _read(file)


def _from_tar(content: bytes) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as unzipped:
        plain = unzipped.read(MOST_ARCHIVE_BYTES + 1)
    if len(plain) > MOST_ARCHIVE_BYTES:
        raise InputError(SUBJECT, "archive", f"holds more than {MOST_ARCHIVE_BYTES >> 20} MiB: leave data out")
    with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as archive:
        members = []
        for member in archive:
            if member.isfile():
                members.append(member.name)
            if len(members) > MOST_MEMBERS:
                break
        file = archive.extractfile(_chosen(members))
        if file is None:
            raise InputError(SUBJECT, "archive", "holds no pipeline.yaml that is a file")
        with file:
            return _read(file)


def _chosen(members: Sequence[str]) -> str:
    if len(members) > MOST_MEMBERS:
        raise InputError(SUBJECT, "archive", f"holds more than {MOST_MEMBERS} files: leave all but the pipeline out")
    if "pipeline.yaml" in members:
        return "pipeline.yaml"
    found = [name for name in members if name.endswith(_ENDINGS)]
    if len(found) != 1:
        raise InputError(
            SUBJECT, "archive", f"must hold pipeline.yaml, or one YAML file and no other; it holds {len(found)}"
        )
    return found[0]


def _read(file: IO[bytes]) -> bytes:
    return _bounded(file.read(MOST_TEXT_BYTES + 1))


def _bounded(text: bytes) -> bytes:
    if len(text) > MOST_TEXT_BYTES:
        raise InputError(SUBJECT, "size", f"is more than {MOST_TEXT_BYTES >> 20} MiB: that is no pipeline")
    return text
