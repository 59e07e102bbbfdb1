"""One volume's part: asked for before each mount server, and served as long as the sidecar lives.

What was handed over once is kept: the manifest says which version the app reads, also where the node's objects go.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from moorage.calling.failures import TryAgainError
from moorage.errors import InputError
from moorage.grants.grant import Grant
from moorage.sources import Credentials
from node_plugin.filler.folder import Folder
from node_plugin.filler.opening import opener
from node_plugin.sidecar.driver_link import attach
from node_plugin.sidecar.exchange import PartRequest
from node_plugin.sidecar.parts.server import PartServer
from node_plugin.sidecar.parts.source import Descriptors, PartSource
from node_plugin.sidecar.remotes import Remote, Words

_log = logging.getLogger("moorage.sidecar")

_COMING_TRIES: Final = 20
_COMING_SECONDS: Final = 0.25
_MOST_CHANGED_TOLD: Final = 100


def remote_at(path: Path, words: Words) -> Remote:
    """What rclone reads of a part's server.

    Args:
        path: of its socket.
        words: of the source, for messages.
    """
    options = {
        "type": "webdav",
        "url": "http://part/",
        "vendor": "other",
        "unix_socket": str(path),
        # It spares a server on the network; this one is here.
        "pacer_min_sleep": "1us",
        # Names look as they do where rclone reads a bucket.
        "encoding": "Slash,InvalidUtf8,Dot",
    }
    return Remote(path="", options=options, words=words)


class Parts:
    """What the node holds of one volume's dataset.

    Args:
        volume: its name in the pod's spec.
        run_dir: where the sockets are.
        keys: gives those for the source that hold now.
    """

    def __init__(self, volume: str, run_dir: Path, keys: Callable[[Grant], Credentials | None]) -> None:
        self._volume = volume
        self._run_dir = run_dir
        self._keys = keys
        self._server: PartServer | None = None
        self._grant: Grant | None = None
        self._opener: tuple[Credentials | None, Callable[[], Folder]] | None = None
        self._changed: set[str] = set()

    def ask(self, stopping: threading.Event) -> None:
        """Ask the node plugin for what the node holds; where a fill has only begun, wait for its manifest a little.

        Raises:
            MountError: it does not answer.
        """
        for _ in range(_COMING_TRIES):
            attachment = attach(self._run_dir, PartRequest(self._volume))
            if attachment.answer.status == "parted":
                self._serve(Descriptors(*attachment.descriptors))
            if attachment.answer.status != "unavailable" or stopping.wait(_COMING_SECONDS):
                return

    def remote(self, grant: Grant, source: Remote) -> Remote:
        """What rclone reads: the part's server where there is one, else the source itself."""
        if self._server is None or source.file is not None or opener(grant) is None:
            return source
        if self._grant != grant:
            self._grant, self._opener = grant, None
        return remote_at(self._server.path, source.words)

    @property
    def is_served(self) -> bool:
        """Whether there is one."""
        return self._server is not None

    def _serve(self, descriptors: Descriptors) -> None:
        """Serve by these from now on; whoever reads by those before has ended with its mount server."""
        try:
            source = PartSource(descriptors, self._open_source, self._tell_changed)
            server = PartServer(self._run_dir / f"part-{self._volume}.sock", source)
        except (OSError, InputError) as error:
            descriptors.close()
            _log.warning("%s: what the node holds can't be served: %s", self._volume, error)
            return
        if self._server is not None:
            self._server.close()
        self._server = server

    def _open_source(self) -> Folder:
        grant = self._grant
        if grant is None:
            message = "nothing is granted yet"
            raise TryAgainError(message)
        keys = self._keys(grant)
        if self._opener is None or self._opener[0] != keys:
            made = opener(replace(grant, credentials=keys))
            if made is None:
                message = "the source is of another kind by now"
                raise TryAgainError(message)
            self._opener = keys, made
        return self._opener[1]()

    def _tell_changed(self, key: str) -> None:
        if key not in self._changed and len(self._changed) < _MOST_CHANGED_TOLD:
            self._changed.add(key)
            _log.warning(
                "%s: the source has changed %r since the pod began: reading it fails, and the other objects stay as "
                "they were; delete the pod, so that its successor gets the new version",
                self._volume,
                key,
            )
