"""`python3 -P -m node_plugin.filler`, in the folder to fill: a job on standard input, progress on standard output.

What neighbours there are comes on standard input, too, as long as it works.

It ends with its parent: standard input is read to its end, and that comes when the parent closes it or dies.
"""

import contextlib
import ctypes
import os
import platform
import sys
import threading
from collections.abc import Callable
from typing import Final

from moorage.errors import InputError
from node_plugin.filler.circle import Views
from node_plugin.filler.exchange import Ended, Ending, Line, read_job, write_line
from node_plugin.filler.filling import fill

_NICENESS: Final = 10
_PR_SET_NO_NEW_PRIVS: Final = 38
_SYS_IOPRIO_SET: Final = {"x86_64": 251, "aarch64": 30}
# Of a process, best effort, the least of eight.
_IO_WHO_PROCESS, _IO_LEAST = 1, (2 << 13) | 7
_MOST_JOB_BYTES: Final = 2 << 20


def main() -> int:
    """Run; 0 the folder is whole; 1 it is not, and the last line says why; 2 the job can't be read."""
    _step_back()
    source = os.fdopen(0, "rb")
    try:
        job = read_job(source.readline(_MOST_JOB_BYTES))
    except InputError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    views = Views()
    threading.Thread(target=_end_with_parent, args=(source.readline, views), daemon=True).start()
    lock = threading.Lock()

    def tell(line: Line) -> None:
        with lock:
            os.write(1, write_line(line))

    ended = fill(job, tell, views)
    with contextlib.suppress(BrokenPipeError):
        tell(Ended(ended.ending, ended.message[:1000]))
    return 0 if ended.ending is Ending.WHOLE else 1


def _end_with_parent(read_line: Callable[[int], bytes], views: Views) -> None:
    views.follow(read_line)
    os._exit(1)


def _step_back() -> None:
    """Readers come first: less of the CPU, and of the disk where its scheduler knows priorities."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    with contextlib.suppress(OSError):
        os.nice(_NICENESS)
    number = _SYS_IOPRIO_SET.get(platform.machine())
    if number is not None:
        libc.syscall(ctypes.c_long(number), _IO_WHO_PROCESS, 0, _IO_LEAST)


if __name__ == "__main__":
    sys.exit(main())
