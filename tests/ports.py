"""Free ports for servers under test."""

import contextlib
import random
import socket

# Below the ports that the kernel gives to outgoing connections: one of those would take it before the server does.
_FIRST, _LAST = 10_000, 19_999


def free_port() -> int:
    """A port that nobody listens at now, and that no outgoing connection will take."""
    while True:
        port = random.randint(_FIRST, _LAST)  # noqa: S311 - no secret
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def accepts(port: int) -> bool:
    """Whether somebody listens at a port of this machine."""
    with contextlib.suppress(OSError), socket.create_connection(("localhost", port), timeout=1):
        return True
    return False
