"""A run's tasks as a site's artifact store has them: `R/tasks/<task>/<attempt>/{started, outputs, log, ended}`.

What has ended never changes, so it is read once and kept; the rest is what its writers say. Whatever runs the tasks
writes their ends here, so that logs and ends look the same everywhere.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from moorage.errors import InputError, StoreError
from moorage.runs import FileEntry, Manifest, RunKeys, TaskEnd, TaskOutputs, TaskPhase
from moorage.runs.logs import attempt_logs, log_part
from moorage.runs.records import MANIFEST_BOUNDS, RECORD_BOUNDS
from pipeline_executor.engine import Artifact, Outputs
from pipeline_executor.store import ArtifactStore

_AT_ONCE = 16
_GOOD = frozenset({TaskPhase.SUCCEEDED, TaskPhase.CACHED})


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """The stored record of one attempt.

    Attributes:
        started: whether a container of it began.
        outputs: what it gave out; None: nothing was recorded, or it has not been read.
        end: how it ended; None: it has not.
    """

    number: int
    started: bool = False
    outputs: Outputs | None = None
    end: TaskEnd | None = None
    has_outputs: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether the attempt succeeded, and its outputs are stored."""
        return self.end is not None and self.end.phase in _GOOD and self.outputs is not None


class TaskRecords:
    """The attempts of the tasks of one group.

    Args:
        store: the site's.
        keys: the keys of the run, in it.
        concerns: whether a task, by its path, is one of the group's.
    """

    def __init__(self, store: ArtifactStore, keys: RunKeys, concerns: Callable[[str], bool]) -> None:
        self._store = store
        self._keys = keys
        self._concerns = concerns
        self._attempts: dict[str, dict[int, AttemptRecord]] = {}
        self._made_by: dict[str, tuple[str, int, str]] = {}
        self._sizes: dict[tuple[str, int], int] = {}
        self._log_parts: dict[tuple[str, int], dict[int, int]] = {}
        self._reading = asyncio.Semaphore(_AT_ONCE)

    async def load(self) -> None:
        """List what the store has, and read all that has ended.

        Raises:
            StoreError: the store does not answer.
        """
        prefix = self._keys.tasks()
        for stored in await self._store.keys(prefix):
            found = _parse(stored.key.removeprefix(prefix))
            if found is None or not self._concerns(found[0]):
                continue
            path, number, what = found
            record = self._record(path, number)
            if what == "started":
                self._put(path, replace(record, started=True))
            elif what == "outputs":
                self._put(path, replace(record, has_outputs=True))
            elif what == "ended":
                # A mark that it is to be read, and no more.
                self._put(path, replace(record, end=_UNREAD))
            elif (part := log_part(what)) is not None:
                self._log_parts.setdefault((path, number), {})[part] = stored.size_bytes
        await self._all(
            self._read(path, record)
            for path, several in list(self._attempts.items())
            for record in list(several.values())
            if record.end is _UNREAD
        )

    def paths(self) -> Iterable[str]:
        """Return the tasks of which anything is known."""
        return self._attempts

    def of(self, path: str) -> dict[int, AttemptRecord]:
        """Return the known attempts of a task by number."""
        return self._attempts.get(path, {})

    def get(self, path: str, number: int) -> AttemptRecord | None:
        """Return what is known of one attempt, or None."""
        return self._attempts.get(path, {}).get(number)

    async def outputs(self, path: str, number: int) -> Outputs | None:
        """Return an attempt's outputs, read from the store if need be; None where none were recorded.

        Raises:
            StoreError: the store does not answer.
            InputError: the record can't be read.
        """
        record = self._record(path, number)
        if record.outputs is not None:
            return record.outputs
        recorded = await self._task_outputs(path, number)
        if recorded is None:
            return None
        outputs = self._keep(path, number, recorded)
        self._put(path, replace(self._record(path, number), outputs=outputs, has_outputs=True))
        return outputs

    async def files(self, artifact: Artifact) -> tuple[FileEntry, ...] | None:
        """Return the files of an artifact that one of these tasks gave out; None where none did.

        Raises:
            StoreError: the store does not answer.
            InputError: the record can't be read.
        """
        made_by = self._made_by.get(artifact.uri)
        if made_by is None:
            return None
        path, number, name = made_by
        recorded = await self._task_outputs(path, number)
        several = recorded.artifacts.get(name, ()) if recorded is not None else ()
        return next((manifest.files for manifest in several if manifest.uri == artifact.uri), None)

    def bytes_out(self, path: str, number: int) -> int:
        """Return the size of an attempt's outputs, where it has been read."""
        return self._sizes.get((path, number), 0)

    async def start(self, path: str, number: int) -> None:
        """Write that a container of an attempt began, once; whoever has a sidecar that writes it need not.

        Raises:
            StoreError: the store does not answer, or takes no more.
        """
        record = self._record(path, number)
        if not record.started:
            await self._store.put(self._keys.task(path, number, "started"), b"")
            self._put(path, replace(record, started=True))

    async def write_end(self, path: str, number: int, log: bytes, end: TaskEnd) -> TaskEnd:
        """Write how an attempt ended, the log first; the first end that is written counts, and is returned.

        Raises:
            StoreError: the store does not answer, or takes no more.
        """
        key = self._keys.task(path, number, "ended")
        known = self._record(path, number).end
        if known is not None:
            return known
        await self._store.put(self._keys.task(path, number, "log"), await self._whole_log(path, number, log))
        if not await self._store.put_once(key, end.write()):
            await self._read(path, self._record(path, number))
            return self._record(path, number).end or end
        self._put(path, replace(self._record(path, number), end=end))
        await self._drop_log_parts(path, number)
        return end

    # --- a log while its task runs ---

    def log_parts(self, path: str, number: int) -> tuple[int, int]:
        """Return the number of parts of an attempt's log, and their bytes."""
        sizes = self._log_parts.get((path, number), {})
        return len(sizes), sum(sizes.values())

    async def write_log_part(self, path: str, number: int, content: bytes) -> bool:
        """Write the next part of an attempt's log; False where somebody else wrote one, which is known from now on.

        Raises:
            StoreError: the store does not answer, or takes no more.
        """
        sizes = self._log_parts.setdefault((path, number), {})
        part = len(sizes) + 1
        if await self._store.put_once(self._keys.task(path, number, f"log.{part}"), content):
            sizes[part] = len(content)
            return True
        prefix = self._keys.tasks(path)
        listed = [(each.key.removeprefix(prefix), each.size_bytes) for each in await self._store.keys(prefix)]
        found = [each.part_bytes for each in attempt_logs(listed) if each.number == number]
        sizes.update(enumerate(found[0] if found else (), 1))
        return False

    async def _whole_log(self, path: str, number: int, log: bytes) -> bytes:
        """Return the log; where the node has no longer what is in the parts, as when it is lost, the parts first."""
        parts, size_bytes = self.log_parts(path, number)
        if not parts:
            return log
        keys = [self._keys.task(path, number, f"log.{part}") for part in range(1, parts + 1)]
        first = await self._store.get(keys[0], size_bytes) or b""
        if log.startswith(first) and len(log) >= size_bytes:
            return log
        return b"".join([first, *[await self._store.get(key, size_bytes) or b"" for key in keys[1:]], log])

    async def _drop_log_parts(self, path: str, number: int) -> None:
        """Drop the parts, which are in the log now. Where the keys may not delete, they stay unread."""
        parts = self._log_parts.pop((path, number), {})
        if parts:
            with contextlib.suppress(StoreError):
                await self._store.delete([self._keys.task(path, number, f"log.{part}") for part in parts])

    # --- reading ---

    async def _read(self, path: str, record: AttemptRecord) -> None:
        key = self._keys.task(path, record.number, "ended")
        content = await self._store.get(key, RECORD_BOUNDS.most_bytes)
        if content is None:
            self._put(path, replace(record, end=None))
            return
        end = TaskEnd.read(content, self._store.uri(key))
        self._put(path, replace(record, end=end))
        if end.phase in _GOOD:
            await self.outputs(path, record.number)

    async def _task_outputs(self, path: str, number: int) -> TaskOutputs | None:
        key = self._keys.task(path, number, "outputs")
        content = await self._store.get(key, MANIFEST_BOUNDS.most_bytes)
        return None if content is None else TaskOutputs.read(content, self._store.uri(key))

    def _keep(self, path: str, number: int, recorded: TaskOutputs) -> Outputs:
        """Keep the outputs as the engine knows them; files, of which there may be many, are read again when needed."""
        manifests = [manifest for several in recorded.artifacts.values() for manifest in several]
        self._sizes[path, number] = sum(manifest.size_bytes for manifest in manifests)
        for name, several in recorded.artifacts.items():
            for manifest in several:
                self._made_by[manifest.uri] = path, number, name
        artifacts = {
            name: tuple(_artifact(name, manifest) for manifest in several)
            for name, several in recorded.artifacts.items()
        }
        return Outputs(recorded.parameters, artifacts, recorded.lists)

    def _record(self, path: str, number: int) -> AttemptRecord:
        return self._attempts.get(path, {}).get(number) or AttemptRecord(number)

    def _put(self, path: str, record: AttemptRecord) -> None:
        self._attempts.setdefault(path, {})[record.number] = record

    async def _all(self, works: Iterable[object]) -> None:
        async def one(work: object) -> None:
            async with self._reading:
                await work  # type: ignore[misc]

        try:
            async with asyncio.TaskGroup() as group:
                for work in works:
                    group.create_task(one(work))
        except* (StoreError, InputError) as errors:
            raise errors.exceptions[0] from None


def _artifact(name: str, manifest: Manifest) -> Artifact:
    return Artifact(name, manifest.type, manifest.uri, manifest.metadata)


def _parse(rest: str) -> tuple[str, int, str] | None:
    """Parse `<task>/<attempt>/<what>` into its parts."""
    parts = rest.rsplit("/", 2)
    if len(parts) != 3 or not parts[1].isdecimal() or not parts[0]:  # noqa: PLR2004 - just said
        return None
    return parts[0], int(parts[1]), parts[2]


_UNREAD = TaskEnd(TaskPhase.PENDING, None, "", "", "", "", "", "", 0, 0)
