"""The files of the artifacts that a task reads: by their manifests, or as the store lists them."""

from moorage.errors import InputError
from moorage.runs import FileEntry
from pipeline_executor.engine import Artifact
from pipeline_executor.runners.embedded.state import State


async def known_files(state: State, artifact: Artifact) -> tuple[FileEntry, ...] | None:
    """Return the files of an artifact that was imported, or that a task of this group wrote; None of any other.

    Raises:
        StoreError: the store does not answer.
    """
    imported = state.run.imported.get(artifact.uri)
    return imported if imported is not None else await state.records.files(artifact)


async def input_files(state: State, artifact: Artifact) -> tuple[FileEntry, ...]:
    """Return the files of any artifact that a task reads.

    Raises:
        InputError: there is nothing, or it lies where this site's store does not reach.
        StoreError: the store does not answer.
    """
    known = await known_files(state, artifact)
    return known if known is not None else await _listed(state, artifact)


async def _listed(state: State, artifact: Artifact) -> tuple[FileEntry, ...]:
    """List the files of an importer's artifact in this store, without digests."""
    known = state.listed.get(artifact.uri)
    if known is not None:
        return known
    store, subject = state.run.store, f"artifact {artifact.name}"
    key = store.key(artifact.uri)
    if key is None:
        problem = f"{artifact.uri} lies outside of the artifact store of Site {store.site}: copy it there"
        raise InputError(subject, "uri", problem)
    folder = f"{key.rstrip('/')}/"
    found = tuple(
        FileEntry(each.key.removeprefix(folder) if each.key != key else "", each.size_bytes, "")
        for each in await store.keys(key)
        if each.key == key or (each.key.startswith(folder) and each.key != folder)
    )
    if not found:
        raise InputError(subject, "uri", f"there is nothing at {artifact.uri}: correct the importer's URI")
    state.listed[artifact.uri] = found
    return found
