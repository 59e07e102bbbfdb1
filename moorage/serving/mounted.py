"""Certificates that others renew, such as cert-manager: files that are loaded again when they change.

It stands in for `keeper.Keeper`: `context`, `problem` and `async with` mean the same.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from moorage.errors import InputError
from moorage.serving.certificates import Certificate, read_pair
from moorage.serving.context import load_pair, make_server_context

_log = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(tz=UTC)


class MountedCertificate:
    """`tls.crt` and `tls.key` in a folder.

    A pair that can't be used (half written, not belonging together) is not loaded: the last good one goes on serving.

    Args:
        folder: where the Secret is mounted.
        pause_seconds: between two looks.
        now: the clock.

    Attributes:
        context: the live TLS context.
    """

    def __init__(self, folder: Path, *, pause_seconds: float = 10.0, now: Callable[[], datetime] = _now) -> None:
        self._folder = folder
        self._pause_seconds = pause_seconds
        self._now = now
        self._content: tuple[bytes, bytes] | None = None
        self._certificate: Certificate | None = None
        self._error: str | None = None
        self._task: asyncio.Task[None] | None = None
        self.context = make_server_context()

    def problem(self) -> str | None:
        """Explain why clients can't trust the server now; None where they can, as far as we know."""
        if self._certificate is None:
            return self._error or "there is no certificate yet"
        if not self._certificate.valid_at(self._now()):
            return "the certificate has expired"
        return None

    def reload(self) -> bool:
        """Look at the files; True where a new pair was loaded."""
        try:
            content = (self._folder / "tls.crt").read_bytes(), (self._folder / "tls.key").read_bytes()
            if content == self._content:
                return False
            pair = read_pair(*content)
        except (OSError, InputError) as error:
            if str(error) != self._error:
                _log.warning("certificate in %s: %s", self._folder, error)
            self._error = str(error)
            return False
        load_pair(self.context, content[0], content[1])
        self._content, self._certificate, self._error = content, pair.certificate, None
        _log.info("certificate loaded", extra={"not_after": pair.certificate.not_after.isoformat()})
        return True

    async def __aenter__(self) -> Self:
        self.reload()
        self._task = asyncio.create_task(self._run(), name=f"certificate {self._folder}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._pause_seconds)
            self.reload()
