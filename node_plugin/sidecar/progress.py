"""What each dataset is waiting for: told by the running supervisor over a socket, asked by the postStart hook.

A socket and no file: when the supervisor is gone nobody answers, and nothing stale can be believed.
"""

import contextlib
import json
import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SOCKET_NAME: Final = "sidecar.sock"
_PROBE_SECONDS: Final = 2.0
_MOST_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Stage:
    """How far one dataset is.

    Attributes:
        served: it can be read.
        message: one sentence for people.
        refused: it won't be, until somebody changes something.
    """

    served: bool
    message: str
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Outlook:
    """How far all datasets of a pod are.

    Attributes:
        served: all can be read.
        refused: at least one won't be, until somebody changes something.
        message: one line for each that is not served.
    """

    served: bool
    refused: bool
    message: str


class Progress:
    """How far all are; any thread may ask or tell."""

    def __init__(self, volumes: tuple[str, ...]) -> None:
        self._lock = threading.Lock()
        self._stages = {volume: Stage(served=False, message="not asked for yet") for volume in volumes}

    def tell(self, volume: str, stage: Stage) -> bool:
        """Set the stage of one; gives whether it is news."""
        with self._lock:
            is_news = self._stages.get(volume) != stage
            self._stages[volume] = stage
        return is_news

    def stages(self) -> dict[str, Stage]:
        """The stages of all."""
        with self._lock:
            return dict(self._stages)


def listen(run_dir: Path) -> socket.socket:
    """Make the socket for `serve`; that of an earlier sidecar is replaced."""
    path = run_dir / SOCKET_NAME
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen(8)
    return listener


def serve(listener: socket.socket, progress: Progress) -> None:
    """Tell everyone who connects; never returns, so run it in a thread that dies with the process."""
    while True:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.settimeout(_PROBE_SECONDS)
            stages = {
                volume: [stage.served, stage.message, stage.refused] for volume, stage in progress.stages().items()
            }
            connection.sendall(json.dumps(stages).encode())


def ask(run_dir: Path) -> dict[str, Stage]:
    """Ask the running supervisor.

    Raises:
        OSError: none is running, or it does not answer.
        ValueError: what answers is none.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(_PROBE_SECONDS)
        link.connect(str(run_dir / SOCKET_NAME))
        data = b""
        while (chunk := link.recv(_MOST_BYTES)) and len(data) <= _MOST_BYTES:
            data += chunk
    return {
        volume: Stage(served=served is True, message=str(message), refused=refused is True)
        for volume, (served, message, refused) in json.loads(data).items()
    }


def look(run_dir: Path, volumes: tuple[str, ...]) -> Outlook:
    """How far the pod's datasets are now."""
    try:
        return report(volumes, ask(run_dir))
    except (OSError, ValueError, TypeError) as error:
        return Outlook(served=False, refused=False, message=f"the mount server's supervisor does not answer: {error}")


def report(volumes: tuple[str, ...], stages: dict[str, Stage]) -> Outlook:
    """Sum up, with one line for each volume that is not served."""
    unknown = Stage(served=False, message="the sidecar does not know of it")
    waiting = {volume: stage for volume in volumes if not (stage := stages.get(volume, unknown)).served}
    return Outlook(
        served=not waiting,
        refused=any(stage.refused for stage in waiting.values()),
        message="\n".join(f"{volume}: {stage.message}" for volume, stage in waiting.items()),
    )
