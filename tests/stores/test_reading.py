"""Reading a store: pieces of objects, listings in pages, and what can't be read."""

import pytest

from moorage.errors import StoreError
from moorage.sources.s3 import S3Source
from moorage.stores import Listed, Piece, ReadableStore
from tests.dataset_operator.stores import BUCKET, STEWARD, STRANGER, Store
from tests.ports import free_port


async def test_pieces_of_an_object(server: Store, store: ReadableStore) -> None:
    """From any byte on, at most so many; beyond the end there are none, and no object is no piece."""
    key = "moorage/odd name#2/ü+%.txt"
    server.put({key: b"0123456789"})
    assert await store.piece(key, 0, 4) == Piece(b"0123", 10)
    assert await store.piece(key, 7, 100) == Piece(b"789", 10)
    assert await store.piece(key, 10, 5) == Piece(b"", 10)
    assert await store.piece("moorage/nothing", 0, 5) is None
    assert await store.get(key, 10) == b"0123456789"
    with pytest.raises(StoreError, match="more than 9 bytes"):
        await store.get(key, 9)


@pytest.mark.parametrize("key", ["moorage/../secret", "moorage/./x", ".."])
async def test_no_key_leads_out(store: ReadableStore, key: str) -> None:
    """Segments that a server might resolve are in none of ours."""
    with pytest.raises(StoreError, match="is no key"):
        await store.piece(key, 0, 10)


async def test_listings_of_many_pages(server: Store, store: ReadableStore) -> None:
    """All keys are there once, by name, and folders where they are asked for; too many are an error."""
    keys = [f"moorage/many/{number:04}" for number in range(1203)]
    server.put(dict.fromkeys(keys, b"x"))
    assert await store.list_all("moorage/many/", 5000) == [Listed(key, 1) for key in keys]
    assert await store.list("moorage/many/", 3) == [Listed(key, 1) for key in keys[:3]]
    folders = [each.key for each in await store.list("moorage/", 1000, folders=True)]
    assert "moorage/many/" in folders
    assert not set(keys) & set(folders)
    assert await store.list_all("moorage/none/", 10) == []
    with pytest.raises(StoreError, match="more than 1,100 objects"):
        await store.list_all("moorage/many/", 1100)


async def test_what_is_refused_says_why(server: Store) -> None:
    """Wrong keys, no bucket, nobody there: each has a reason of its own, and no key is in a message."""
    wrong = ReadableStore("eu-1", S3Source(server.endpoint, BUCKET), STRANGER)
    absent = ReadableStore("eu-1", S3Source(server.endpoint, "absent"), STEWARD)
    silent = ReadableStore("eu-1", S3Source(f"http://127.0.0.1:{free_port()}", BUCKET), STEWARD)
    for opened, reason in ((wrong, "AccessDenied"), (absent, "BucketNotFound"), (silent, "StoreUnreachable")):
        with pytest.raises(StoreError) as raised:
            await opened.list("moorage/", 10)
        assert raised.value.reason == reason
        assert "secret" not in str(raised.value)
        await opened.close()
