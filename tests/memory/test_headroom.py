"""A put that a container's memory limit does not hold is an error, and not the end of a process."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from moorage.headroom import Headroom, headroom, is_in_memory

MIB = 1 << 20
V1 = Path("/sys/fs/cgroup/memory")
V2 = Path("/sys/fs/cgroup")

PUT = """
import sys, numpy
from moorage.memory import MemoryStore
store = MemoryStore(sys.argv[1])
store.put("small", numpy.ones(10 << 20, dtype="uint8"))
for number in range(20):
    try:
        store.put(f"more-{number}", numpy.ones(16 << 20, dtype="uint8"))
    except Exception as error:
        print(number, type(error).__name__, error)
        break
print(len(store.get("small")), flush=True)
"""


def group(folder: Path, limit: str, used: int, **stat: int) -> Path:
    """What the kernel shows of a group of version 2."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text("".join(f"{key} {value}\n" for key, value in stat.items()))
    return folder


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Which group the process is in."""
    path = tmp_path / "own"
    path.write_text("0::/\n")
    return path


def test_what_the_kernel_can_drop_is_free(tmp_path: Path, own: Path) -> None:
    """Cached files that nobody maps; not what lies on a tmpfs, which they do not count."""
    group(tmp_path, "1000", 900, inactive_file=300, active_file=50, file_mapped=100, shmem=400)
    assert headroom(tmp_path, own) == Headroom(left_bytes=350, limit_bytes=1000)


def test_the_tightest_group_counts(tmp_path: Path, own: Path) -> None:
    """A pod's limit holds for its containers, too; a group without a limit has none."""
    group(tmp_path, "max", 10_000)
    assert headroom(tmp_path, own) is None
    own.write_text("0::/pod/container\n")
    group(tmp_path / "pod", "1000", 800)
    group(tmp_path / "pod" / "container", "900", 100)
    assert headroom(tmp_path, own) == Headroom(200, 1000)


def test_version_1_is_asked_in_its_own_words(tmp_path: Path, own: Path) -> None:
    """A path that is not seen in the container means the root that is."""
    own.write_text("4:memory:/kubepods/pod1/c1\n0::/system.slice\n")
    folder = tmp_path / "memory"
    folder.mkdir()
    (folder / "memory.limit_in_bytes").write_text("1000\n")
    (folder / "memory.usage_in_bytes").write_text("700\n")
    stat = "inactive_file 1\ntotal_inactive_file 50\ntotal_active_file 40\ntotal_mapped_file 30\n"
    (folder / "memory.stat").write_text(stat)
    assert headroom(tmp_path, own) == Headroom(360, 1000)
    (folder / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert headroom(tmp_path, own) is None


@pytest.mark.parametrize("groups", ["", "0::/\n", "nonsense\n\n:\n", "0::/../other\n"])
def test_what_can_not_be_read_limits_nothing(tmp_path: Path, own: Path, groups: str) -> None:
    """The write then says what the kernel says."""
    own.write_text(groups)
    assert headroom(tmp_path, own) is None
    assert headroom(tmp_path, tmp_path / "absent") is None


def test_the_kernels_bookkeeping_needs_room_too() -> None:
    """A little more than the object."""
    assert Headroom(101 * MIB + 100 * MIB // 128, 200 * MIB).holds(100 * MIB)
    assert not Headroom(101 * MIB, 200 * MIB).holds(100 * MIB)


def test_a_disk_takes_no_memory(tmp_path: Path) -> None:
    """Only what lies on a tmpfs is charged for good."""
    assert is_in_memory(Path("/dev/shm"))
    assert not is_in_memory(Path("/proc"))
    assert not is_in_memory(tmp_path / "absent")


@pytest.fixture
def limited() -> Iterator[Path]:
    """A group with a limit of 96 MiB, of the version that this machine has."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    top, limit = (V1, "memory.limit_in_bytes") if V1.is_dir() else (V2, "memory.max")
    folder = top / f"moorage-test-{uuid.uuid4().hex[:8]}"
    try:
        folder.mkdir()
        (folder / limit).write_text(str(96 * MIB))
    except OSError as error:
        if folder.is_dir():
            folder.rmdir()
        pytest.skip(f"no group can be limited here: {error}")
    yield folder
    folder.rmdir()


def test_a_writer_is_told_and_not_killed(limited: Path) -> None:
    """A real limit, on the kernel's own account; what it put before is still there."""
    directory = Path("/dev/shm") / f"moorage-test-{uuid.uuid4().hex[:8]}"
    enter = f'echo $$ > {limited}/cgroup.procs && exec "$@"'
    try:
        done = subprocess.run(
            ["sh", "-c", enter, "sh", sys.executable, "-c", PUT, str(directory)],
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).parents[2],
        )
    finally:
        for path in directory.iterdir():
            path.unlink()
        directory.rmdir()
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
    told, kept = done.stdout.splitlines()
    assert "MemoryObjectError" in told
    assert "raise resources.limits.memory" in told
    assert kept == str(10 * MIB)
