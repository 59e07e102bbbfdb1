"""The planning process: `python3 -m pipeline_executor.planning MEMORY_BYTES SECONDS`; question in, answer out.

It bounds itself before it reads a byte: memory, time, no files of its own, no core dump.
"""

import json
import resource
import signal
import sys
from collections.abc import Iterator
from typing import Any

_MOST_FILE_BYTES = 64 << 20
"""The limit of a file that it may write: the compiled kernels of the solver."""


def _bound(memory_bytes: int, seconds: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_MOST_FILE_BYTES, _MOST_FILE_BYTES))
    signal.alarm(seconds)  # also where nobody is left who would stop it


def _objects() -> Iterator[dict[str, Any]]:
    for line in sys.stdin.buffer:
        yield json.loads(line)


def main() -> int:
    """Answer one question."""
    _bound(int(sys.argv[1]), int(sys.argv[2]))
    # Imported late: what is imported counts, too.
    from pipeline_executor.planning.answering import answer  # noqa: PLC0415
    from pipeline_executor.planning.question import Question, Unsettled, write_answer  # noqa: PLC0415

    try:
        made = answer(Question.read(sys.stdin.buffer.readline()), _objects())
    except (MemoryError, RecursionError):
        made = Unsettled("planning took more memory than it may: make the pipeline smaller, or ask for more")
    sys.stdout.buffer.write(write_answer(made))
    return 0


if __name__ == "__main__":
    sys.exit(main())
