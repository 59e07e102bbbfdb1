"""Writes the manifests and values of a group's exports, each once: the first that is written is the one that counts."""

from typing import Final

from moorage.errors import InputError
from moorage.runs import Manifest, Value
from moorage.runs.names import split_datum
from pipeline_executor.runners.protocol import GroupRun, Runner
from pipeline_executor.spoke.exports import Due

_NO_FILES: Final = "no task of this run wrote it: what an importer brings can't be given out"


async def publish(run: GroupRun, runner: Runner, due: Due) -> None:
    """Write it, unless somebody has.

    Raises:
        InputError: the artifact has no files that this run wrote.
        StoreError: the store does not answer, or takes no more.
    """
    store, group, attempt = run.store, run.group.spec.group, run.group.spec.attempt
    artifact, value = due.spec.artifact, due.spec.value
    key = (
        run.keys.artifact(*split_datum(artifact)) if artifact is not None else run.keys.value(*split_datum(value or ""))
    )
    if await store.size(key) is not None:
        return  # by an earlier process, most likely
    if artifact is None or due.artifact is None:
        await store.put_once(key, Value(due.value, group, attempt).write())
        return
    given, (task, output) = due.artifact, split_datum(artifact)
    kept = await runner.kept(run, given, run.keys.data(task, attempt, output))
    if kept is None:
        raise InputError(f"artifact {artifact}", "uri", _NO_FILES)
    manifest = Manifest(artifact, given.type, given.metadata, kept.uri, kept.files, group, attempt)
    await store.put_once(key, manifest.write())
