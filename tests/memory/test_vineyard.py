"""What holds for objects in a vineyard daemon alone: who is killed, what is freed when, and whose names are read."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moorage.errors import InputError
from moorage.memory import MemoryStore
from moorage.memory.layout import MemoryObjectError
from tests.memory.conftest import Vineyardd, running_vineyardd

ROOT = Path(__file__).parents[2]
MIB = 1 << 20
FILL_FOR_EVER = """
import sys
from moorage.memory import MemoryStore

class Slow:
    size_bytes = int(sys.argv[2])
    def write_into(self, target):
        target[:1000] = b"x" * 1000
        print("half", flush=True)
        sys.stdin.read()

MemoryStore(sys.argv[1])._space.write("slow", Slow())
"""


@pytest.fixture
def daemon() -> Iterator[Vineyardd]:
    """Of this test alone, with 64 MiB."""
    with running_vineyardd("64Mi") as running:
        yield running


def taken_bytes(daemon: Vineyardd) -> int:
    """How much of the daemon's memory is taken, as it says itself."""
    client: Any = import_module("vineyard").connect(str(daemon.socket))
    used: int = client.status.memory_usage
    return used


def sweep(store: MemoryStore) -> None:
    """As a process does when it connects, or memory is needed."""
    space: Any = store._space  # noqa: SLF001
    space._daemon.run(space._sweep)  # noqa: SLF001


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        ("vineyard:///nowhere/v.sock", "no daemon answers there .*: start one, as by `python -m vineyard --meta local"),
        ("vineyard:///" + "x" * 200, "no daemon answers there"),
        ("vineyard://host/v.sock", r"write vineyard:///run/vineyard\.sock"),
        ("vineyard://", r"write vineyard:///run/vineyard\.sock"),
    ],
)
def test_a_place_that_is_none(place: str, problem: str) -> None:
    """It says what to start, or to write."""
    with pytest.raises(InputError, match=problem) as caught:
        MemoryStore(place)
    assert place in str(caught.value)


def test_a_full_memory_is_an_error_and_readers_are_unharmed(daemon: Vineyardd) -> None:
    """What was there under the name stays, and nothing of what had no room."""
    store = MemoryStore(daemon.place)
    store.put("a", np.arange(10_000))
    held, before = store.get("a"), taken_bytes(daemon)
    for value in (np.zeros(10_000_000), {"t": np.zeros(10_000_000)}):
        with pytest.raises(
            MemoryObjectError, match=r"object 'a' has no room in vineyard:.* are taken\): delete objects"
        ):
            store.put("a", value)
    assert taken_bytes(daemon) == before
    assert held[9_999] == store.get("a")[9_999] == 9_999


def test_what_readers_hold_is_freed_when_they_let_go_and_no_sooner(daemon: Vineyardd) -> None:
    """However much memory is needed. vineyard itself would give it to the next who asks."""
    store = MemoryStore(daemon.place)
    store.put("a", np.full(30 * MIB, 1, dtype=np.uint8))
    held = store.get("a")
    part = held[5:10]
    assert store.delete("a")
    with pytest.raises(MemoryObjectError, match="has no room"):
        store.put("b", np.full(40 * MIB, 2, dtype=np.uint8))
    store.put("b", np.full(20 * MIB, 2, dtype=np.uint8))
    assert (held == 1).all()
    del held
    with pytest.raises(MemoryObjectError, match="has no room"):  # a part of it is held
        store.put("c", np.full(40 * MIB, 3, dtype=np.uint8))
    assert (part == 1).all()
    del part
    store.put("c", np.full(40 * MIB, 3, dtype=np.uint8))
    assert store.names() == ["b", "c"]
    assert taken_bytes(daemon) < 61 * MIB


def test_what_nobody_holds_is_freed_at_once(daemon: Vineyardd) -> None:
    """When it is replaced, and when it is deleted."""
    store = MemoryStore(daemon.place)
    for _ in range(20):
        store.put("a", np.zeros(MIB, dtype=np.uint8))
        assert store.get("a").nbytes == MIB
    assert taken_bytes(daemon) < 2 * MIB
    store.delete("a")
    assert taken_bytes(daemon) == 0


