"""The hub as a process, with a count of what it sends to API servers: `python -m bench.run.counted FILE`.

Once in a while it writes to the file what it has sent so far, and how much memory it has.
"""

import json
import os
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2 as httpx

from pipeline_executor.hub.__main__ import main

_WRITE_SECONDS = 0.25
_sent: Counter[str] = Counter()
_send = httpx.AsyncClient.send


async def _counted(self: httpx.AsyncClient, request: httpx.Request, **more: Any) -> httpx.Response:  # noqa: ANN401
    _sent[request.method] += 1
    return await _send(self, request, **more)


def _memory_bytes() -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def _keep_writing(file: Path) -> None:
    while True:
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps({"sent": dict(_sent), "memory_bytes": _memory_bytes()}))
        fresh.replace(file)
        threading.Event().wait(_WRITE_SECONDS)


if __name__ == "__main__":
    httpx.AsyncClient.send = _counted  # type: ignore[method-assign]
    threading.Thread(target=_keep_writing, args=(Path(sys.argv.pop()),), daemon=True).start()
    os.environ.setdefault("HOSTNAME", "bench-hub")
    sys.exit(main())
