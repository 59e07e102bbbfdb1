"""The sidecar's end of the pod's socket: ask the node's driver for a descriptor, or for keys."""

import array
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from moorage.errors import InputError, MountError
from node_plugin.sidecar.exchange import (
    MOST_ANSWER_BYTES,
    SOCKET_NAME,
    AttachAnswer,
    Request,
    read_answer,
    write_request,
)

# The driver asks the broker meanwhile.
_ANSWER_SECONDS: Final = 40.0
_CHUNK_BYTES: Final = 1 << 16
_DESCRIPTORS: Final = {"attached": 1, "parted": 2}


@dataclass(frozen=True, slots=True)
class Attachment:
    """An answer, with the descriptors that the caller must close: one where it is `attached`, two where `parted`."""

    answer: AttachAnswer
    descriptors: tuple[int, ...] = ()


def attach(run_dir: Path, request: Request) -> Attachment:
    """Ask the driver.

    Raises:
        MountError: no driver listens now, or its answer can't be used; asking again may help.
    """
    descriptors: list[int] = []
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(_ANSWER_SECONDS)
            link.connect(str(run_dir / SOCKET_NAME))
            link.sendall(write_request(request))
            answer = read_answer(_receive(link, descriptors))
        if len(descriptors) != _DESCRIPTORS.get(answer.status, 0):
            message = "the node plugin's answer came without its descriptors"
            raise MountError(message)
        given, descriptors = tuple(descriptors), []
        return Attachment(answer, given)
    except (OSError, InputError) as error:
        message = f"the node plugin on this node does not answer ({error})"
        raise MountError(message) from error
    finally:
        for stray in descriptors:
            os.close(stray)


def _receive(link: socket.socket, descriptors: list[int]) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        data, ancillary, _flags, _address = link.recvmsg(
            _CHUNK_BYTES, socket.CMSG_SPACE(4 * array.array("i").itemsize), socket.MSG_CMSG_CLOEXEC
        )
        for level, kind, content in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                received = array.array("i")
                received.frombytes(content[: len(content) - len(content) % received.itemsize])
                descriptors.extend(received)
        line += data
        if not data or len(line) > MOST_ANSWER_BYTES:
            raise InputError("answer", "line", "ended early or is too long")
    return line