def test_what_a_killed_writer_left_is_freed_when_memory_is_needed(daemon: Vineyardd) -> None:
    """And nothing of it before that: it may still write."""
    store = MemoryStore(daemon.place)
    command = [sys.executable, "-W", "ignore", "-c", FILL_FOR_EVER, daemon.place, str(40 * MIB)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        with pytest.raises(MemoryObjectError, match="has no room"):
            store.put("a", np.zeros(40 * MIB, dtype=np.uint8))
        assert taken_bytes(daemon) == 40 * MIB
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    assert store.names() == []
    store.put("a", np.zeros(40 * MIB, dtype=np.uint8))
    assert store.names() == ["a"]


class KilledAt:
    """A client in whose process SIGKILL comes at a certain step."""

    def __init__(self, client: object, step: int) -> None:
        self._client, self._left = client, step

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - vineyard's client
        self._left -= 1
        if self._left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return getattr(self._client, name)


def test_a_writer_that_is_killed_at_any_step(daemon: Vineyardd) -> None:
    """Leaves the old object or the new one, whole, and memory is taken by nothing else.

    But for one step: between the daemon's giving of memory and the record of that, nobody knows what to give back.
    """
    store = MemoryStore(daemon.place)
    space: Any = store._space  # noqa: SLF001
    old, new = np.full(MIB, 1, dtype=np.uint8), np.full(MIB, 2, dtype=np.uint8)
    store.put("a", old)
    whole, seen, lost, code = taken_bytes(daemon), set(), 0, -1
    for step in range(100):
        store.put("a", old)
        child = os.fork()
        if child == 0:
            space._daemon._connected()  # noqa: SLF001
            space._daemon._client = KilledAt(space._daemon._client, step)  # noqa: SLF001
            store.put("a", new)
            os._exit(0)
        code = os.waitpid(child, 0)[1]
        found = store.get("a")
        assert (found == found[0]).all()
        seen.add(int(found[0]))
        del found
        sweep(store)
        now = taken_bytes(daemon)
        assert now - whole < 2 * MIB
        lost += now > whole
        whole = now
        if code == 0:
            break
    assert code == 0
    assert step > 8
    assert seen == {1, 2}
    assert lost <= 1
    store.delete("a")
    assert taken_bytes(daemon) <= 2 * MIB


def test_a_killed_daemon(daemon: Vineyardd) -> None:
    """What is held stays readable; the rest is an error that says what to do; a new one is used without more ado."""
    store = MemoryStore(daemon.place)
    store.put("a", np.arange(1000))
    held = store.get("a")
    daemon.kill()
    for ask in (lambda: store.get("a"), lambda: store.put("b", 1), store.names, lambda: store.delete("a")):
        with pytest.raises(MemoryObjectError, match=r"no daemon answers there .*: start one.*held is gone"):
            ask()
    with pytest.raises(InputError, match="no daemon answers there"):
        MemoryStore(daemon.place)
    daemon.start()
    with pytest.raises(MemoryObjectError, match="there is no object 'a'"):
        store.get("a")
    store.put("a", np.zeros(1000))
    assert (held == np.arange(1000)).all()
    assert MemoryStore(daemon.place).names() == ["a"]


def test_a_program_that_closes_its_own_connection(daemon: Vineyardd) -> None:
    """To the same daemon: vineyard gives all who connect the same one."""
    store = MemoryStore(daemon.place)
    store.put("a", 1)
    import_module("vineyard").connect(str(daemon.socket)).close()
    assert store.get("a") == 1


def test_others_names_and_types_are_not_looked_at(daemon: Vineyardd, tmp_path: Path) -> None:
    """The `get` of vineyard would unpickle them."""
    store, mark = MemoryStore(daemon.place), tmp_path / "was-run"

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (mark,)

    client: Any = import_module("vineyard").connect(str(daemon.socket))
    client.put(Evil(), persist=True, name="theirs")
    client.put(Evil(), persist=True, name="moorage:evil")
    assert store.names() == ["evil"]
    with pytest.raises(MemoryObjectError, match="there is no object 'evil'"):
        store.get("evil", trust=True)
    store.put("evil", 1)
    assert store.get("evil") == 1
    assert store.delete("evil")
    assert client.get_name("theirs") is not None
    assert not mark.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"moorage_token": "1"},
        {"moorage_token": "-1", "moorage_blob": "o0000000000000001", "moorage_key": "lie"},
        {"moorage_token": "9" * 30, "moorage_blob": "o0000000000000001", "moorage_key": "lie"},
        {"moorage_token": [1], "moorage_blob": "o0000000000000001", "moorage_key": "lie"},
        {"moorage_token": "1", "moorage_blob": "../../etc", "moorage_key": "lie"},
        {"moorage_token": "1", "moorage_blob": "o0000000000000001", "moorage_key": "lie"},
        {"moorage_token": "1", "moorage_blob": "o0000000000000001", "moorage_key": "x" * 1000},
        {},
    ],
)
def test_records_that_lie(daemon: Vineyardd, fields: dict[str, Any]) -> None:
    """They lead nowhere, and harm no other object."""
    store, vineyard = MemoryStore(daemon.place), import_module("vineyard")
    store.put("mine", np.arange(1000))
    client: Any = vineyard.connect(str(daemon.socket))
    for kind in ("moorage::Object", "moorage::Unfinished"):
        record = vineyard.ObjectMeta()
        record["typename"], record["nbytes"] = kind, 0
        for name, value in fields.items():
            record[name] = value
        made = client.create_metadata(record)
        client.persist(made.id)
        client.put_name(made.id, "moorage:lie")
        with pytest.raises(MemoryObjectError, match="there is no object 'lie'"):
            store.get("lie")
        assert store.delete_older("", 3600) == 0
        sweep(store)
    assert (store.get("mine") == np.arange(1000)).all()


def test_a_socket_is_private_where_nobody_else_reaches_it(daemon: Vineyardd) -> None:
    """All who reach it may put pickles there."""
    store = MemoryStore(daemon.place)
    assert store.is_private()
    daemon.socket.parent.chmod(0o755)
    assert not store.is_private()
    daemon.socket.chmod(0o755)
    assert store.is_private()


def test_whoever_may_use_the_socket_may_lock(daemon: Vineyardd) -> None:
    """And nobody else; where the file of the locks can't be used, it is said."""
    daemon.socket.chmod(0o770)
    MemoryStore(daemon.place)
    locks = Path(f"{daemon.socket}.moorage")
    assert locks.stat().st_mode & 0o777 == 0o660
    locks.unlink()
    locks.mkdir()
    with pytest.raises(InputError, match=r"\.moorage, where readers hold locks, can't be used .*: make it"):
        MemoryStore(daemon.place)
