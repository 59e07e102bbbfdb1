"""`python3 -m node_plugin.sidecar`: serve the pod's datasets; with `--ready`, say whether all are served now."""

import contextlib
import logging
import signal
import sys
import threading
from pathlib import Path
from time import monotonic
from typing import Final

from moorage.errors import MoorageError
from moorage.settings import read
from node_plugin.sidecar import progress
from node_plugin.sidecar.mount_server import MountServer, Surroundings
from node_plugin.sidecar.settings import SidecarSettings

_STOP_SECONDS: Final = 2.0
_RCLONE_MEMORY_SHARE: Final = 0.7
# cgroup v2, then v1, as a container sees its own.
_MEMORY_LIMITS: Final = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
# What v1 says where there is no limit is some 2^63.
_NO_LIMIT_BYTES: Final = 1 << 50


def main() -> int:
    """Run; 0 served until SIGTERM, or all ready; 1 not ready; 2 the settings can't be used."""
    try:
        settings = read(SidecarSettings)
    except MoorageError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if sys.argv[1:] == ["--ready"]:
        return _ready(settings)
    if sys.argv[1:]:
        sys.stderr.write(f"{sys.argv[1]} is not known; the only option is --ready\n")
        return 2
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(message)s")
    return _serve(settings)


def _serve(settings: SidecarSettings) -> int:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    state = progress.Progress(settings.volumes)
    listener = progress.listen(settings.run_dir)
    threading.Thread(target=progress.serve, args=(listener, state), daemon=True).start()
    count = max(1, len(settings.volumes))
    memory = _memory_limit_bytes()
    surroundings = Surroundings(
        run_dir=settings.run_dir,
        cache_dir=settings.cache_dir,
        cache_share_bytes=settings.cache_size_limit_bytes // count,
        memory_share_bytes=None if memory is None else int(memory * _RCLONE_MEMORY_SHARE) // count,
        program=settings.rclone,
        start_seconds=settings.start_seconds,
    )
    servers = [MountServer(volume, surroundings, state) for volume in settings.volumes]
    threads = [threading.Thread(target=server.run, name=server.volume, daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    stop.wait()
    for server in servers:
        server.stop()
    deadline = monotonic() + _STOP_SECONDS
    for server, thread in zip(servers, threads, strict=True):
        thread.join(max(0.0, deadline - monotonic()))
        if thread.is_alive():
            server.kill()
    return 0


def _ready(settings: SidecarSettings) -> int:
    outlook = progress.look(settings.run_dir, settings.volumes)
    sys.stdout.write(f"{outlook.message or 'ready'}\n")
    return 0 if outlook.served else 1


def _memory_limit_bytes() -> int | None:
    for path in _MEMORY_LIMITS:
        with contextlib.suppress(OSError, ValueError):
            limit = int(path.read_text(encoding="ascii"))
            return limit if limit < _NO_LIMIT_BYTES else None
    return None


if __name__ == "__main__":
    sys.exit(main())
