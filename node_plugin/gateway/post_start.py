"""`python3 -m node_plugin.gateway.post_start`: the postStart hook, which ends once the gateway answers.

The kubelet starts the next container of the pod then, which may read at once.
"""

import contextlib
import socket
import sys
from time import monotonic, sleep
from typing import Final

from moorage.errors import MoorageError
from moorage.settings import read
from node_plugin.gateway.settings import GatewaySettings

_LOOK_AGAIN_SECONDS: Final = 0.02


def main() -> int:
    """Wait; 0 it answers; 1 it does not, and the kubelet starts it again; 2 the settings can't be used."""
    try:
        settings = read(GatewaySettings)
    except MoorageError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    deadline = monotonic() + settings.hook_seconds
    while monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", settings.gateway_port), 1.0):
            return 0
        sleep(_LOOK_AGAIN_SECONDS)
    sys.stderr.write(f"nobody answers at port {settings.gateway_port}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
