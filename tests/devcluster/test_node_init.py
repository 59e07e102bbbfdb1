"""The first process of a node: what it keeps running, on this machine's own processes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devcluster import node_init, process
from devcluster.node_init import Program, Supervisor
from tests.polling import PATIENCE_SECONDS


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    """One that watches an empty folder; whatever it started is killed afterwards."""
    (tmp_path / "wanted").mkdir()
    made = Supervisor(tmp_path / "wanted")
    yield made
    for program in made.programs.values():
        if program.pid:
            os.kill(program.pid, signal.SIGKILL)
            os.waitpid(program.pid, 0)


def _want(supervisor: Supervisor, name: str, *argv: str) -> None:
    log = supervisor.folder.parent / f"{name}.log"
    wanted = {"argv": list(argv), "env": {"WORD": "given"}, "log": str(log)}
    (supervisor.folder / f"{name}.json").write_text(json.dumps(wanted))


def _until(condition: Callable[[], object], step: Callable[[], object] = lambda: None) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        step()
        time.sleep(0.01)


def test_wanted_programs_run_with_their_environment(supervisor: Supervisor, tmp_path: Path) -> None:
    """Output goes to the program's log; it gets the variables that were written down, and no others."""
    _want(supervisor, "speaker", "/usr/bin/env")
    supervisor.read()
    supervisor.start_due()
    _until(lambda: "\n" in (tmp_path / "speaker.log").read_text())
    assert (tmp_path / "speaker.log").read_text() == "WORD=given\n"


def test_what_dies_comes_back_later_and_later(supervisor: Supervisor) -> None:
    """A killed program is started again after a pause that grows while it keeps dying."""
    _want(supervisor, "sleeper", "/bin/sleep", "60")
    supervisor.read()
    supervisor.start_due()
    sleeper = supervisor.programs["sleeper"]
    pauses = []
    for _ in range(3):
        first = sleeper.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        _until(lambda: sleeper.pid is None, supervisor.bury)
        pauses.append(sleeper.pause_seconds)
        assert 0 < supervisor.start_due() <= sleeper.pause_seconds
        assert sleeper.pid is None
        sleeper.not_before = 0.0
        supervisor.start_due()
        assert sleeper.pid not in {None, first}
    assert pauses == sorted(set(pauses))


def test_a_steady_program_comes_back_soon() -> None:
    """One that had run for long is not punished for what happened before."""
    program = Program(["/bin/true"], {}, os.devnull, pause_seconds=8.0, started=time.monotonic() - 3600)
    program.ended()
    assert program.pause_seconds < 1.0


def test_unwanted_programs_end(supervisor: Supervisor) -> None:
    """Taking the file away ends the program, and it stays away until the file is back."""
    _want(supervisor, "sleeper", "/bin/sleep", "60")
    supervisor.read()
    supervisor.start_due()
    (supervisor.folder / "sleeper.json").unlink()
    supervisor.read()
    _until(lambda: supervisor.programs["sleeper"].pid is None, supervisor.bury)
    supervisor.programs["sleeper"].not_before = 0.0
    supervisor.start_due()
    assert supervisor.programs["sleeper"].pid is None
    _want(supervisor, "sleeper", "/bin/sleep", "60")
    supervisor.read()
    supervisor.start_due()
    assert supervisor.programs["sleeper"].pid is not None


def test_a_program_that_cannot_be_executed_is_tried_again(supervisor: Supervisor, tmp_path: Path) -> None:
    """The reason is in its log, and nothing else suffers."""
    _want(supervisor, "missing", "/nonexistent/kubelet")
    supervisor.read()
    assert supervisor.start_due() <= node_init._LONGEST_PAUSE_SECONDS  # noqa: SLF001 - the bound itself
    assert "can't execute /nonexistent/kubelet" in (tmp_path / "missing.log").read_text()


def test_half_written_wishes_are_passed_over(supervisor: Supervisor) -> None:
    """Reading the folder while somebody writes there does no harm."""
    (supervisor.folder / "half.json").write_text("{")
    supervisor.read()
    assert supervisor.programs == {}


@pytest.mark.real
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_everything_inside_dies_with_it(tmp_path: Path) -> None:
    """When the first process is killed, the kernel ends what it started, and its mounts are gone."""
    for folder in ("var", "wanted"):
        (tmp_path / folder).mkdir()
    inner = "import os, time; print(sorted(os.listdir('/var/lib')), os.uname().nodename, flush=True); time.sleep(60)"
    spec = {
        "hostname": "inner-name",
        "var": str(tmp_path / "var"),
        "wanted": str(tmp_path / "wanted"),
        "pid_file": str(tmp_path / "init.pid"),
        "kernel_settings": {"kernel/panic": 10},
        "keep": [],
    }
    wanted = {
        "argv": [sys.executable, "-c", inner],
        "env": {process.MARK: str(tmp_path)},
        "log": str(tmp_path / "inner.log"),
    }
    (tmp_path / "wanted/inner.json").write_text(json.dumps(wanted))
    (tmp_path / "init.json").write_text(json.dumps(spec))
    panic = Path("/proc/sys/kernel/panic").read_text()
    command = ["unshare", "--mount", "--pid", "--net", "--uts", "--fork", "--kill-child", "--propagation", "unchanged"]
    (tmp_path / "inner.log").touch()
    launched = subprocess.Popen([*command, sys.executable, "-I", "-S", node_init.__file__, tmp_path / "init.json"])
    try:
        _until(lambda: "\n" in (tmp_path / "inner.log").read_text())
        assert (tmp_path / "inner.log").read_text() == "['cni', 'containerd', 'kubelet'] inner-name\n"
        inside = process.marked(str(tmp_path))
        assert len(inside) == 1
        assert Path("/proc/sys/kernel/panic").read_text() == panic
        init = process.read(tmp_path / "init.pid")
        assert init is not None
        shown = subprocess.run(
            ["nsenter", "--target", str(init.pid), "--mount", "cat", "/proc/sys/kernel/panic"],
            capture_output=True,
            check=True,
            text=True,
        )
        assert shown.stdout == "10\n"
        init.signal(signal.SIGKILL)
        _until(lambda: not inside[0].alive)
    finally:
        launched.kill()
        launched.wait()
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()
