"""The connection of this process to a vineyard daemon, and what its errors mean."""

import os
import socket as sockets
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final, TypeVar

from moorage.errors import InputError
from moorage.memory.layout import MemoryObjectError
from moorage.memory.space import VINEYARD

_ANSWER_SECONDS: Final = 10.0
_LOST: Final = frozenset(
    {"ConnectionErrorException", "ConnectionFailedException", "IOErrorException", "EndOfFileException"}
)
_FULL: Final = "NotEnoughMemoryException"
_ABSENT: Final = "ObjectNotExistsException"

Done = TypeVar("Done")


class Daemon:
    """One daemon, by its socket. It may be used by many threads, and by a forked child.

    Attributes:
        socket: where it listens.
        vineyard: the module, imported for whoever has a daemon.
        is_swept: whether this process has looked for what others left.
    """

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.is_swept = False
        self._client: Any = None
        self._lock = threading.Lock()
        self.vineyard = _imported(socket)

    def open(self) -> None:
        """Look whether it answers.

        Raises:
            InputError: it does not.
        """
        try:
            self._connected()
        except _SilentError as error:
            raise InputError("memory store", f"{VINEYARD}{self.socket}", str(error)) from None

    def run(self, steps: Callable[[Any], Done]) -> Done:
        """Take steps with its client; once more, all of them, where the connection was lost.

        Raises:
            MemoryObjectError: the daemon does not answer, or refuses.
        """
        try:
            return self._tried(steps)
        except _SilentError:
            self._client = None
        try:
            return self._tried(steps)
        except _SilentError as error:
            self._client = None
            raise MemoryObjectError(f"{VINEYARD}{self.socket}: {error}; what an ended daemon held is gone") from None

    def forget(self) -> None:
        """In a forked child: leave the parent's connection alone, without closing it."""
        _LEFT.append(self._client)
        self._client, self._lock = None, threading.Lock()

    def _tried(self, steps: Callable[[Any], Done]) -> Done:
        client = self._connected()
        try:
            return steps(client)
        except RuntimeError as error:  # as vineyard's are
            if not is_of_vineyard(error):
                raise
            if type(error).__name__ in _LOST:
                raise self._silent(str(error)) from None
            raise MemoryObjectError(f"vineyard at {self.socket} refuses: {error}") from None

    def _connected(self) -> Any:  # noqa: ANN401 - vineyard has no types
        client = self._client
        if client is not None:
            return client
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def _connect(self) -> Any:  # noqa: ANN401 - vineyard has no types
        try:
            # vineyard itself would try for ten seconds, and tell of it on stdout.
            with sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM) as probe:
                probe.settimeout(_ANSWER_SECONDS)
                probe.connect(str(self.socket))
            # A connection of our own: vineyard gives the same one to all who connect, and one's close ends it.
            return self.vineyard.connect(str(self.socket)).fork()
        except OSError as error:  # some have no number, as for a path that is too long
            raise self._silent(error.strerror or str(error)) from None
        except RuntimeError as error:
            raise self._silent(str(error)) from None

    def _silent(self, said: str) -> "_SilentError":
        command = f"python -m vineyard --meta local --socket {self.socket} --size 8Gi --rpc=false"
        return _SilentError(f"no daemon answers there ({said}): start one, as by `{command}`")


class _SilentError(Exception):
    """There is no daemon, or it did not answer."""


def is_of_vineyard(error: BaseException) -> bool:
    """Whether the daemon or its client raised it."""
    return type(error).__module__.partition(".")[0] == "vineyard"


def is_full(error: BaseException) -> bool:
    """Whether the daemon has no memory left."""
    return type(error).__name__ == _FULL and is_of_vineyard(error)


def is_absent(error: BaseException) -> bool:
    """Whether the daemon has no such object, or no such name."""
    return type(error).__name__ == _ABSENT and is_of_vineyard(error)


# Clients whose parent process goes on with them: a destructor would tell the daemon that it ends.
_LEFT: Final[list[Any]] = []
_DAEMONS: Final[dict[Path, Daemon]] = {}


def daemon_at(socket: Path) -> Daemon:
    """The daemon of a socket, with one connection for this process.

    Raises:
        InputError: vineyard is not installed, or no daemon answers there.
    """
    daemon = _DAEMONS.get(socket)
    if daemon is None:
        daemon = _DAEMONS.setdefault(socket, Daemon(socket))
    daemon.open()
    return daemon


def _forget_all() -> None:
    for daemon in _DAEMONS.values():
        daemon.forget()


os.register_at_fork(after_in_child=_forget_all)


def _imported(socket: Path) -> Any:  # noqa: ANN401 - vineyard has no types
    try:
        return import_module("vineyard")
    except ImportError as error:
        problem = f"vineyard can't be imported ({error}): install the extra `vineyard` of Moorage's wheel"
        raise InputError("memory store", f"{VINEYARD}{socket}", problem) from None
