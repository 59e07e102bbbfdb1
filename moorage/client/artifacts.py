"""Outputs of tasks: parameters, and artifacts, of which small ones can be read into memory."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from moorage.client.storing import MOST_BYTES
from moorage.errors import InputError
from moorage.runs import FileEntry, Manifest

_FORMATS = {".parquet": "read_parquet", ".csv": "read_csv", ".json": "read_json", ".feather": "read_feather"}


@dataclass(frozen=True, slots=True)
class RunArtifact:
    """An artifact of a run, at the site whose store has it.

    Attributes:
        name: `<task>.<output>`, as in plan.json.
        type: its type, as `system.Dataset`.
        metadata: what the task noted of it.
        uri: the URI of its files.
        size_bytes: of all its files.
        files: their paths below the URI; one empty path where the URI is the file itself.
    """

    name: str
    site: str
    type: str
    metadata: Mapping[str, Any]
    uri: str
    size_bytes: int
    files: tuple[str, ...]
    _manifest: Manifest = field(repr=False)
    _read: Callable[[FileEntry, int], bytes] = field(repr=False, compare=False)

    def read(self, file: str = "", *, most_bytes: int = MOST_BYTES) -> bytes:
        """Read the content of one file: of the only one, where none is named.

        Raises:
            InputError: there is no such file, or none is named of several.
            StoreError: it can't be read, or has more than `most_bytes`.
        """
        entries = {entry.path: entry for entry in self._manifest.files}
        entry = entries.get(file)
        if entry is None and not file and len(entries) == 1:
            (entry,) = entries.values()
        if entry is None:
            known = ", ".join(sorted(entries)[:20]) or "none"
            raise InputError(f"artifact {self.name}", "file", f"{file or 'the only one'} is not there; it has {known}")
        return self._read(entry, most_bytes)

    def to_pandas(self, file: str = "", *, format: str | None = None) -> Any:  # noqa: A002, ANN401 - pandas' own word, and optional
        """Return the file as a pandas DataFrame; it needs pandas.

        Args:
            file: which of several.
            format: parquet, csv, json or feather; None: by the file's ending, or its first bytes.

        Raises:
            InputError: what it is can't be told, or as `read`.
            StoreError: as `read`.
        """
        import pandas as pd  # noqa: PLC0415 - optional

        content = self.read(file)
        reader = _reader(format, file or self.uri, content)
        if reader is None:
            problem = f"is none of {', '.join(sorted(name[1:] for name in _FORMATS))}: say which, or use read()"
            raise InputError(f"artifact {self.name}", "format", problem)
        return getattr(pd, reader)(io.BytesIO(content))


def artifact_of(site: str, manifest: Manifest, read: Callable[[FileEntry, int], bytes]) -> RunArtifact:
    """Return the artifact that a manifest describes."""
    kind = manifest.type.get("schemaTitle") or "system.Artifact"
    return RunArtifact(
        name=manifest.artifact,
        site=site,
        type=str(kind),
        metadata=manifest.metadata,
        uri=manifest.uri,
        size_bytes=manifest.size_bytes,
        files=tuple(file.path for file in manifest.files),
        _manifest=manifest,
        _read=read,
    )


@dataclass(frozen=True, slots=True)
class Outputs:
    """The outputs of a task by name: parameters, artifacts, and lists of artifacts."""

    parameters: Mapping[str, Any]
    artifacts: Mapping[str, RunArtifact]
    artifact_lists: Mapping[str, tuple[RunArtifact, ...]]


def _reader(format_: str | None, name: str, content: bytes) -> str | None:
    if format_ is not None:
        return _FORMATS.get(f".{format_}")
    for ending, reader in _FORMATS.items():
        if name.endswith(ending):
            return reader
    return "read_parquet" if content[:4] == b"PAR1" else None
