"""The init process of a node: makes its file system view, keeps its programs running, reaps children.

It runs in new mount, process, network and host name namespaces, alone (`python -I -S node_init.py spec.json`; nothing
but the standard library). When it dies, the kernel ends everything in the node and undoes every mount: that is what
makes taking a cluster apart safe. Signals: SIGHUP reads the folder of wanted programs again, SIGTERM ends it all.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_LISTENED = {signal.SIGCHLD, signal.SIGHUP, signal.SIGTERM}
_IDLE_SECONDS = 3600.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 10.0
_STEADY_SECONDS = 30.0


def see_own_files(spec: dict[str, Any]) -> None:
    """Give the node its own /var, /run and /proc; what its pods mount stays inside."""
    _mount("--make-rslave", "/")
    var = Path(spec["var"])
    for folder in ("lib/kubelet", "lib/containerd", "lib/cni", "log", "tmp", "cache"):
        (var / folder).mkdir(parents=True, exist_ok=True)
    (var / "tmp").chmod(0o1777)
    for kept in spec["keep"]:
        # Programs and configuration that lie under the host's /var must stay where their paths say.
        target = var / Path(kept).relative_to("/var")
        target.mkdir(parents=True, exist_ok=True)
        _mount("--bind", kept, str(target))
    _mount("--rbind", str(var), "/var")
    _mount("-t", "tmpfs", "-o", "mode=755", "moorage", "/run")
    if not (var / "run").exists():
        (var / "run").symlink_to("/run")
    _mount("-t", "proc", "-o", "nosuid,nodev,noexec", "proc", "/proc")
    # The kubelet insists on these values of the host's kernel; the host's owner did not ask for them. So it sees files.
    for number, (setting, value) in enumerate(spec["kernel_settings"].items()):
        shown = Path("/run") / f"kernel-setting-{number}"
        shown.write_text(f"{value}\n")
        if (real := Path("/proc/sys") / setting).exists():
            _mount("--bind", str(shown), str(real))
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    # Shared, so that a privileged pod's mounts reach the kubelet and other pods.
    _mount("--make-rshared", "/")


@dataclass
class Program:
    """One program that is kept running."""

    argv: list[str]
    env: dict[str, str]
    log: str
    pid: int | None = None
    started: float = 0.0
    not_before: float = 0.0
    pause_seconds: float = _FIRST_PAUSE_SECONDS
    wanted: bool = True

    def start(self) -> None:
        """Start it with the signals unblocked that this process blocks."""
        output = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        self.started = time.monotonic()
        try:
            self.pid = os.posix_spawn(
                self.argv[0],
                self.argv,
                self.env,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, output, 1),
                    (os.POSIX_SPAWN_DUP2, output, 2),
                ],
                setsigmask=[],
                setsid=True,
            )
        except OSError as error:
            os.write(output, f"can't execute {self.argv[0]}: {error}\n".encode())
            self.ended()
        finally:
            os.close(output)

    def ended(self) -> None:
        """Note that it has ended: wait longer each time, unless it had run steadily."""
        steady = time.monotonic() - self.started > _STEADY_SECONDS
        self.pause_seconds = _FIRST_PAUSE_SECONDS if steady else min(self.pause_seconds * 2, _LONGEST_PAUSE_SECONDS)
        self.not_before = time.monotonic() + self.pause_seconds
        self.pid = None


@dataclass
class Supervisor:
    """A supervisor that keeps the programs of a folder running."""

    folder: Path
    programs: dict[str, Program] = field(default_factory=dict)

    def read(self) -> None:
        """Read the folder again: new programs are wanted, missing ones are ended."""
        wanted = {}
        for path in sorted(self.folder.glob("*.json")):
            with contextlib.suppress(OSError, ValueError):
                wanted[path.stem] = json.loads(path.read_text())
        for name, program in self.programs.items():
            program.wanted = name in wanted
            if not program.wanted and program.pid:
                os.kill(program.pid, signal.SIGTERM)
        for name, spec in wanted.items():
            if name not in self.programs:
                self.programs[name] = Program(**spec)
            self.programs[name].not_before = 0.0

    def start_due(self) -> float:
        """Start what is wanted and due; returns the seconds until something else is."""
        due = _IDLE_SECONDS
        for program in self.programs.values():
            if program.wanted and program.pid is None and program.not_before <= time.monotonic():
                program.start()
            # Also when it could not even be started.
            if program.wanted and program.pid is None:
                due = min(due, program.not_before - time.monotonic())
        return max(due, 0.0)

    def bury(self) -> None:
        """Take note of every process that ended; orphans of the whole node end up here."""
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for program in self.programs.values():
                if program.pid == pid:
                    program.ended()


def main() -> None:
    """Run until SIGTERM."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _LISTENED)
    spec = json.loads(Path(sys.argv[1]).read_text())
    # Still the host's /proc: the number and start time that the host knows us by.
    pid = int(Path("/proc/self").readlink().name)
    stat = Path("/proc/self/stat").read_text()
    ticks = int(stat[stat.rindex(")") + 2 :].split()[19])
    socket.sethostname(spec["hostname"])
    see_own_files(spec)
    supervisor = Supervisor(Path(spec["wanted"]))
    ready = Path(spec["pid_file"])
    half = ready.with_suffix(".half")
    half.write_text(json.dumps({"pid": pid, "started_ticks": ticks}))
    half.rename(ready)
    supervisor.read()
    while True:
        received = signal.sigtimedwait(_LISTENED, supervisor.start_due() + 0.01)
        if received is not None and received.si_signo == signal.SIGTERM:
            return
        if received is not None and received.si_signo == signal.SIGHUP:
            supervisor.read()
        supervisor.bury()


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


if __name__ == "__main__":
    main()
