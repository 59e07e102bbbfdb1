"""Whether an attempt of a group is the newest that was seen, and the group's pipeline from the store."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from moorage.errors import InputError
from moorage.runs import GroupSpec, RunKeys
from pipeline_executor.store import ArtifactStore
from pipeline_splitter.documents import parse

_MOST_BYTES: Final = 64 << 20


async def newest_seen(store: ArtifactStore, keys: RunKeys, spec: GroupSpec) -> int:
    """The newest attempt that any spoke of this site has seen, this one included, which is noted.

    It is in the store, beside what the attempts have made: so it outlives spokes and objects.

    Raises:
        StoreError: the store does not answer.
    """
    prefix = keys.seen(spec.group)
    seen = [stored.key.removeprefix(prefix) for stored in await store.keys(prefix)]
    numbers = [int(word) for word in seen if word.isdecimal()]
    newest = max(numbers, default=0)
    if newest < spec.attempt:
        await store.put(keys.seen(spec.group, spec.attempt), b"")
    return max(newest, spec.attempt)


async def read_documents(store: ArtifactStore, keys: RunKeys, spec: GroupSpec) -> Sequence[Mapping[str, Any]]:
    """The group's pipeline, and perhaps its platform document.

    Raises:
        InputError: it is not there, is another, or can't be read.
        StoreError: the store does not answer.
    """
    key, subject = keys.plan(spec.file), f"group {spec.group}"
    content = await store.get(key, _MOST_BYTES)
    if content is None:
        raise InputError(subject, "spec.file", f"{store.uri(key)} is not there: the hub writes it before it submits")
    if hashlib.sha256(content).hexdigest() != spec.file_sha256:
        raise InputError(subject, "spec.fileSHA256", f"{store.uri(key)} is another: run the pipeline anew")
    documents = await asyncio.to_thread(parse, content, store.uri(key))
    if not documents or not all(isinstance(each, dict) for each in documents):
        raise InputError(subject, "spec.file", f"{store.uri(key)} is no compiled pipeline")
    return documents
