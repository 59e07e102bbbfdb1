"""One look at a real store: what is read again, and what is not."""

import asyncio
from dataclasses import replace

from dataset_operator.findings import Findings
from dataset_operator.listing import Budget, Cancellation
from dataset_operator.looking import Looker
from dataset_operator.settings import OperatorSettings
from dataset_operator.tables import Format, TableLook
from moorage.kube import Client
from moorage.model import Dataset, Source
from moorage.settings import read
from moorage.sources.s3 import S3Source
from tests.builders import make_dataset
from tests.dataset_operator import hostile
from tests.dataset_operator.hostile import hostile_store
from tests.dataset_operator.looks import nfs
from tests.dataset_operator.stores import STEWARD, Store, silent_endpoint
from tests.planes import client

__all__ = ["client"]

SETTINGS = read(OperatorSettings, {})
BUDGET = Budget(silence_seconds=1)


def dataset(store: Store, prefix: str) -> Dataset:
    """A Dataset with its keys in line, and a copy that nodes mount."""
    location = S3Source(store.endpoint, "data", prefix, inline_credentials=STEWARD)
    return replace(make_dataset("looked-at").obj(), sources=(Source("eu-1", location), nfs("us-1")))


async def test_objects_are_looked_into_only_when_they_changed(client: Client, store: Store) -> None:
    """The same version: the last look into them counts. Another one: they are read anew."""
    store.put({"looked/a.csv": b"a,b\n1,2\n"})
    looker, stop = Looker(client, SETTINGS), Cancellation()
    first = await looker.look(dataset(store, "looked"), BUDGET, stop)
    assert first.table is not None
    assert [column.name for column in first.table.columns] == ["a", "b"]
    marked = replace(first, table=TableLook(Format.CSV, note="from the last look"))
    assert (await looker.look(dataset(store, "looked"), BUDGET, stop, marked)).table == marked.table
    store.put({"looked/a.csv": b"c\n1\n"})
    changed = await looker.look(dataset(store, "looked"), BUDGET, stop, marked)
    assert changed.table is not None
    assert [column.name for column in changed.table.columns] == ["c"]
    looker.close()


async def test_a_look_has_a_deadline_for_all_its_sources(client: Client, store: Store) -> None:
    """Many sources at a store that drips, which would take a deadline each; the good one that came first counts."""
    store.put({"dripping/a.csv": b"a\n1\n"})
    looker = Looker(client, SETTINGS)
    good = dataset(store, "dripping").sources[0]
    with hostile_store(hostile.drip) as slow:
        drips = [Source(f"s-{n}", S3Source(slow.endpoint, "data", inline_credentials=STEWARD)) for n in range(20)]
        sources = replace(dataset(store, "dripping"), sources=(good, *drips))
        budget = Budget(seconds=3, request_seconds=3600, silence_seconds=3600)
        async with asyncio.timeout(60):
            found = await looker.look(sources, budget, Cancellation())
        assert [source.reason for source in found.sources] == ["Listed", *["ListTooSlow"] * 20]
        assert found.too_slow
        assert len(slow.requests) <= 2
    looker.close()


async def test_one_source_that_fails_hides_no_other(client: Client, store: Store) -> None:
    """Each is told of by itself."""
    store.put({"beside/a.csv": b"a\n1\n"})
    looker = Looker(client, SETTINGS)
    good = dataset(store, "beside")
    with silent_endpoint() as endpoint:
        silent = Source("us-2", S3Source(endpoint, "data", inline_credentials=STEWARD))
        missing = Source("us-3", S3Source(store.endpoint, "data", secret_name="nowhere"))
        several = replace(good, sources=(*good.sources, silent, missing))
        found: Findings = await looker.look(several, BUDGET, Cancellation())
    assert [source.reason for source in found.sources] == [
        "Listed",
        "NotListed",
        "EndpointUnreachable",
        "SecretNotFound",
    ]
    assert found.failed
    looker.close()
