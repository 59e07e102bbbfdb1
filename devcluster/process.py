"""Plain processes that outlive us: started detached, found again by file, or by a mark in their environment.

A process is known by its number and its start time together, so that a reused number is never taken for it.
"""

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from moorage.errors import DevClusterError

# Every process of a cluster carries this with the cluster's folder as value: it is found even if no file names it.
MARK = "MOORAGE_DEV_CLUSTER"
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Process:
    """One process on this machine.

    Attributes:
        started_ticks: the kernel's start time, clock ticks since boot.
    """

    pid: int
    started_ticks: int

    @property
    def alive(self) -> bool:
        """Whether this very process runs; a zombie does not count."""
        _reap(self.pid)
        return _started_ticks(self.pid) == self.started_ticks

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


def start(  # noqa: PLR0913 - what a process needs to be known
    argv: Sequence[str],
    *,
    mark: str,
    log: Path,
    pid_file: Path,
    env: Mapping[str, str] | None = None,
    path: str | None = None,
) -> Process:
    """Start a detached process with its output in `log`, and write down which one it is.

    Args:
        argv: the first is the executable's path.
        mark: the value of MARK in its environment.
        log: gets its output, appended.
        pid_file: gets its number and start time.
        env: its other variables; it inherits none of ours.
        path: its PATH.

    Raises:
        DevClusterError: it can't be executed.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    pid_file.parent.mkdir(parents=True, exist_ok=True)
    environment = {
        "PATH": path or os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",
        **(env or {}),
        MARK: mark,
    }
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    try:
        pid = os.posix_spawn(
            argv[0],
            list(argv),
            environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, output, 1),
                (os.POSIX_SPAWN_DUP2, output, 2),
            ],
            setsid=True,
        )
    except OSError as error:
        message = f"can't execute {argv[0]}: {error.strerror}"
        raise DevClusterError(message) from error
    finally:
        os.close(output)
    process = Process(pid, _started_ticks(pid) or 0)
    pid_file.write_text(json.dumps({"pid": process.pid, "started_ticks": process.started_ticks}))
    return process


def read(pid_file: Path) -> Process | None:
    """Read the process that a file names, or None where there is no such file, or half of one."""
    try:
        named = json.loads(pid_file.read_text())
        return Process(int(named["pid"]), int(named["started_ticks"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def runs(pid_file: Path) -> bool:
    """Return whether the process that a file names is alive."""
    found = read(pid_file)
    return found is not None and found.alive


def marked(mark: str) -> list[Process]:
    """Return every process whose environment carries the mark, however it came to be."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            environment = (entry / "environ").read_bytes()
        except OSError:
            continue
        if wanted in environment.split(b"\0") and (ticks := _started_ticks(int(entry.name))) is not None:
            found.append(Process(int(entry.name), ticks))
    return found


def stop(processes: Iterable[Process], *, grace_seconds: float, kill_seconds: float = 10) -> list[Process]:
    """Ask to end, then kill; returns those that live even so (stuck in the kernel)."""
    living = [process for process in processes if process.alive]
    for number, seconds in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, kill_seconds)):
        if number is signal.SIGTERM and not grace_seconds:
            continue
        for process in living:
            process.signal(number)
        deadline = time.monotonic() + seconds
        while (living := [process for process in living if process.alive]) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
    return living


def _started_ticks(pid: int) -> int | None:
    """Return field 22 of /proc/PID/stat, or None when the process does not run (any more)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The name may hold spaces and parentheses, so count from the last one.
    fields = stat[stat.rindex(")") + 2 :].split()
    return None if fields[0] in "ZX" and not _has_threads(pid) else int(fields[19])


def _has_threads(pid: int) -> bool:
    """Return whether threads outlive the main thread: the process looks dead, but still holds ports and files."""
    try:
        return len(list(Path(f"/proc/{pid}/task").iterdir())) > 1
    except OSError:
        return False


def _reap(pid: int) -> None:
    """Reap the process if it is our child and has ended."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
