"""Objects are whole or not there, whoever is killed, and live as long as somebody has them: wherever they lie."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from moorage import memory
from moorage.memory import MemoryStore
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


def writer(place: str) -> subprocess.Popen[str]:
    """A process that puts one object after the other under one name."""
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", WRITE_FOR_EVER, place], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def test_a_reader_never_sees_half_an_object(store: MemoryStore) -> None:
    """While two writers replace it, until they are killed; and all that it got stays what it was."""
    store.put("shared", np.full(500_000, 0))
    held = [store.get("shared")]
    with writer(store.place) as first, writer(store.place) as second:
        assert first.stdout is not None
        assert second.stdout is not None
        first.stdout.readline()
        second.stdout.readline()
        for _ in range(100):
            found = store.get("shared")
            assert (found == found[0]).all()
            held = [*held[-10:], found]
        first.send_signal(signal.SIGKILL)
        second.send_signal(signal.SIGKILL)
        first.wait()
        second.wait()
    assert all((each == each[0]).all() for each in held)
    found = store.get("shared")
    assert (found == found[0]).all()
    assert store.names() == ["shared"]


def test_what_is_replaced_or_deleted_lives_on_for_those_who_have_it(store: MemoryStore) -> None:
    """Its bytes go with the last of them, whatever is put in the meantime."""
    for value in (np.arange(1000), pa.table({"a": np.arange(1000)})):
        store.put("a", value)
        held = store.get("a")
        store.put("a", np.zeros(10))
        assert store.delete("a")
        assert not store.delete("a")
        for number in range(50):
            store.put(f"other {number}", np.zeros(1000))
        assert (np.asarray(held["a"] if isinstance(held, pa.Table) else held) == np.arange(1000)).all()
        assert "a" not in store.names()


@pytest.mark.parametrize(
    "name", ["a", "train/features#2", "..", ".", "ü", "a b", ".hidden", "x" * 200, "%2F", "*", "~1"]
)
def test_names(store: MemoryStore, name: str) -> None:
    """Any text is a name."""
    store.put(name, 1)
    assert (store.names(), store.get(name)) == ([name], 1)
    assert store.delete(name)
    assert store.names() == []


@pytest.mark.parametrize("name", ["", "x" * 201, "ü" * 40])
def test_names_that_are_none(store: MemoryStore, name: str) -> None:
    """It is said what one may be."""
    with pytest.raises(MemoryObjectError, match="a name has 1 to 200 bytes"):
        store.put(name, 1)


def test_an_object_that_is_not_there(store: MemoryStore) -> None:
    """It says where it looked."""
    with pytest.raises(MemoryObjectError, match="there is no object 'a' in "):
        store.get("a")


def test_the_module_uses_the_place_that_the_pod_was_given(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The async variants too."""
    monkeypatch.setenv("MOORAGE_MEMORY", place)
    memory._default.cache_clear()  # noqa: SLF001 - the variable changed
    try:
        memory.put("a", [1])
        asyncio.run(memory.aput("b", 2))
        assert (asyncio.run(memory.aget("a")), memory.get("b")) == ([1], 2)
        assert MemoryStore(place).names() == memory.list_names() == ["a", "b"]
        assert memory.delete("a")
    finally:
        memory._default.cache_clear()  # noqa: SLF001


def test_a_value_may_be_changed_by_who_asks_for_that(store: MemoryStore) -> None:
    """Nobody else sees what is written to it."""
    store.put("shared", {"numbers": np.arange(1_000_000)})
    first, second = (store.get("shared", writable=True)["numbers"] for _ in range(2))
    first[:] = 7
    assert second[5] == 5
    assert store.get("shared")["numbers"][5] == 5
    assert first[5] == 7
    assert not store.get("shared")["numbers"].flags.writeable


def test_objects_of_a_prefix_go_by_their_age(store: MemoryStore) -> None:
    """Those of other names stay, and so do young ones."""
    for name in ("a/1", "a/2", "b/1"):
        store.put(name, 1)
    assert store.delete_older("a/", 3600) == 0
    assert store.delete_older("a/", -3600) == 2
    assert store.names() == ["b/1"]


def test_many_threads_use_one_store(store: MemoryStore) -> None:
    """Each gets what it put, while they replace what all read."""
    wrong: list[object] = []

    def work(number: int) -> None:
        for turn in range(20):
            store.put(f"own {number}", np.full(1000, number))
            store.put("shared", np.full(1000, number))
            own, shared = store.get(f"own {number}"), store.get("shared")
            if not (own == number).all() or not (shared == shared[0]).all():
                wrong.append((number, turn))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(store.names()) == 7


def test_a_forked_child_uses_what_its_parent_opened(store: MemoryStore) -> None:
    """What the child lets go, and its end, change nothing for the parent."""
    store.put("a", np.arange(1000))
    held = store.get("a")
    child = os.fork()
    if child == 0:
        # No more than this in a child of a process that has threads.
        code = 1
        try:
            same = (store.get("a") == held).all()
            del held
            store.put("b", 1)
            store.delete("a")
            code = 0 if same else 2
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    store.put("c", np.zeros(1000))
    assert (held == np.arange(1000)).all()
    assert store.names() == ["b", "c"]
