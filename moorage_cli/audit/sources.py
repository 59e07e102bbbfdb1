"""Where lines come from: files, a store with one's own keys, or what the cluster's ConfigMap says."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from moorage.errors import InputError, NotFoundError, SourceError, StoreError
from moorage.evidence.documents import entries_of, stored_entries
from moorage.evidence.heads import Head, read_head
from moorage.evidence.places import Batch, folder
from moorage.evidence.trust import PublicKey, read_public_keys
from moorage.evidence.verifying import Entry, Held
from moorage.kube import CONFIG_MAPS, Client
from moorage.kube.credentials import read_credentials
from moorage.sources import Credentials
from moorage.sources.reasons import Reason
from moorage.stores import ReadableStore
from moorage.stores.buckets import Bucket, parse_bucket
from moorage.stores.own_keys import own_keys
from moorage_cli.audit.asking import Whence
from moorage_cli.connecting import Target

T = TypeVar("T")

COMPONENTS: Final = ("broker", "webhook", "spoke")
_MOST_OBJECTS: Final = 2_000_000
_MOST_BATCH_BYTES: Final = 8 << 20
_AT_ONCE: Final = 8
_NO_KEYS: Final = frozenset({Reason.SECRET_FORBIDDEN, Reason.SECRET_NOT_FOUND})


@dataclass
class Published:
    """What the cluster says: public keys, heads, and where the lines are."""

    keys: list[PublicKey] = field(default_factory=list)
    heads: list[Held] = field(default_factory=list)
    location: Bucket | None = None


def questioned(target: Target, whence: Whence, question: Callable[[Client | None], Coroutine[Any, Any, T]]) -> T:
    """Ask with a client where the cluster says where lines are, else without.

    Raises:
        MoorageError: whatever the question met.
    """
    if whence.by_cluster:
        return target.ask(lambda client, _: question(client))
    return asyncio.run(question(None))


async def published(client: Client, namespace: str) -> Published:
    """Read the ConfigMaps of all components that record evidence.

    Raises:
        NotFoundError: there is none: Moorage is not installed in that namespace.
        KubeError: the API server would not, or does not answer.
    """
    told = Published()
    for component in COMPONENTS:
        name = f"moorage-{component}-evidence"
        try:
            data: dict[str, str] = (await client.get(CONFIG_MAPS, name, namespace)).get("data") or {}
        except NotFoundError:
            if component != COMPONENTS[0]:
                continue  # it is not everywhere
            problem = f"ConfigMap {namespace}/{name} is not there: name Moorage's namespace (--system-namespace)"
            raise NotFoundError(problem, status=404) from None
        subject = f"ConfigMap {namespace}/{name}"
        for key, value in sorted(data.items()):
            if key.startswith("key."):
                told.keys += read_public_keys(value)
            elif key.startswith("head."):
                told.heads.append(Held(f"{subject}, {key}", _head(subject, key, value)))
            elif key == "store":
                told.location = parse_bucket(value, subject, "data[store]")
    return told


@asynccontextmanager
async def opened(client: Client | None, whence: Whence, told: Published | None) -> AsyncIterator["Lines"]:
    """The lines that are meant.

    Args:
        client: None where the cluster is not needed.
        whence: what the options say.
        told: what the cluster says, where it was asked.

    Raises:
        InputError: the cluster says of no store.
    """
    if whence.files:
        yield Lines(files=whence.files)
        return
    location = whence.location or (None if told is None else told.location)
    if location is None:
        problem = (
            f"is not set, so lines are in the component's log alone: kubectl logs -n {whence.system_namespace} "
            "-l app.kubernetes.io/component=broker --prefix --tail=-1 > broker.log, and then this command with "
            "--file broker.log (for `verify` with --key too: `audit keys` prints the keys)"
        )
        raise InputError("chart", "evidence.store", problem)
    keys = own_keys()
    if whence.location is None and client is not None:
        keys = await _credentials(client, whence.system_namespace, location, keys)
    store = ReadableStore("", location, keys, called=f"store of evidence (s3://{location.bucket})")
    try:
        yield Lines(store=store)
    finally:
        await store.close()


class Lines:
    """What is to be evidence, in the order of components, chains and numbers; of files in theirs."""

    def __init__(self, *, files: Iterable[Path] = (), store: ReadableStore | None = None) -> None:
        self._files = tuple(files)
        self._store = store

    async def entries(self) -> AsyncIterator[Entry]:
        """All of them, piece by piece.

        Raises:
            InputError: a file can't be read.
            StoreError: the store does not answer or refuses.
        """
        for path in self._files:
            for entry in _file_entries(path):
                yield entry
        if self._store is not None:
            async for entry in _stored(self._store):
                yield entry


async def _batches(store: ReadableStore) -> list[Batch]:
    listed = await store.list_all(folder(store.prefix, ""), _MOST_OBJECTS)
    return sorted(batch for each in listed if (batch := Batch.read(store.prefix, each.key)) is not None)


async def _stored(store: ReadableStore) -> AsyncIterator[Entry]:
    # Lines are written meanwhile. What a line says of other chains was stored before it; so where it was in the first
    # listing, the second has all that it speaks of.
    chains = {(batch.component, batch.chain) for batch in await _batches(store)}
    batches = [batch for batch in await _batches(store) if (batch.component, batch.chain) in chains]

    async def fetch(batch: Batch) -> tuple[str, bytes]:
        key = batch.key(store.prefix)
        content = await store.get(key, _MOST_BATCH_BYTES)
        if content is None:
            raise StoreError("Gone", f"{key} was there a moment ago: who deletes evidence?")
        return key, content

    for first in range(0, len(batches), _AT_ONCE):
        for key, content in await asyncio.gather(*map(fetch, batches[first : first + _AT_ONCE])):
            for entry in stored_entries(key, content):
                yield entry


def _file_entries(path: Path) -> Iterator[Entry]:
    try:
        if str(path) == "-":
            yield from entries_of("stdin", sys.stdin.buffer)
        else:
            with path.open("rb") as file:
                yield from entries_of(str(path), file)
    except OSError as error:
        raise InputError("--file", str(path), f"can't be read: {error.strerror or error}") from None


async def _credentials(client: Client, namespace: str, location: Bucket, own: Credentials | None) -> Credentials | None:
    try:
        return await read_credentials(client, namespace, location)
    except SourceError as error:
        if own is None and error.reason in _NO_KEYS:
            problem = f"{error}\nOr give keys of your own: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            raise StoreError(error.reason, problem) from None
        if own is None:
            raise StoreError(error.reason, str(error)) from None
        return own


def _head(subject: str, key: str, value: str) -> Head:
    try:
        return read_head(value.encode())
    except InputError as error:
        raise InputError(subject, f"data[{key}]", error.problem) from None
