"""One dataset's rclone: attached, watched, and started again with a new descriptor whenever it ends."""

import contextlib
import logging
import os
import random
import select
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Final

from moorage.errors import MoorageError, MountError
from moorage.grants.grant import Grant
from moorage.sources import Credentials
from node_plugin.sidecar import rclone, store_errors
from node_plugin.sidecar.driver_link import attach
from node_plugin.sidecar.exchange import AttachAnswer, AttachRequest, RenewRequest
from node_plugin.sidecar.inheriting import run_bounded, secrets_of
from node_plugin.sidecar.keys_page import KeysPage
from node_plugin.sidecar.parts.serving import Parts
from node_plugin.sidecar.progress import Progress, Stage
from node_plugin.sidecar.remotes import Remote, remote_of
from node_plugin.sidecar.remotes.file_page import FilePage, relay

_log = logging.getLogger("moorage.sidecar")

_FIRST_DELAY_SECONDS: Final = 0.1
_MOST_DELAY_SECONDS: Final = 5.0
# A server that had served before it ended was most likely killed: an app waits for the next one.
_MOST_DELAY_AFTER_SERVING_SECONDS: Final = 1.0
# A refusal stands until somebody changes something, and asking costs the broker.
_MOST_DELAY_AFTER_REFUSAL_SECONDS: Final = 30.0
# After one that ran this long, the next one is started without delay.
_SETTLED_SECONDS: Final = 10.0
# All that an rclone may inherit of the environment: who signs certificates.
_INHERITED: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all mount servers of a pod share.

    Attributes:
        run_dir: where the sockets are.
        cache_dir: where far data is kept.
        cache_share_bytes: how much of it one dataset may keep.
        memory_share_bytes: what one server should stay below; None: no limit is known.
        program: rclone.
        start_seconds: a server that is not ready by then is killed; until then, reads of its mount wait.
    """

    run_dir: Path
    cache_dir: Path
    cache_share_bytes: int
    memory_share_bytes: int | None
    program: str
    start_seconds: float


class MountServer:
    """Runs in a thread of its own until it is stopped."""

    def __init__(self, volume: str, surroundings: Surroundings, progress: Progress) -> None:
        self.volume = volume
        self._surroundings = surroundings
        self._progress = progress
        self._grant: Grant | None = None
        self._page: FilePage | None = None
        self._keys: KeysPage | None = None
        self._parts = Parts(volume, surroundings.run_dir, self._current_keys)
        self._has_served = False
        self._most_delay_seconds = _MOST_DELAY_SECONDS
        self._stopping = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._child_lock = threading.Lock()

    def stop(self) -> None:
        """End the server; `run` returns soon after."""
        self._stopping.set()
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End a server that does not end by itself."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with self._child_lock:
            if self._child is not None:
                self._child.send_signal(number)

    def run(self) -> None:
        """Serve until stopped."""
        delay = 0.0
        while not self._stopping.wait(delay * random.uniform(0.5, 1.0)):  # noqa: S311 - it only spreads the load
            started = monotonic()
            self._has_served = False
            self._most_delay_seconds = _MOST_DELAY_SECONDS
            try:
                self._serve_once()
            except (MoorageError, OSError) as error:
                self._tell(str(error), level=logging.WARNING)
            settled = monotonic() - started > _SETTLED_SECONDS
            delay = 0.0 if settled else min(self._most_delay_seconds, max(_FIRST_DELAY_SECONDS, delay * 2))

    def _serve_once(self) -> None:
        """Ask for a descriptor and serve it until the server ends, however it does.

        Raises:
            MoorageError: there is nothing to serve now.
            OSError: the server can't be started.
        """
        self._parts.ask(self._stopping)
        with _notifications(self._surroundings.run_dir / f"notify-{self.volume}.sock") as ready:
            attachment = attach(self._surroundings.run_dir, AttachRequest(self.volume, self._grant is not None))
            if not attachment.descriptors:
                self._do_without(attachment.answer)
                return
            (fuse,) = attachment.descriptors
            try:
                self._hold(attachment.answer.grant)
                # rclone serves a bucket that does not exist as an empty folder; whoever listed it saw that it does.
                if self._grant is not None and self._grant.version is None and self._has_trouble():
                    return
                child = self._start(fuse, ready)
            finally:
                # The kernel declares the mount dead when its last descriptor is closed; that must be the server's.
                os.close(fuse)
            status = self._watch(child, ready)
        if self._stopping.is_set():
            return
        if status > 0 and not self._has_served and self._has_trouble(mounted=True):
            return
        self._tell(f"the mount server ended ({_describe(status)}); another one is started", level=logging.WARNING)

    def _hold(self, grant: Grant | None) -> None:
        """Serve by this grant from now on; None: by the one that there is."""
        if grant is None:
            return
        self._grant = grant
        keys = grant.credentials
        if keys is None or keys.ends_at is None:
            return
        if self._keys is None:
            self._keys = KeysPage(keys, self._renew)
        else:
            self._keys.hold(keys)

    def _renew(self) -> Credentials | str:
        answer = attach(self._surroundings.run_dir, RenewRequest(self.volume)).answer
        if answer.status == "refused":
            return answer.message
        if answer.grant is None or answer.grant.credentials is None:
            raise MountError(answer.message or "the node plugin's answer has no keys")
        return answer.grant.credentials

    def _current_keys(self, grant: Grant) -> Credentials | None:
        return grant.credentials if self._keys is None else self._keys.current()

    def _has_trouble(self, *, mounted: bool = False) -> bool:
        """Ask the store for the folder's names, and tell why it does not give them.

        Args:
            mounted: a mount of it has failed: that is to be told where the names are given all the same.
        """
        grant, remote = self._grant, self._remote()
        if remote is None:
            return False
        trouble = self._page.trouble() if self._page is not None else self._trouble_of_folder(remote)
        if trouble is None and mounted:
            trouble = store_errors.Trouble(remote.words.hidden)
        if trouble is None or (grant is not None and grant.writes and trouble.absent):
            return False
        if trouble.stands:
            self._most_delay_seconds = _MOST_DELAY_AFTER_REFUSAL_SECONDS
        self._tell(trouble.message, refused=trouble.stands, level=logging.WARNING)
        return True

    def _trouble_of_folder(self, remote: Remote) -> store_errors.Trouble | None:
        with secrets_of(remote) as (config, ca_bundle):
            command = rclone.probe_command(self._surroundings.program, remote, config, ca_bundle)
            status, printed = run_bounded(command, self._environment(), (config, ca_bundle))
        return None if status == 0 else store_errors.trouble_of(status, printed, remote.words)

    def _remote(self) -> Remote | None:
        """What rclone reads now; None where there is nothing that it can."""
        grant = self._grant
        remote = None if grant is None else remote_of(grant.location, grant.credentials)
        file = None if remote is None else remote.file
        if self._page is not None and self._page.source != file:
            self._page.close()
            self._page = None
        if grant is None or remote is None:
            return None
        if file is None:
            return self._parts.remote(grant, remote)
        if self._page is None:
            self._page = FilePage(file)
        return replace(remote, options={**remote.options, "url": self._page.url})

    def _do_without(self, answer: AttachAnswer) -> None:
        if answer.status == "refused":
            self._most_delay_seconds = _MOST_DELAY_AFTER_REFUSAL_SECONDS
            self._tell(answer.message, refused=True, level=logging.WARNING)
            return
        if answer.status != "mounted":
            raise MountError(answer.message)
        self._tell("mounted by the node", served=True)
        self._stopping.wait()

    def _start(self, fuse: int, ready: socket.socket) -> "subprocess.Popen[bytes]":
        grant, remote = self._grant, self._remote()
        if grant is None or remote is None:
            message = "the node plugin's answer names no source that this sidecar can serve"
            raise MountError(message)
        self._tell("starting")
        place = rclone.CachePlace(
            directory=self._surroundings.cache_dir / self.volume, limit_bytes=self._surroundings.cache_share_bytes
        )
        with secrets_of(remote) as (config, ca_bundle):
            rule = rclone.CacheRule(grant.cache, grant.local, grant.writes, parted=self._parts.is_served)
            descriptors = rclone.Descriptors(fuse=fuse, config=config, ca_bundle=ca_bundle)
            command = rclone.command(self._surroundings.program, remote, rule, place, descriptors)
            with self._child_lock:
                if self._stopping.is_set():
                    message = "stopping"
                    raise MountError(message)
                self._child = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stderr=None if remote.file is None else subprocess.PIPE,
                    env=self._environment() | {"NOTIFY_SOCKET": str(ready.getsockname())},
                    pass_fds=[number for number in (fuse, config, ca_bundle) if number is not None],
                )
                if self._child.stderr is not None and remote.file is not None:
                    relay(self._child.stderr, remote.file)
                return self._child

    def _environment(self) -> dict[str, str]:
        environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        limit = self._surroundings.memory_share_bytes
        if limit is not None:
            environment["GOMEMLIMIT"] = f"{limit}B"
        environment["PATH"] = os.environ.get("PATH", "/usr/local/bin:/usr/bin")
        return environment if self._keys is None else {**environment, **self._keys.environment}

    def _watch(self, child: "subprocess.Popen[bytes]", ready: socket.socket) -> int:
        """Wait for the child's end; tell when it serves, which rclone says as a systemd service would."""
        end = os.pidfd_open(child.pid)
        try:
            poller = select.poll()
            poller.register(end, select.POLLIN)
            poller.register(ready, select.POLLIN)
            while end not in (events := dict(poller.poll(self._patience_milliseconds()))):
                if not events:
                    self._tell(
                        f"the source did not answer in {self._surroundings.start_seconds:g} s", level=logging.WARNING
                    )
                    child.kill()
                elif b"READY=1" in ready.recv(4096):
                    self._has_served = True
                    self._most_delay_seconds = _MOST_DELAY_AFTER_SERVING_SECONDS
                    self._tell("served", served=True)
            return child.wait()
        finally:
            os.close(end)

    def _patience_milliseconds(self) -> float | None:
        return None if self._has_served else self._surroundings.start_seconds * 1000

    def _tell(self, message: str, *, served: bool = False, refused: bool = False, level: int = logging.INFO) -> None:
        if self._progress.tell(self.volume, Stage(served=served, message=message, refused=refused)):
            _log.log(level, "%s: %s", self.volume, message)


@contextlib.contextmanager
def _notifications(path: Path) -> Iterator[socket.socket]:
    """A socket that systemd's protocol of readiness can be spoken to."""
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as listener:
        listener.bind(str(path))
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)


def _describe(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"exit status {status}"
