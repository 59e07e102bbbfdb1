"""Objects are whole or not there, whoever is killed; what a killed writer left goes; a full memory is an error."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from moorage import memory
from moorage.errors import InputError
from moorage.memory import MemoryStore, default_directory
from moorage.memory.layout import MemoryObjectError

ROOT = Path(__file__).parents[2]
WRITE_FOR_EVER = """
import sys, numpy
from moorage.memory import MemoryStore
store, number = MemoryStore(sys.argv[1]), 0
while True:
    store.put("shared", numpy.full(500_000, number))
    print(number, flush=True)
    number += 1
"""


def writer(directory: Path) -> subprocess.Popen[str]:
    """A process that puts one object after the other under one name."""
    return subprocess.Popen(
        [sys.executable, "-c", WRITE_FOR_EVER, str(directory)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def test_a_reader_never_sees_half_an_object(tmp_path: Path) -> None:
    """While two writers replace it, and one after the other is killed; nothing is left of them."""
    store = MemoryStore(tmp_path)
    store.put("shared", np.full(500_000, 0))
    for _ in range(3):
        with writer(tmp_path) as first, writer(tmp_path) as second:
            assert first.stdout is not None
            assert second.stdout is not None
            first.stdout.readline()
            second.stdout.readline()
            for _ in range(50):
                found = store.get("shared")
                assert (found == found[0]).all()
            first.send_signal(signal.SIGKILL)
            second.send_signal(signal.SIGKILL)
            first.wait()
            second.wait()
        found = store.get("shared")
        assert (found == found[0]).all()
    for path in tmp_path.iterdir():
        os.utime(path, (1, 1))
    MemoryStore(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["shared"]


def test_who_still_writes_is_left_alone(tmp_path: Path) -> None:
    """However long it takes."""
    store = MemoryStore(tmp_path)
    begun, go_on = threading.Event(), threading.Event()

    def slowly(descriptor: int) -> None:
        os.write(descriptor, b"x")
        begun.set()
        go_on.wait(60)

    thread = threading.Thread(target=store._space.write, args=("slow", slowly))  # noqa: SLF001 - so slow is no put
    thread.start()
    assert begun.wait(60)
    for path in tmp_path.iterdir():
        os.utime(path, (1, 1))
    MemoryStore(tmp_path)
    go_on.set()
    thread.join()
    assert store.names() == ["slow"]


def test_what_is_replaced_or_deleted_lives_on_for_those_who_have_it(tmp_path: Path) -> None:
    """Its bytes go with the last of them."""
    store = MemoryStore(tmp_path)
    store.put("a", np.arange(1000))
    held = store.get("a")
    store.put("a", np.zeros(10))
    assert store.delete("a")
    assert not store.delete("a")
    assert held[999] == 999
    assert store.names() == []


@pytest.mark.parametrize("name", ["a", "train/features#2", "..", ".", "ü", "a b", ".hidden", "x" * 200, "%2F"])
def test_names(tmp_path: Path, name: str) -> None:
    """Any text is a name, and none leads out of the directory."""
    store = MemoryStore(tmp_path / "inner")
    store.put(name, 1)
    assert (store.names(), store.get(name)) == ([name], 1)
    assert [path.name for path in tmp_path.iterdir()] == ["inner"]


@pytest.mark.parametrize("name", ["", "x" * 201, "ü" * 40])
def test_names_that_are_none(tmp_path: Path, name: str) -> None:
    """It is said what one may be."""
    with pytest.raises(MemoryObjectError, match="a name has 1 to 200 bytes"):
        MemoryStore(tmp_path).put(name, 1)


def test_an_object_that_is_not_there(tmp_path: Path) -> None:
    """It says where it looked."""
    with pytest.raises(MemoryObjectError, match="there is no object 'a' in "):
        MemoryStore(tmp_path).get("a")


def test_a_directory_that_can_not_be_used(tmp_path: Path) -> None:
    """It says what to name."""
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="name a directory that this user may write to"):
        MemoryStore(tmp_path / "file")


@pytest.mark.real
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a file system of a MiB")
def test_a_full_memory_is_an_error_and_readers_are_unharmed(tmp_path: Path) -> None:
    """Nothing is left of what had no room, and what was there under its name stays."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp_path], check=True)
    try:
        store = MemoryStore(tmp_path)
        store.put("a", np.arange(10_000))
        held = store.get("a")
        for value in (np.zeros(1_000_000), {"t": np.zeros(1_000_000)}):
            with pytest.raises(MemoryObjectError, match=r"object 'a' has no room in .* delete objects"):
                store.put("a", value)
        assert [path.name for path in tmp_path.iterdir()] == ["a"]
        assert held[9_999] == store.get("a")[9_999] == 9_999
        del held
    finally:
        subprocess.run(["umount", "-l", tmp_path], check=True)


