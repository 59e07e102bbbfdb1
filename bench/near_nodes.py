"""Nodes of one site on one machine: each with a cache's folder, a server for neighbours and a filler of its own.

The broker is played, by the broker's own functions and what lies on the nodes' disks.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from broker.neighbours import NodeCopies, neighbourhood, sight
from broker.passes import reading_pass, serving_pass
from moorage.grants.grant import FillTerms, Grant
from moorage.grants.neighbours import Neighbourhood, Pass, Reading
from moorage.grants.question import GrantQuestion, PodIdentity
from moorage.grants.review import Review
from moorage.grants.standing import Standing
from moorage.model import Dataset, DatasetRef, DatasetStatus, Governance
from moorage.queueing.keyed_locks import KeyedLocks
from moorage.refusal import Refusal
from moorage.serving.certificates import KeyPair, make_authority
from moorage.sources import Credentials
from moorage.sources.s3 import S3Source
from node_plugin.caching.fillers import run_filler
from node_plugin.caching.holding import VersionKey
from node_plugin.caching.state import CacheLimits, CacheState
from node_plugin.caching.store import Store
from node_plugin.caching.usage import Usage
from node_plugin.filler.exchange import Ending, Job
from node_plugin.filler.manifest import Entry, version_of
from node_plugin.journal import Journal
from node_plugin.neighbours.following import Following
from node_plugin.neighbours.sending import Sending
from node_plugin.neighbours.serving import Server, serving_neighbours
from tests.ports import free_port

SITE = "eu-1"
READER = PodIdentity("bench", "reader", "0")


@dataclass(frozen=True)
class Source:
    """Objects in a store.

    Attributes:
        grant: to read them.
        key: which version they are.
        objects: the number of objects.
    """

    grant: Grant
    key: VersionKey
    objects: int

    @classmethod
    def listed(cls, endpoint: str, bucket: str, folder: str, keys: Credentials, client: Any) -> "Source":  # noqa: ANN401 - boto3 has no types
        """List the objects as the operator does."""
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{folder}/")
        found = [each for page in pages for each in page.get("Contents") or ()]
        entries = [
            Entry(str(each["Key"]).removeprefix(f"{folder}/"), each["Size"], each["ETag"].strip('"'), 0)
            for each in found
        ]
        version = version_of(sorted(entries, key=lambda entry: entry.sort_key))
        size_bytes = sum(entry.size_bytes for entry in entries)
        grant = Grant(
            location=S3Source(endpoint, bucket, folder),
            local=False,
            credentials=keys,
            site=SITE,
            source_site="far-1",
            version=version,
            fill=FillTerms(size_bytes=size_bytes, far_seconds=size_bytes / 100e6, listed_version=version),
        )
        return cls(grant, VersionKey(DatasetRef("bench", folder), version), len(found))

    @property
    def size_bytes(self) -> int:
        """The size of all objects together."""
        return 0 if self.grant.fill is None else self.grant.fill.size_bytes


@dataclass
class PlayedBroker:
    """The broker, as one node asks it."""

    node: str
    source: Source
    authority: KeyPair
    stores: dict[str, Store]
    addresses: dict[str, str]

    async def ask(self, question: GrantQuestion) -> Grant | Refusal:
        """Answer with the grant."""
        del question
        return self.source.grant

    async def ask_reviews(self, asked: Sequence[GrantQuestion]) -> list[Review]:
        """Answer that every volume may go on."""
        return [Review(each) for each in asked]

    async def ask_standing(self, refs: Sequence[DatasetRef]) -> dict[DatasetRef, Standing]:
        """Answer that all may stay."""
        return {ref: Standing(ref=ref) for ref in refs}

    async def ask_neighbours(self, asked: GrantQuestion) -> Neighbourhood | Refusal:
        """Answer from what lies on the disks."""
        status = DatasetStatus(size_bytes=self.source.size_bytes, version=self.source.key.version)
        dataset = Dataset(asked.dataset, (), Governance(), status=status)
        copies = [
            NodeCopies(
                node, self.addresses[node], {(each.key.ref, each.key.version): each.size_bytes for each in store}
            )
            for node, store in self.stores.items()
        ]
        return neighbourhood(sight(dataset, copies), self.node)

    async def ask_pass(self, asked: GrantQuestion | None) -> Pass | Refusal:
        """Sign the pass that was asked for."""
        now = datetime.now(tz=UTC)
        if asked is None:
            return serving_pass(self.authority, self.node, now)
        return reading_pass(self.authority, Reading(self.node, asked.dataset), now)


@dataclass
class Node:
    """A simulated node with its store and server."""

    name: str
    store: Store
    server: Server
    following: Following
    limits: CacheLimits = field(default_factory=lambda: CacheLimits(size_bytes=1 << 40))

    async def fill(self, source: Source, *, with_neighbours: bool, part_bytes: int | None = None) -> None:
        """Copy it all, or what there is room for.

        Raises:
            OSError: that did not work.
        """
        key, store = source.key, self.store
        folder = store.begin(key, source.size_bytes, source.objects, None, part_bytes)
        job = Job(
            grant=source.grant,
            connections=self.limits.connections,
            most_objects=200_000,
            most_bytes=1 << 40,
            sharing=self.following.sharing(key, source.grant) if with_neighbours else None,
            part_bytes=part_bytes,
        )
        filled = await run_filler(
            folder,
            job,
            user=None,
            reused=None,
            tell=lambda done, on_disk, near: store.progress(key, done, on_disk, near),
            views=self.following.views(key.ref, lambda: [READER]) if with_neighbours else None,
        )
        if filled.ended.ending is Ending.PART:
            store.parted(key, filled.size_bytes, filled.objects)
            return
        if filled.ended.ending is not Ending.WHOLE:
            raise OSError(filled.ended.message)
        store.publish(key, filled.size_bytes, filled.objects)


async def start_at_once(source: Source, folder: Path, nodes: int, *, with_neighbours: bool) -> None:
    """Have so many nodes copy the same at once, until all have it."""
    async with made_nodes(source, folder, nodes) as made:
        await asyncio.gather(*(node.fill(source, with_neighbours=with_neighbours) for node in made))


@asynccontextmanager
async def made_nodes(source: Source, folder: Path, nodes: int) -> AsyncIterator[list[Node]]:
    """Make nodes that serve each other."""
    authority = make_authority("bench", datetime.now(tz=UTC), timedelta(days=1))
    ca_file = folder / "ca.crt"
    ca_file.write_bytes(authority.certificate.pem)
    names = [f"node-{number}" for number in range(nodes)]
    stores = {name: Store(folder / name) for name in names}
    ports = {name: free_port() for name in names}
    addresses = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    async with AsyncExitStack() as stack:
        made = []
        for name, store in stores.items():
            broker = PlayedBroker(name, source, authority, stores, addresses)
            state = CacheState(
                store=store,
                usage=Usage(folder / f"{name}.usage", time.time),
                journal=Journal(folder / f"{name}.journal"),
                broker=broker,
                watcher=broker,
                locks=KeyedLocks(),
                limits=CacheLimits(size_bytes=1 << 40),
                asked_at=time.monotonic(),
            )
            server = Server(state, broker, addresses[name], ca_file, Sending(10**9))
            await stack.enter_async_context(serving_neighbours(server, "127.0.0.1", ports[name]))
            made.append(Node(name, store, server, Following(name, broker, ca_file, lambda: True)))
        await asyncio.gather(*(node.server.state.moved.wait() for node in made))
        yield made
