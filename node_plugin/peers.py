"""Who connected to a Unix socket, as the kernel says."""

import socket
import struct


def peer_uid(connection: socket.socket) -> int:
    """The user. Of the process id nothing can be made: it may be another one by now."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _pid, uid, _gid = struct.unpack("3i", credentials)
    return int(uid)
