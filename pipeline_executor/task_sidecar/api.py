"""The sidecar's end of the task API: asks until it is answered."""

import http.client
import json
import threading
from pathlib import Path
from typing import Final

from moorage.errors import InputError, TaskError
from pipeline_executor.task_sidecar import exchange
from pipeline_executor.task_sidecar.exchange import ANSWER_BOUNDS, InputPage, OutputReport, PieceRequest, TaskView
from pipeline_executor.task_sidecar.links import BROKEN, Links
from pipeline_executor.task_sidecar.trying import Patience

_GONE: Final = frozenset({404, 410})
_LATER: Final = frozenset({401, 408, 425, 429})
_OK: Final = 200
_FIRST_SERVER_ERROR: Final = 500


class GoneError(Exception):
    """Nobody waits for this pod any more."""


class TaskApi:
    """A client of the spoke's task API, for one thread at a time.

    Args:
        url: as `https://moorage-spoke.moorage-system.svc:8443`.
        authorities: PEM, of those that sign its certificate.
        token_file: read for each request, because the kubelet renews it.
        patience_seconds: how long it is asked again.
        stop: ends a wait.
    """

    def __init__(
        self, url: str, authorities: str, token_file: Path, patience_seconds: float, stop: threading.Event
    ) -> None:
        self._url = url.rstrip("/")
        self._links = Links(authorities, only_these=True)
        self._token_file = token_file
        self._patience_seconds = patience_seconds
        self.stop = stop

    def task(self) -> TaskView:
        """Ask for the inputs and outputs of the task.

        Raises:
            GoneError, StoppedError, TaskError: see `_ask`.
        """
        return exchange.read_task(self._ask("GET", exchange.TASK))

    def inputs(self, first: int) -> InputPage:
        """Return the files to fetch from number `first` on, with fresh URLs.

        Raises:
            GoneError, StoppedError, TaskError: see `_ask`.
        """
        return exchange.read_inputs(self._ask("GET", f"{exchange.INPUTS}?from={first}"))

    def uploads(self, pieces: list[PieceRequest]) -> tuple[str, ...]:
        """Return a URL for each piece.

        Raises:
            GoneError, StoppedError, TaskError: see `_ask`.
        """
        return exchange.read_urls(self._ask("POST", exchange.UPLOADS, exchange.write_pieces(pieces)), len(pieces))

    def report(self, report: OutputReport) -> tuple[PieceRequest, ...]:
        """Tell what the task gave out; the pieces that the store lacks; none: all is recorded.

        Raises:
            GoneError, StoppedError, TaskError: see `_ask`.
        """
        body = exchange.write_report(report)
        if len(body) > exchange.REPORT_BOUNDS.most_bytes:
            raise TaskError(f"the task's {len(report.files):,} files can't be listed: pack them into archives")
        return exchange.read_pieces(self._ask("POST", exchange.OUTPUTS, body))

    def fail(self, message: str) -> None:
        """Tell that the task can't succeed.

        Raises:
            GoneError, StoppedError, TaskError: see `_ask`.
        """
        self._ask("POST", exchange.FAILURE, exchange.write_message(message))

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """Ask until there is an answer.

        Raises:
            GoneError: nobody waits for this pod.
            StoppedError: the pod is to end.
            TaskError: the answer is no, or there was none for long.
        """
        patience = Patience(self._patience_seconds, self.stop)
        while True:
            try:
                status, content = self._once(method, path, body)
            except BROKEN as error:
                patience.wait(f"the task API at {self._url} does not answer ({_cause(error)})")
                continue
            if status == _OK:
                return content
            message = _message(content, status)
            if status in _GONE:
                raise GoneError(message)
            if status not in _LATER and status < _FIRST_SERVER_ERROR:
                raise TaskError(message)
            patience.wait(f"the task API at {self._url} answers: {message}")

    def _once(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        url = f"{self._url}{path}"
        headers = {"Authorization": f"Bearer {self._token_file.read_text(encoding='ascii').strip()}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        answer = self._links.send(method, url, headers, body)
        content = answer.read(ANSWER_BOUNDS.most_bytes + 1)
        if len(content) > ANSWER_BOUNDS.most_bytes:
            self._links.drop(url)
            raise http.client.HTTPException("the answer is too long")
        return answer.status, content


def _message(content: bytes, status: int) -> str:
    try:
        message = exchange.read_message(content)
    except (InputError, json.JSONDecodeError):
        message = ""
    return message or f"HTTP status {status}"


def _cause(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)[:200]
