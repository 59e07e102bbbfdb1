"""Records of a run in an artifact store. Sizes in bytes, times in RFC 3339 (UTC), digests SHA-256 in hex."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from moorage.reading.documents import Bounds, read_object
from moorage.reading.fields import Fields
from moorage.runs.phases import TaskPhase

MANIFEST_BOUNDS: Final = Bounds(most_bytes=32 << 20, most_depth=32)
"""The bounds of a manifest: an artifact may be a folder of 100,000 files."""
RECORD_BOUNDS: Final = Bounds(most_bytes=1 << 20, most_depth=32)
"""The bounds of every other record."""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of an artifact; `path` is relative to the artifact's URI, "" where the URI is the file itself."""

    path: str
    size_bytes: int
    sha256: str

    def write(self) -> dict[str, Any]:
        """Write the entry for a manifest."""
        return {"path": self.path, "bytes": self.size_bytes, "sha256": self.sha256}

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Read the entry from a manifest."""
        path = fields.value("path")
        if not isinstance(path, str) or path.startswith("/") or ".." in path.split("/"):
            fields.fail("path", "must be a path below the artifact's URI")
        return cls(path, _required_count(fields, "bytes"), fields.required_text("sha256"))


@dataclass(frozen=True, slots=True)
class Manifest:
    """An artifact exists when this does, and the first that is written is the one that counts.

    Attributes:
        artifact: `<task>.<output>`, as in plan.json.
        type: the artifact's type, as compiled pipelines write it: `{schemaTitle, schemaVersion}` or `{instanceSchema}`.
        metadata: what the producer noted of it.
        uri: where it lies, in the store that holds this manifest.
        sha256: see `manifest_digest`.
        group: the group that made it.
        attempt: the group's.
    """

    artifact: str
    type: Mapping[str, Any]
    metadata: Mapping[str, Any]
    uri: str
    files: tuple[FileEntry, ...]
    group: str = ""
    attempt: int = 0

    @property
    def size_bytes(self) -> int:
        """The size of all files together."""
        return sum(file.size_bytes for file in self.files)

    def write(self) -> bytes:
        """Write the object's content; the same record gives the same bytes."""
        document = {
            "artifact": self.artifact,
            "type": dict(self.type),
            "metadata": dict(self.metadata),
            "uri": self.uri,
            "files": [file.write() for file in self.files],
            "bytes": self.size_bytes,
            "sha256": manifest_digest(self.files),
            "group": self.group,
            "attempt": self.attempt,
        }
        return _written(document)

    @classmethod
    def read(cls, content: bytes, subject: str) -> Self:
        """Read a manifest from its object.

        Raises:
            InputError: it is no manifest, or its own digest is not that of its files.
        """
        fields = read_object(content, subject, MANIFEST_BOUNDS)
        manifest = cls(
            artifact=fields.required_text("artifact"),
            type=fields.mapping("type"),
            metadata=fields.mapping("metadata"),
            uri=fields.required_text("uri"),
            files=tuple(FileEntry.read(entry) for entry in fields.subs("files")),
            group=fields.text("group") or "",
            attempt=_required_count(fields, "attempt"),
        )
        if fields.value("sha256") != manifest_digest(manifest.files):
            fields.fail("sha256", "is not the digest of its files: the manifest was altered")
        return manifest


def manifest_digest(files: Iterable[FileEntry]) -> str:
    """Return one digest for all files: the file's own where there is one with an empty path.

    Otherwise the SHA-256 over `path NUL bytes NUL sha256 LF` of all files, sorted by their paths' bytes.
    """
    ordered = sorted(files, key=lambda file: file.path.encode())
    if len(ordered) == 1 and not ordered[0].path:
        return ordered[0].sha256
    lines = (f"{file.path}\0{file.size_bytes}\0{file.sha256}\n".encode() for file in ordered)
    return hashlib.sha256(b"".join(lines)).hexdigest()


