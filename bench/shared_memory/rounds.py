"""Runs the rounds, and makes rows of what they say."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import environments
from bench.operator_listing import running_store
from bench.rows import Row
from moorage.errors import DevClusterError

ROOT = Path(__file__).parents[2]
INSIDE = Path(__file__).with_name("inside.py")
SIZES_MIB = (1, 64, 1024, 4096)
ROUNDS = 5
_ROW_BYTES = 32
_SPARE_MIB = 1024
_TAKES = {"ours": 1.25, "blocks": 1.25, "vineyard": 1.25, "pickle": 2.25, "parquet": 5}
"""How often a way has the bytes of a large table in memory at once: what is shared, what it makes, a fourth to put."""
_VINEYARD_SECONDS = 30.0
WORDS = {
    "ours": "moorage.memory",
    "pickle": "pickle in /dev/shm",
    "blocks": "multiprocessing.shared_memory",
    "vineyard": "vineyard",
    "parquet": "Parquet through an S3 server here",
}


@dataclass(frozen=True, slots=True)
class Way:
    """One way of sharing memory.

    Attributes:
        name: as `inside` knows it.
        python: the interpreter.
        place: where it puts.
    """

    name: str
    python: Path
    place: str


def measure(sizes_mib: tuple[int, ...] = SIZES_MIB, rounds: int = ROUNDS) -> Iterator[Row]:
    """Put in one process, get and read in another, by each way in turn.

    Raises:
        DevClusterError: a server does not start.
    """
    peer = environments.made("vineyard", sources=("lazy-import",))
    with ExitStack() as stack:
        shared = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="moorage-bench-", dir="/dev/shm")))
        disk = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="moorage-bench-")))
        endpoint, _ = stack.enter_context(running_store(disk))
        own = Path(sys.executable)
        ways = [Way(name, own, str(shared)) for name in ("ours", "pickle", "blocks")] + [Way("parquet", own, endpoint)]
        if peer.python is not None:
            stack.enter_context(_vineyardd(peer.python, shared, max(sizes_mib) + 512))
            ways.append(Way("vineyard", peer.python, str(shared)))
        else:
            yield Row("shared memory: vineyard", "**not measured**", peer.trouble)
        for size_mib in sizes_mib:
            taken: dict[str, list[float]] = {}
            there_mib = available_mib()
            fit = [way for way in ways if fits(way.name, size_mib, there_mib)]
            if left := [WORDS[way.name] for way in ways if way not in fit]:
                why = f"{there_mib:,} MiB are available"
                yield Row(f"put, get and read {size_mib} MiB", "**not measured**", f"{', '.join(left)}: {why}")
            for _ in range(rounds):
                for way in fit:
                    taken.setdefault(way.name, []).append(_once(way, size_mib))
            if "ours" in taken:
                yield from rows(size_mib, {name: statistics.median(each) for name, each in taken.items()})


def available_mib() -> int:
    """The memory that the kernel could give now, or what `MOORAGE_BENCH_MIB` says where others work beside us."""
    if said := os.environ.get("MOORAGE_BENCH_MIB"):
        return int(said)
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) >> 10 for line in lines if line.startswith("MemAvailable:"))


def fits(way: str, size_mib: int, there_mib: int) -> bool:
    """Return whether a way can be measured with so much memory."""
    return _TAKES[way] * size_mib + (_SPARE_MIB if size_mib >= _SPARE_MIB else 0) <= there_mib


def rows(size_mib: int, seconds: Mapping[str, float]) -> Iterator[Row]:
    """Make the rows of one size: ours beside each of the others."""
    ours = seconds["ours"]
    for name, words in WORDS.items():
        if name == "ours" or name not in seconds:
            continue
        ratio = seconds[name] / ours
        aim, met = "", None
        if name == "vineyard":
            aim, met = "faster at every size", ratio > 1
        elif name == "parquet" and size_mib >= 64:  # noqa: PLR2004 - as the aim says
            aim, met = "8x from 64 MiB on", ratio >= 8  # noqa: PLR2004
        beside = f"{words}: {1000 * seconds[name]:.1f} ms ({ratio:.2f}x)"
        yield Row(f"put, get and read {size_mib} MiB", f"{1000 * ours:.1f} ms", beside, aim, met)


def _once(way: Way, size_mib: int) -> float:
    count = size_mib * 1024 * 1024 // _ROW_BYTES
    put, got = _run(way, "put", count), _run(way, "get", count)
    if way.name == "vineyard":
        _run(way, "free", count)
    else:
        (Path("/dev/shm") / f"bench-{Path(way.place).name}").unlink(missing_ok=True)  # noqa: S108
        for name in ("table", "table.pickle"):
            (Path(way.place) / name).unlink(missing_ok=True)
    return float(put["seconds"]) + float(got["seconds"])


def _run(way: Way, step: str, count: int) -> Mapping[str, float]:
    command = [str(way.python), str(INSIDE), way.name, step, way.place, str(count)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise DevClusterError(f"{WORDS[way.name]}: {step} failed: {said}")
    told: Mapping[str, float] = json.loads(done.stdout)
    return told


@contextmanager
def _vineyardd(python: Path, folder: Path, size_mib: int) -> Iterator[None]:
    """Provide the daemon of vineyard, with so much memory."""
    program = next(python.parents[1].glob("lib/*/site-packages/vineyard/bdist/vineyardd"))
    socket = f"{folder}/vineyard.sock"
    command = [str(program), "--meta", "local", "--socket", socket, "--size", f"{size_mib}Mi", "--rpc=false"]
    with (folder / "vineyardd.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as daemon:
        try:
            end = time.monotonic() + _VINEYARD_SECONDS
            while not (folder / "vineyard.sock").exists():
                if time.monotonic() > end or daemon.poll() is not None:
                    raise DevClusterError("vineyardd does not start")
                time.sleep(0.1)
            yield
        finally:
            daemon.kill()
