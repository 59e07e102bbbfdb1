"""Free ports for servers under test."""

import contextlib
import os
import random
import socket

# Below the ports that the kernel gives to outgoing connections: one of those would take it before the server does.
_FIRST, _LAST = 10_000, 19_999
_given: set[int] = set()
"""Some time passes before a server listens: the same number given twice is a server that does not start."""


def free_port() -> int:
    """A port that nobody listens at now, that no outgoing connection will take, and that nobody else was given.

    Each worker of a run of tests has ports of its own.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    own = range(_FIRST + worker, _LAST + 1, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
    if len(_given) > len(own) // 2:
        _given.clear()
    while True:
        port = random.choice(own)  # noqa: S311 - no secret
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _given:
            _given.add(port)
            return port


def accepts(port: int) -> bool:
    """Whether somebody listens at a port of this machine."""
    with contextlib.suppress(OSError), socket.create_connection(("localhost", port), timeout=1):
        return True
    return False
