"""What an rclone inherits: its configuration and certificates, in memory alone; and one that answers a question."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from typing import Final

from node_plugin.memfd_files import anonymous_file
from node_plugin.sidecar import rclone, store_errors
from node_plugin.sidecar.remotes import Remote

_EXPLAIN_SECONDS: Final = 15.0


@contextlib.contextmanager
def secrets_of(remote: Remote) -> Iterator[tuple[int, int | None]]:
    """Descriptors of the configuration and of who may sign the store's certificate, for a child to inherit."""
    with contextlib.ExitStack() as files:
        config = files.enter_context(anonymous_file("rclone.conf", rclone.write_config(remote)))
        yield config, files.enter_context(anonymous_file("ca.crt", remote.ca_bundle)) if remote.ca_bundle else None


def run_bounded(
    command: list[str], environment: dict[str, str], inherited: tuple[int | None, ...]
) -> tuple[int | None, str]:
    """Run a command; gives its exit status, None where it did not end in time, and the end of what it printed."""
    with os.fdopen(os.memfd_create("printed", os.MFD_CLOEXEC), "w+b") as printed:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=printed,
            env=environment,
            pass_fds=[number for number in inherited if number is not None],
        )
        try:
            status: int | None = child.wait(_EXPLAIN_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            status = None
        printed.seek(max(0, printed.seek(0, os.SEEK_END) - store_errors.MOST_BYTES))
        return status, printed.read().decode(errors="replace")
