"""Where the tests' objects lie: by turns in files, and, in the environment that has vineyard, in blobs of a daemon.

`test_on_vineyard.py` runs this folder there, with `MOORAGE_TEST_MEMORY=vineyard`.
"""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from bench import environments
from bench.environments import Environment
from moorage.memory import MemoryStore

IS_VINEYARD = os.environ.get("MOORAGE_TEST_MEMORY") == "vineyard"
_IN_FILES = ["test_files.py", "test_headroom.py", "test_on_torch.py", "test_on_vineyard.py"]
collect_ignore = _IN_FILES if IS_VINEYARD else ["test_vineyard.py"]
collect_ignore += [] if find_spec("polars") else ["test_polars.py"]  # it is where vineyard is
collect_ignore += [] if find_spec("torch") else ["test_torch.py"]  # see test_on_torch.py
SIZE = "256Mi"


@dataclass(frozen=True)
class Raw:
    """Any bytes, as whoever lies would put them."""

    content: bytes

    @property
    def size_bytes(self) -> int:
        """Of them."""
        return len(self.content)

    def write(self, descriptor: int) -> None:
        """Write them to a file."""
        os.write(descriptor, self.content)

    def write_into(self, target: memoryview) -> None:
        """Write them into memory."""
        target[:] = self.content


class Vineyardd:
    """A daemon of the tests' own."""

    def __init__(self, socket: Path, size: str = SIZE) -> None:
        self.socket = socket
        self.size = size
        self.place = f"vineyard://{socket}"
        self._process = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        found = find_spec("vineyard.bdist")
        assert found is not None
        assert found.origin is not None
        program = Path(found.origin).with_name("vineyardd")
        self.socket.unlink(missing_ok=True)
        process = subprocess.Popen(
            [program, "--meta", "local", "--socket", self.socket, "--size", self.size, "--rpc=false"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        end = time.monotonic() + 60
        while not self.socket.exists() or self.socket.stat().st_mode & 0o777 != 0o777:  # its last step
            assert process.poll() is None, "vineyardd has ended"
            assert time.monotonic() < end, "vineyardd does not start"
            time.sleep(0.02)
        return process

    def kill(self) -> None:
        """With SIGKILL."""
        self._process.kill()
        self._process.wait()

    def start(self) -> None:
        """Once more, after it was killed."""
        self._process = self._started()


@contextmanager
def running_vineyardd(size: str = SIZE) -> Iterator[Vineyardd]:
    """A daemon, in a folder whose name leaves room for a socket's."""
    with tempfile.TemporaryDirectory(prefix="moorage-v-") as folder:
        daemon = Vineyardd(Path(folder) / "v.sock", size)
        try:
            yield daemon
        finally:
            daemon.kill()


@pytest.fixture(scope="session")
def vineyard() -> Environment:
    """An environment that has vineyard, whose pins would not go with ours."""
    made = environments.made("vineyard", sources=("lazy-import",))
    if made.python is None:
        pytest.skip(f"there is no vineyard: {made.trouble}")
    return made


@pytest.fixture(scope="session")
def shared_daemon() -> Iterator[Vineyardd]:
    """For all tests that leave nothing in it."""
    with running_vineyardd() as daemon:
        yield daemon


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A place without objects."""
    if not IS_VINEYARD:
        yield str(tmp_path / "objects")
        return
    daemon: Vineyardd = request.getfixturevalue("shared_daemon")
    yield daemon.place
    with MemoryStore(daemon.place) as store:
        for name in store.names():
            store.delete(name)


@pytest.fixture
def store(place: str) -> Iterator[MemoryStore]:
    """A store there."""
    with MemoryStore(place) as opened:
        yield opened


@pytest.fixture
def put_raw(store: MemoryStore) -> Callable[[str, bytes], None]:
    """Put any bytes under a name."""

    def put(name: str, content: bytes) -> None:
        store._space.write(name, Raw(content))  # noqa: SLF001 - whoever lies has ways of their own

    return put
