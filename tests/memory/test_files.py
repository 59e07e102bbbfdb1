"""What holds for objects in files alone: which files there are, what a full file system says, who may write."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from moorage.errors import InputError
from moorage.memory import MemoryStore, default_place
from moorage.memory.layout import MemoryObjectError

ROOT = Path(__file__).parents[2]
HALF_WRITTEN = """
import os, sys
from moorage.memory.files import FileSpace
from pathlib import Path

class Slow:
    size_bytes = 2
    def write(self, descriptor):
        os.write(descriptor, b"x")
        print("half", flush=True)
        sys.stdin.read()

FileSpace(Path(sys.argv[1])).write("slow", Slow())
"""


def test_what_a_killed_writer_left_goes(tmp_path: Path) -> None:
    """When a store is opened; nobody ever saw it."""
    with subprocess.Popen(
        [sys.executable, "-c", HALF_WRITTEN, str(tmp_path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    assert len(list(tmp_path.iterdir())) == 1
    for path in tmp_path.iterdir():
        os.utime(path, (1, 1))
    assert MemoryStore(tmp_path).names() == []
    assert list(tmp_path.iterdir()) == []


class Slow:
    """An object that takes its time to be written."""

    size_bytes = 1

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()

    def write(self, descriptor: int) -> None:
        """Write a byte, and wait."""
        os.write(descriptor, b"x")
        self.begun.set()
        self.go_on.wait(60)

    def write_into(self, target: memoryview) -> None:
        """Files are written."""
        raise AssertionError(target)


def test_who_still_writes_is_left_alone(tmp_path: Path) -> None:
    """However long it takes."""
    store, slow = MemoryStore(tmp_path), Slow()
    thread = threading.Thread(target=store._space.write, args=("slow", slow))  # noqa: SLF001 - so slow is no put
    thread.start()
    assert slow.begun.wait(60)
    for path in tmp_path.iterdir():
        os.utime(path, (1, 1))
    MemoryStore(tmp_path)
    slow.go_on.set()
    thread.join()
    assert store.names() == ["slow"]


@pytest.mark.parametrize("name", ["train/features#2", "..", ".", ".hidden", "%2F"])
def test_no_name_leads_out_of_the_directory(tmp_path: Path, name: str) -> None:
    """Nor hides in it."""
    MemoryStore(tmp_path / "inner").put(name, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["inner"]
    assert len([path for path in (tmp_path / "inner").iterdir() if not path.name.startswith(".")]) == 1


def test_a_directory_that_can_not_be_used(tmp_path: Path) -> None:
    """It says what to name."""
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="name a directory that this user may write to"):
        MemoryStore(tmp_path / "file")


def test_there_is_a_directory_of_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless something else is said."""
    monkeypatch.delenv("MOORAGE_MEMORY", raising=False)
    assert Path(default_place()).name == f"moorage-{os.getuid()}"


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


def test_any_arrow_program_reads_a_table(tmp_path: Path) -> None:
    """It is an IPC file; and one that somebody else wrote is got as a table."""
    store, table = MemoryStore(tmp_path), pa.table({"a": [1, 2]})
    store.put("claims", table)
    with pa.memory_map(str(tmp_path / "claims")) as file:
        assert pa.ipc.open_file(file).read_all().equals(table)
    with pa.OSFile(str(tmp_path / "other"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    assert store.get("other").equals(table)


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
