"""The cache's folder: what is there is whole, and what a kill or a power cut leaves is told from it."""

import json
import os
from pathlib import Path

import pytest

from moorage.locality.filling import HORIZON_SECONDS
from moorage.model import DatasetRef
from node_plugin.caching.holding import Holding, VersionKey, key_of_folder
from node_plugin.caching.store import Store, claim
from node_plugin.caching.usage import MOST_READS, Usage

CLAIMS = DatasetRef("steward", "claims")
KEY = VersionKey(CLAIMS, "a" * 64)
NEXT = VersionKey(CLAIMS, "b" * 64)


def fill(store: Store, key: VersionKey, body: bytes = b"data") -> None:
    """As a filler does."""
    objects = store.begin(key, len(body), 1, None) / "objects"
    objects.mkdir(exist_ok=True)
    (objects / "file").write_bytes(body)


def held(store: Store) -> dict[VersionKey, tuple[bool, int]]:
    """Whether each version is whole, and its bytes."""
    return {each.key: (each.whole, each.size_bytes) for each in store}


def test_what_was_published_is_read_back(tmp_path: Path) -> None:
    """Size and times too: when it became whole, and when it was used last."""
    store = Store(tmp_path / "cache")
    fill(store, KEY)
    assert held(store) == {KEY: (False, 0)}
    store.publish(KEY, 4, 1)
    os.utime(store.folder(KEY) / "summary.json", (900, 900))
    os.utime(store.folder(KEY), (1000, 1000))
    again = Store(tmp_path / "cache")
    assert list(again) == [
        Holding(key=KEY, size_bytes=4, disk_bytes=4 + 4096, whole=True, last_used=1000, filled_at=900)
    ]
    assert (again.objects(KEY) / "file").read_bytes() == b"data"
    again.touch(KEY)
    assert next(iter(Store(tmp_path / "cache"))).last_used > 1000


def test_a_folder_has_one_node_plugin(tmp_path: Path) -> None:
    """A second one does without a cache, until the first has ended, however it did."""
    first = claim(tmp_path / "cache")
    with pytest.raises(BlockingIOError):
        claim(tmp_path / "cache")
    os.close(first)
    os.close(claim(tmp_path / "cache"))


def test_the_folders_are_for_nobody_else(tmp_path: Path) -> None:
    """Also those that were there before, whatever their mode."""
    (tmp_path / "cache" / "whole").mkdir(parents=True, mode=0o755)
    Store(tmp_path / "cache")
    assert {oct(path.stat().st_mode & 0o777) for path in (tmp_path / "cache").iterdir() if path.is_dir()} == {"0o700"}


def test_a_fill_that_was_interrupted_is_there_and_not_whole(tmp_path: Path) -> None:
    """A new node plugin sees how much of it there is."""
    fill(Store(tmp_path), KEY)
    assert held(Store(tmp_path)) == {KEY: (False, 4)}


def test_after_a_reboot_no_unfinished_fill_is_believed(tmp_path: Path) -> None:
    """What of it came as far as the disk nobody knows; what was published did."""
    store = Store(tmp_path)
    fill(store, KEY)
    store.publish(KEY, 4, 1)
    fill(store, NEXT)
    (tmp_path / "boot").write_text("another boot\n")
    assert held(Store(tmp_path)) == {KEY: (True, 4)}


@pytest.mark.parametrize("summary", [None, b"", b"[]", b'{"bytes": -1}', b"x" * 10_000])
def test_a_folder_that_can_not_be_read_is_no_copy(tmp_path: Path, summary: bytes | None) -> None:
    """It is thrown away, as are names that are none of ours; nothing else is."""
    store = Store(tmp_path)
    for key in (KEY, NEXT):
        fill(store, key)
        store.publish(key, 4, 1)
    path = store.folder(KEY) / "summary.json"
    path.unlink()
    if summary is not None:
        path.write_bytes(summary)
    (tmp_path / "whole" / "lost+found").mkdir()
    again = Store(tmp_path)
    assert held(again) == {NEXT: (True, 4)}
    again.empty_trash()
    assert [path.name for path in (tmp_path / "whole").iterdir()] == [NEXT.folder]
    assert list((tmp_path / "trash").iterdir()) == []