@dataclass(frozen=True, slots=True)
class Value:
    """A parameter that crosses from one group to another."""

    value: Any
    group: str
    attempt: int

    def write(self) -> bytes:
        """Write the object's content."""
        return _written({"value": self.value, "group": self.group, "attempt": self.attempt})

    @classmethod
    def read(cls, content: bytes, subject: str) -> Self:
        """Read a value from its object.

        Raises:
            InputError: it is none.
        """
        fields = read_object(content, subject, RECORD_BOUNDS)
        return cls(fields.value("value"), fields.text("group") or "", _required_count(fields, "attempt"))


@dataclass(frozen=True, slots=True)
class TaskOutputs:
    """The outputs of one attempt, before it is known as ended: parameters, and artifacts with their files.

    An artifact list has several manifests under one name, `lists` says which names are lists.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Mapping[str, tuple[Manifest, ...]] = field(default_factory=dict)
    lists: frozenset[str] = frozenset()

    def write(self) -> bytes:
        """Write the object's content."""
        artifacts = {
            name: [json.loads(manifest.write()) for manifest in several] for name, several in self.artifacts.items()
        }
        return _written({"parameters": dict(self.parameters), "artifacts": artifacts, "lists": sorted(self.lists)})

    @classmethod
    def read(cls, content: bytes, subject: str) -> Self:
        """Read outputs from their object.

        Raises:
            InputError: it is none.
        """
        fields = read_object(content, subject, MANIFEST_BOUNDS)
        artifacts = {
            name: tuple(Manifest.read(_written(each), subject) for each in several)
            for name, several in fields.mapping("artifacts").items()
        }
        return cls(fields.mapping("parameters"), artifacts, frozenset(fields.value("lists") or ()))


@dataclass(frozen=True, slots=True)
class TaskEnd:
    """The end of one attempt of a task.

    Attributes:
        exit_code: None where no container of it ended by itself.
        group_attempt: of the group that it belonged to.
        interrupted: whether its pod was taken from it (deleted, evicted, its node lost): it says nothing of the task.
    """

    phase: TaskPhase
    exit_code: int | None
    reason: str
    start: str
    end: str
    site: str
    node: str
    pod: str
    bytes_in: int
    bytes_out: int
    group_attempt: int = 0
    interrupted: bool = False

    def write(self) -> bytes:
        """Write the object's content."""
        document = {
            "phase": self.phase.value,
            "exitCode": self.exit_code,
            "reason": self.reason,
            "start": self.start,
            "end": self.end,
            "site": self.site,
            "node": self.node,
            "pod": self.pod,
            "bytesIn": self.bytes_in,
            "bytesOut": self.bytes_out,
            "groupAttempt": self.group_attempt,
            "interrupted": self.interrupted,
        }
        return _written(document)

    @classmethod
    def read(cls, content: bytes, subject: str) -> Self:
        """Read an end from its object.

        Raises:
            InputError: it is none.
        """
        fields = read_object(content, subject, RECORD_BOUNDS)
        phase = fields.choice("phase", TaskPhase)
        if phase is None:
            fields.fail("phase", "is required")
        exit_code = fields.value("exitCode")
        return cls(
            phase=phase,
            exit_code=exit_code if isinstance(exit_code, int) else None,
            reason=fields.text("reason", lines=True) or "",
            start=fields.text("start") or "",
            end=fields.text("end") or "",
            site=fields.text("site") or "",
            node=fields.text("node") or "",
            pod=fields.text("pod") or "",
            bytes_in=fields.count("bytesIn") or 0,
            bytes_out=fields.count("bytesOut") or 0,
            group_attempt=fields.count("groupAttempt") or 0,
            interrupted=fields.flag("interrupted"),
        )


def _required_count(fields: Fields, key: str) -> int:
    count = fields.count(key)
    if count is None:
        fields.fail(key, "is required")
    return count


def _written(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