def test_many_small_objects(tmp_path: Path) -> None:
    """Ten thousand leave nothing when they are deleted."""
    store = MemoryStore(tmp_path)
    for number in range(10_000):
        store.put(f"o{number}", number)
    assert len(store.names()) == 10_000
    for name in store.names():
        store.delete(name)
    assert list(tmp_path.iterdir()) == []


def test_the_module_uses_the_directory_that_the_pod_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And one of the user's own otherwise; the async variants too."""
    assert default_directory().name == f"moorage-{os.getuid()}"
    monkeypatch.setenv("MOORAGE_MEMORY", str(tmp_path))
    memory._default.cache_clear()  # noqa: SLF001 - the variable changed
    try:
        memory.put("a", [1])
        asyncio.run(memory.aput("b", 2))
        assert (asyncio.run(memory.aget("a")), memory.get("b")) == ([1], 2)
        assert memory.list_names() == ["a", "b"]
        assert memory.delete("a")
        assert time.time() - (tmp_path / "b").stat().st_mtime < 600
    finally:
        memory._default.cache_clear()  # noqa: SLF001


def test_a_value_may_be_changed_by_who_asks_for_that(tmp_path: Path) -> None:
    """It is not copied before it is written to, and nobody else sees what is."""
    store = MemoryStore(tmp_path)
    store.put("shared", {"numbers": np.arange(1_000_000)})
    first, second = (store.get("shared", writable=True)["numbers"] for _ in range(2))
    first[:] = 7
    assert second[5] == 5
    assert store.get("shared")["numbers"][5] == 5
    assert first[5] == 7
    assert not store.get("shared")["numbers"].flags.writeable


def test_old_objects_of_a_prefix_go(tmp_path: Path) -> None:
    """Neither young ones nor those of other names, nor what is being written."""
    store = MemoryStore(tmp_path)
    for name in ("a/old", "a/young", "b/old"):
        store.put(name, 1)
    (tmp_path / ".unfinished-x").touch()
    for path in tmp_path.iterdir():
        if "young" not in path.name:
            os.utime(path, (1, 1))
    assert store.delete_older("a/", 3600) == 1
    assert store.names() == ["a/young", "b/old"]
    assert (tmp_path / ".unfinished-x").exists()


def test_a_directory_is_private_as_long_as_nobody_else_may_write(tmp_path: Path) -> None:
    """So that its pickles are this user's own."""
    store = MemoryStore(tmp_path / "own")
    assert store.is_private()
    (tmp_path / "own").chmod(0o770)
    assert not store.is_private()


def test_in_a_directory_of_several_users_all_may_read(tmp_path: Path) -> None:
    """Pods run as many users, and who may have the directory may have all of it; one's own stays one's own."""
    shared, own = tmp_path / "shared", tmp_path / "own"
    shared.mkdir()
    shared.chmod(0o777)
    for directory, mode in ((shared, 0o444), (own, 0o440)):
        MemoryStore(directory).put("a", 1)
        assert (directory / "a").stat().st_mode & 0o777 == mode


ONLY_READ = r"may only read: .*dataset\.N\.access: readWrite"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_who_may_only_read_is_told_so(tmp_path: Path) -> None:
    """With the label that is missing, as a rule."""
    store = MemoryStore(tmp_path)
    store.put("a", 1)
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(MemoryObjectError, match=ONLY_READ):
            store.put("b", 1)
        with pytest.raises(MemoryObjectError, match=ONLY_READ):
            store.delete("a")
        assert store.get("a") == 1
    finally:
        tmp_path.chmod(0o755)