def test_what_is_dropped_is_gone_at_once(tmp_path: Path) -> None:
    """Its room comes free when the trash is emptied, which a restart may do."""
    store = Store(tmp_path)
    fill(store, KEY)
    store.publish(KEY, 4, 1)
    store.drop(KEY)
    assert list(store) == []
    assert not store.objects(KEY).exists()
    assert held(Store(tmp_path)) == {}
    Store(tmp_path).empty_trash()
    assert list((tmp_path / "trash").iterdir()) == []


def test_the_trash_follows_no_link(tmp_path: Path) -> None:
    """A filler is not believed: what it left may point anywhere."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("stays")
    store = Store(tmp_path / "cache")
    (store.begin(KEY, 4, 1, None) / "objects").symlink_to(tmp_path / "outside")
    store.drop(KEY)
    store.empty_trash()
    assert (tmp_path / "outside" / "file").read_text() == "stays"


def test_progress_never_makes_a_copy_whole(tmp_path: Path) -> None:
    """Only publishing does."""
    store = Store(tmp_path)
    fill(store, KEY)
    store.progress(KEY, 4)
    assert held(store) == {KEY: (False, 4)}
    assert not store.is_whole(KEY)
    store.publish(KEY, 4, 1)
    store.progress(KEY, 2)
    assert held(store) == {KEY: (True, 4)}


@pytest.mark.parametrize(
    "name", ["", "a", "a_b", f"a_b_{'x' * 64}", f"a_b_c_{'0' * 64}", f".._b_{'0' * 64}", f"A_b_{'0' * 64}"]
)
def test_names_that_are_none_of_ours(name: str) -> None:
    """They hold no version."""
    assert key_of_folder(name) is None


def test_a_folders_name_reads_back() -> None:
    """For names of the longest kind."""
    key = VersionKey(DatasetRef("n" * 63, "d-1" * 21), "0" * 64)
    assert key_of_folder(key.folder) == key
    assert len(key.folder) < 255


def test_reads_are_counted_for_a_day(tmp_path: Path) -> None:
    """Across restarts, each dataset for itself."""
    now = [1e9]
    usage = Usage(tmp_path / "usage.json", lambda: now[0])
    usage.record(CLAIMS)
    now[0] += HORIZON_SECONDS / 2
    usage.record(CLAIMS)
    usage.record(DatasetRef("steward", "other"))
    again = Usage(tmp_path / "usage.json", lambda: now[0])
    assert (again.seen(CLAIMS), again.seen(DatasetRef("steward", "other"))) == (2, 1)
    now[0] += HORIZON_SECONDS / 2 + 1
    assert again.seen(CLAIMS) == 1
    now[0] += HORIZON_SECONDS
    again.record(DatasetRef("steward", "other"))
    assert list(json.loads((tmp_path / "usage.json").read_text())) == ["steward/other"]


@pytest.mark.parametrize("text", ["", "[]", '{"a": [1]}', '{"a/b": 1}', '{"a/b": ["x"]}', "{" * 9])
def test_a_record_of_reads_that_can_not_be_read_is_forgotten(tmp_path: Path, text: str) -> None:
    """And written anew with the next read."""
    (tmp_path / "usage.json").write_text(text)
    usage = Usage(tmp_path / "usage.json", lambda: 1e9)
    assert usage.seen(DatasetRef("a", "b")) == 0
    usage.record(CLAIMS)
    assert Usage(tmp_path / "usage.json", lambda: 1e9).seen(CLAIMS) == 1


def test_reads_of_a_dataset_are_bounded(tmp_path: Path) -> None:
    """A Job of ten thousand pods makes the file no larger."""
    usage = Usage(tmp_path / "usage.json", lambda: 1e9)
    for _ in range(MOST_READS + 10):
        usage.record(CLAIMS)
    assert usage.seen(CLAIMS) == MOST_READS
