"""What has stopped has let go of its ports."""

import socket
import sys
from pathlib import Path

from devcluster import process

# The first thread ends at once, as it does in a large program that is killed; another holds the port a moment longer.
LINGERING = """
import ctypes, os, socket, threading, time
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
threading.Thread(target=time.sleep, args=(1,)).start()
exit_of_one_thread = {"x86_64": 60, "aarch64": 93}[os.uname().machine]
ctypes.CDLL(None).syscall(exit_of_one_thread, 0)
"""


def test_a_process_lives_as_long_as_its_last_thread(tmp_path: Path) -> None:
    """Else it would be started again while its old self still holds the port."""
    log = tmp_path / "log"
    started = process.start([sys.executable, "-c", LINGERING], mark=str(tmp_path), log=log, pid_file=tmp_path / "pid")
    state = ""
    while state != "Z":
        assert started.alive
        state = Path(f"/proc/{started.pid}/stat").read_text().rpartition(")")[2].split()[0]
    assert started.alive
    assert process.stop([started], grace_seconds=30) == []
    with socket.create_server(("127.0.0.1", int(log.read_text()))):
        pass
