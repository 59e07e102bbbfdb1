"""The sockets in the pods' volumes, on which sidecars ask for descriptors.

The directory is the pod author's: it may hold anything, links too, and whoever connects may send anything. So the path
is opened without following links, the socket is bound through its directory's descriptor (kubelet paths exceed the 108
bytes of a socket's address as well), and of each connection one short line is read, in bounded time.
"""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeAlias

from moorage.errors import InputError, MountError
from node_plugin import pod_paths
from node_plugin.peers import peer_uid
from node_plugin.sidecar.exchange import (
    MOST_REQUEST_BYTES,
    SOCKET_NAME,
    AttachAnswer,
    Request,
    read_request,
    write_answer,
)

_log = logging.getLogger(__name__)

VOLUME: Final = "moorage-mount"
"""The emptyDir that admission gives a pod together with the sidecar."""

# The answer takes as long as the broker does; the question is one line that is sent at once.
_CONVERSATION_SECONDS: Final = 30.0
_QUESTION_SECONDS: Final = 5.0
# Whoever asks nothing sensible keeps its place so long: a pod that connects in a loop costs the driver next to nothing.
_AFTER_NO_QUESTION_SECONDS: Final = 0.25
_MOST_CONVERSATIONS: Final = 4
_AFTER_ACCEPT_ERROR_SECONDS: Final = 1.0
_ANYONE: Final = -1

Answerer: TypeAlias = Callable[[str, Request], Awaitable[tuple[AttachAnswer, tuple[int, ...]]]]
"""Answers a pod (by uid); descriptors, if any, are the caller's to close."""


class PodSockets:
    """One listening socket for each pod that has volumes for its sidecar to serve."""

    def __init__(self, kubelet_dir: Path, answer: Answerer, sidecar_uid: int) -> None:
        self._kubelet_dir = kubelet_dir
        self._answer = answer
        self._sidecar_uid = sidecar_uid
        self._listeners: dict[str, asyncio.Task[None]] = {}

    def exists(self, pod_uid: str) -> bool:
        """Whether the pod has the volume for the socket."""
        try:
            with pod_paths.open_directory(self._kubelet_dir, self._directory(pod_uid)):
                return True
        except OSError:
            return False

    def listen(self, pod_uid: str) -> None:
        """Listen for a pod's sidecar, if that is not done already.

        Raises:
            MountError: the socket can't be made.
        """
        running = self._listeners.get(pod_uid)
        if running is not None and not running.done():
            return
        try:
            listener = self._bind(pod_uid)
        except OSError as error:
            message = f"no socket can be made in the pod's volume {VOLUME}: {error}"
            raise MountError(message) from error
        self._listeners[pod_uid] = asyncio.create_task(self._accept(pod_uid, listener), name=f"sidecar of {pod_uid}")

    async def stop(self, pod_uid: str) -> None:
        """Listen for this pod no more."""
        task = self._listeners.pop(pod_uid, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def stop_all(self) -> None:
        """Listen for nobody any more; the sidecars keep what they serve and try until somebody listens again."""
        for pod_uid in list(self._listeners):
            await self.stop(pod_uid)

    def _directory(self, pod_uid: str) -> Path:
        return pod_paths.empty_dir_path(self._kubelet_dir, pod_uid, VOLUME)

    def _bind(self, pod_uid: str) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            with pod_paths.open_directory(self._kubelet_dir, self._directory(pod_uid)) as directory:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(SOCKET_NAME, dir_fd=directory)
                # The sidecar is another user. A chmod afterwards would follow a link that the pod put there meanwhile.
                mask = os.umask(0)
                try:
                    listener.bind(f"/proc/self/fd/{directory}/{SOCKET_NAME}")
                finally:
                    os.umask(mask)
            listener.listen(_MOST_CONVERSATIONS)
        except BaseException:
            listener.close()
            raise
        return listener

    async def _accept(self, pod_uid: str, listener: socket.socket) -> None:
        with listener:
            free = asyncio.Semaphore(_MOST_CONVERSATIONS)
            async with asyncio.TaskGroup() as conversations:
                while True:
                    await free.acquire()
                    connection = await _next_connection(listener)
                    task = conversations.create_task(self._converse(pod_uid, connection))
                    task.add_done_callback(lambda _: free.release())

    async def _converse(self, pod_uid: str, connection: socket.socket) -> None:
        descriptors: tuple[int, ...] = ()
        try:
            with connection:
                connection.setblocking(False)  # noqa: FBT003 - the socket's own signature
                async with asyncio.timeout(_CONVERSATION_SECONDS):
                    asked = await self._hear(connection)
                    if isinstance(asked, AttachAnswer):
                        answer = asked
                    else:
                        answer, descriptors = await self._answer(pod_uid, asked)
                    await _send(connection, write_answer(answer), descriptors)
            if isinstance(asked, AttachAnswer):
                await asyncio.sleep(_AFTER_NO_QUESTION_SECONDS)
        except (OSError, TimeoutError) as error:
            # The sidecar ended, or never was one; if it holds no descriptor now, it asks again.
            _log.info("a sidecar's request was not finished", extra={"pod_uid": pod_uid, "cause": str(error)})
            await asyncio.sleep(_AFTER_NO_QUESTION_SECONDS)
        except Exception:  # noqa: BLE001 - it is logged whole
            # One pod's conversation must not end the listening, and the sidecar asks again.
            _log.exception("a sidecar's request failed", extra={"pod_uid": pod_uid})
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    async def _hear(self, connection: socket.socket) -> Request | AttachAnswer:
        """What is asked, or a refusal of whatever came instead."""
        uid = peer_uid(connection)
        if self._sidecar_uid not in {_ANYONE, uid}:
            problem = f"user {uid} may not ask for a mount; only the mount server, user {self._sidecar_uid}, may"
            return AttachAnswer("refused", message=problem)
        try:
            async with asyncio.timeout(_QUESTION_SECONDS):
                return read_request(await _read_line(connection))
        except InputError as error:
            return AttachAnswer("refused", message=str(error))


async def _next_connection(listener: socket.socket) -> socket.socket:
    while True:
        try:
            connection, _ = await asyncio.get_running_loop().sock_accept(listener)
        except OSError as error:
            # As when this process has too many files open: it passes, and a pod must not be deaf for ever.
            _log.warning("a sidecar could not connect", extra={"cause": str(error)})
            await asyncio.sleep(_AFTER_ACCEPT_ERROR_SECONDS)
        else:
            return connection


async def _read_line(connection: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    line = b""
    while not line.endswith(b"\n"):
        chunk = await loop.sock_recv(connection, MOST_REQUEST_BYTES)
        line += chunk
        if not chunk or len(line) > MOST_REQUEST_BYTES:
            raise InputError("request", "line", f"does not end within {MOST_REQUEST_BYTES} bytes")
    return line


async def _send(connection: socket.socket, line: bytes, descriptors: tuple[int, ...]) -> None:
    """Descriptors travel with the first byte; the buffer of a new connection always takes that one."""
    if descriptors:
        socket.send_fds(connection, [line[:1]], list(descriptors))
        line = line[1:]
    await asyncio.get_running_loop().sock_sendall(connection, line)
