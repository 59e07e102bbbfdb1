"""Batches in a real S3 store: written once, locked, found again."""

from datetime import timedelta
from random import Random
from typing import Final

import pytest
from botocore.exceptions import ClientError

from moorage.errors import StoreError
from moorage.evidence.chain import Chain, chain_name
from moorage.evidence.line import Link
from moorage.evidence.places import Batch
from moorage.kube import Client
from moorage.recording import EvidenceStore, Retention
from moorage.recording.earlier import earlier_heads
from moorage.sources import Credentials
from moorage.sources.s3 import S3Source
from tests.dataset_operator.stores import BUCKET, STEWARD, STRANGER, Store
from tests.evidence.logs import BEGUN, granted, ticking
from tests.ports import free_port

CHAIN: Final = "20261130T060000Z-0123456789ab"


def _location(server: Store, prefix: str, keys: Credentials = STEWARD, bucket: str = BUCKET) -> S3Source:
    return S3Source(server.endpoint, bucket, prefix, inline_credentials=keys)


async def test_a_batch_is_written_once(server: Store, nobody: Client) -> None:
    """The same again is no mistake, as answers get lost; another one in its place is, and changes nothing."""
    store = EvidenceStore(nobody, "", _location(server, "/once/"), Retention())
    batch = Batch("broker", CHAIN, 0)
    await store.keep(batch, b"first\n")
    await store.keep(batch, b"first\n")
    with pytest.raises(StoreError) as raised:
        await store.keep(batch, b"other\n")
    assert raised.value.reason == "Conflict"
    readable = await store.reading()
    assert await readable.get(f"once/broker/{CHAIN}/000000000000.jsonl", 100) == b"first\n"
    await store.close()


async def test_an_object_is_locked(server: Store, nobody: Client) -> None:
    """For as many days as the operator says; nobody deletes it before."""
    store = EvidenceStore(nobody, "", _location(server, "", bucket="locked"), Retention(30, "COMPLIANCE"))
    await store.keep(Batch("broker", CHAIN, 0), b"line\n")
    await store.close()
    key = f"broker/{CHAIN}/000000000000.jsonl"
    kept = server.client.get_object_retention(Bucket="locked", Key=key)["Retention"]
    assert kept["Mode"] == "COMPLIANCE"
    version = server.client.head_object(Bucket="locked", Key=key)
    left = kept["RetainUntilDate"] - version["LastModified"]
    assert timedelta(days=29, hours=23) < left < timedelta(days=30, hours=1)
    with pytest.raises(ClientError):
        server.client.delete_object(Bucket="locked", Key=key, VersionId=version["VersionId"])


async def test_a_lock_needs_a_bucket_that_has_it(server: Store, nobody: Client) -> None:
    """Said with what to do, and not passed over."""
    store = EvidenceStore(nobody, "", _location(server, "unlocked"), Retention(30))
    with pytest.raises(StoreError, match="needs object lock"):
        await store.keep(Batch("broker", CHAIN, 0), b"line\n")
    await store.close()


async def test_what_is_refused_says_why(server: Store, nobody: Client) -> None:
    """Wrong keys, nobody there; no key is in a message."""
    silent = S3Source(f"http://127.0.0.1:{free_port()}", BUCKET, inline_credentials=STEWARD)
    for location, reason in ((_location(server, "", STRANGER), "AccessDenied"), (silent, "StoreUnreachable")):
        store = EvidenceStore(nobody, "", location, Retention())
        with pytest.raises(StoreError) as raised:
            await store.keep(Batch("broker", CHAIN, 0), b"line\n")
        assert raised.value.reason == reason
        assert "secret" not in str(raised.value)
        await store.close()


async def _stored(server: Store, nobody: Client, prefix: str, chain: Chain, parts: int) -> Link:
    """Go on with a chain in the store, a line a batch."""
    store = EvidenceStore(nobody, "", _location(server, prefix), Retention())
    for number in range(parts):
        line = chain.append(granted(number))
        await store.keep(Batch("broker", chain.name, line.sequence), line.write() + b"\n")
    await store.close()
    assert chain.head is not None
    return chain.head


@pytest.mark.parametrize("batches", [1, 2, 7, 40])
async def test_the_last_line_of_a_chain_is_found(server: Store, nobody: Client, batches: int) -> None:
    """Whatever number of batches it has, with lines of other files around it."""
    prefix = f"found-{batches}"
    chain = Chain("broker", chain_name(BEGUN, Random(batches).randbytes(6)), ticking())  # noqa: S311
    chain.begin(())
    head = await _stored(server, nobody, prefix, chain, batches)
    server.put({f"{prefix}/broker/{chain.name}/zzz": b"junk", f"{prefix}/broker/zzz/junk": b"junk"})
    store = EvidenceStore(nobody, "", _location(server, prefix), Retention())
    assert await earlier_heads(await store.reading(), prefix, "broker") == (head,)
    assert await earlier_heads(await store.reading(), prefix, "hub") == ()
    await store.close()


async def test_what_a_later_chain_names_is_not_named_again(server: Store, nobody: Client) -> None:
    """Unless it went on after it was named, as another replica's does."""
    prefix = "named"
    chains = [Chain("broker", chain_name(BEGUN + timedelta(hours=number), bytes(6)), ticking()) for number in range(3)]
    heads: list[Link] = []
    store = EvidenceStore(nobody, "", _location(server, prefix), Retention())
    for number, chain in enumerate(chains):
        before = await earlier_heads(await store.reading(), prefix, "broker")
        assert set(before) == set(heads[-1:])
        line = chain.begin(before)
        await store.keep(Batch("broker", chain.name, 0), line.write() + b"\n")
        heads.append(await _stored(server, nobody, prefix, chain, number + 1))
    on = await _stored(server, nobody, prefix, chains[0], 1)
    assert set(await earlier_heads(await store.reading(), prefix, "broker")) == {heads[2], on}
    await store.close()
