"""What packages could do to the process that reads them."""

import os

from kfp_api.compiling import Compiled, Refused


def echo(content: bytes) -> Compiled | Refused:
    """Reads well."""
    return Compiled("x", "", content, b"{}", {})


def eat(_content: bytes) -> Compiled | Refused:
    """Takes all memory."""
    held = []
    while True:
        held.append(bytearray(16 << 20))


def dawdle(_content: bytes) -> Compiled | Refused:
    """Never ends."""
    while True:
        pass


def die(_content: bytes) -> Compiled | Refused:
    """Ends the process."""
    os._exit(1)
