"""Uploads what a task wrote, several pieces at once, and reports it. Each piece is noted, so that a restart goes on."""

import contextlib
import hashlib
import logging
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, Final

from moorage.errors import TaskError
from pipeline_executor.task_sidecar.api import TaskApi
from pipeline_executor.task_sidecar.collecting import Found, collect
from pipeline_executor.task_sidecar.exchange import (
    MOST_IN_PAGE,
    OutputFile,
    OutputReport,
    PieceRequest,
    TaskView,
)
from pipeline_executor.task_sidecar.journal import Journal, Stamp
from pipeline_executor.task_sidecar.links import BROKEN, Links
from pipeline_executor.task_sidecar.opening import opened, read_text, reason
from pipeline_executor.task_sidecar.pieces import Piece, piece_of, pieces_of
from pipeline_executor.task_sidecar.trying import Patience

_log = logging.getLogger("moorage.task")

_CHUNK_BYTES: Final = 1 << 18
_AT_ONCE: Final = 64
"""Pieces for which URLs are asked at once: the URLs are valid for an hour."""
_MOST_REFUSED: Final = 5
_MOST_ROUNDS: Final = 5
_OK: Final = frozenset({200, 201, 204})
_REFUSED: Final = frozenset({400, 401, 403, 404})
_SERVER_ERROR: Final = 500
_TOO_MANY: Final = 429


@dataclass(frozen=True, slots=True)
class _Piece:
    file: Found
    piece: Piece

    @property
    def request(self) -> PieceRequest:
        return PieceRequest(self.file.output, self.file.path, self.file.size_bytes, self.piece.number)


class Uploader:
    """An uploader of a task's outputs.

    Args:
        api: gives URLs and takes the report.
        view: the task.
        journal: what an earlier sidecar of this pod did.
        workers: pieces at once.
        patience_seconds: how long a piece is tried.
    """

    def __init__(
        self, *, api: TaskApi, view: TaskView, journal: Journal, workers: int, patience_seconds: float
    ) -> None:
        self._api = api
        self._asking = threading.Lock()
        self._view = view
        self._journal = journal
        self._workers = workers
        self._patience_seconds = patience_seconds
        self._links = Links(view.store_certificates)
        self._digests: dict[tuple[str, str], str] = {}

    def run(self) -> None:
        """Upload and report.

        Raises:
            TaskError: something can't be uploaded; says what and why.
            GoneError: nobody waits for it.
        """
        files = collect(self._view.outputs, self._view.limits)
        parameters, executor_output = self._texts()
        _log.info("uploading %d files, %d bytes", len(files), sum(file.size_bytes for file in files))
        by_name = {(file.output, file.path): file for file in files}
        with ThreadPoolExecutor(self._workers, thread_name_prefix="upload") as pool:
            wanted: Iterator[_Piece] = (_Piece(file, piece) for file in files for piece in pieces_of(file.size_bytes))
            for _ in range(_MOST_ROUNDS):
                self._upload(pool, wanted)
                list(pool.map(self._digest, files))
                listed = tuple(
                    OutputFile(each.output, each.path, each.size_bytes, self._digests[each.output, each.path])
                    for each in files
                )
                bytes_in = sum(each.size_bytes for each in self._view.inputs)
                missing = self._api.report(OutputReport(listed, parameters, executor_output, bytes_in))
                if not missing:
                    return
                wanted = iter([self._again(each, by_name) for each in missing])
        raise TaskError("the store does not keep what is uploaded to it")

    def _texts(self) -> tuple[dict[str, str], str | None]:
        most = self._view.limits.text_bytes
        texts = {each.name: read_text(each.path, most) for each in self._view.outputs if not each.is_artifact}
        given = {name: text for name, text in texts.items() if text is not None}
        executor_output = read_text(self._view.executor_output, most)
        together = sum(len(text.encode()) for text in (*given.values(), executor_output or ""))
        if together > most:
            problem = f"take {together:,} bytes, more than {most:,}: hand over large values as artifacts"
            raise TaskError(f"the task's output parameters {problem}")
        return given, executor_output

    def _again(self, missing: PieceRequest, files: dict[tuple[str, str], Found]) -> _Piece:
        file = files.get((missing.output, missing.path))
        piece = None if file is None else piece_of(file.size_bytes, missing.part)
        if file is None or piece is None:
            raise TaskError("the task API misses a file that the task did not write")
        self._journal.forget_uploaded(missing.output, missing.path, missing.part)
        return _Piece(file, piece)

    # --- pieces ---

    def _upload(self, pool: ThreadPoolExecutor, wanted: Iterator[_Piece]) -> None:
        missing = (each for each in wanted if not self._is_uploaded(each))
        while some := list(islice(missing, min(_AT_ONCE, MOST_IN_PAGE))):
            urls = self._urls(some)
            # All of them end before the next ones begin; what one raises is raised here.
            list(pool.map(self._put, some, urls))

    def _urls(self, pieces: list[_Piece]) -> tuple[str, ...]:
        with self._asking:
            return self._api.uploads([each.request for each in pieces])

    def _is_uploaded(self, wanted: _Piece) -> bool:
        file = wanted.file
        with _told(file), opened(file.place) as content:
            digest = self._journal.uploaded(file.output, file.path, wanted.piece.number, _stamp(content))
        if digest:
            self._digests[file.output, file.path] = digest
        return digest is not None

    def _put(self, wanted: _Piece, url: str) -> None:
        file, piece = wanted.file, wanted.piece
        patience = Patience(self._patience_seconds, self._api.stop)
        name = f"output {file.output}: {file.place}"
        refused = 0
        while True:
            with _told(file), opened(file.place) as content:
                stamp = _stamp(content)
                self._check(file, stamp)
                body = _Body(content, piece)
                try:
                    answer = self._links.send("PUT", url, {"Content-Length": str(piece.size_bytes)}, iter(body))
                    answer.read(1 << 16)
                    status, problem = answer.status, f"the store answers HTTP {answer.status}"
                except BROKEN as error:
                    if body.problem is not None:
                        raise body.problem from None
                    status, problem = 0, f"the store does not answer ({type(error).__name__})"
                self._check(file, _stamp(content))
            if status in _OK:
                self._note(wanted, stamp, body.digest.hexdigest())
                return
            self._links.drop(url)
            if status in _REFUSED:
                # The URL is too old, or the upload that it belongs to is gone.
                refused += 1
                if refused > _MOST_REFUSED:
                    raise TaskError(f"{name}: the store refuses to take it (HTTP {status})")
                url = self._urls([wanted])[0]
            elif status and status < _SERVER_ERROR and status != _TOO_MANY:
                raise TaskError(f"{name}: the store does not take it (HTTP {status})")
            else:
                patience.wait(f"{name}: {problem}")

    def _note(self, wanted: _Piece, stamp: Stamp, digest: str) -> None:
        file, piece = wanted.file, wanted.piece
        whole = digest if piece.number == 0 else ""
        if whole:
            self._digests[file.output, file.path] = whole
        self._journal.note_uploaded(file.output, file.path, piece.number, stamp, whole)

    def _digest(self, file: Found) -> None:
        """Compute the digest of a file that was uploaded in parts."""
        if (file.output, file.path) in self._digests:
            return
        with _told(file), opened(file.place) as content:
            stamp = _stamp(content)
            digest = hashlib.sha256()
            while chunk := content.read(_CHUNK_BYTES):
                digest.update(chunk)
            self._check(file, stamp)
            if _stamp(content) != stamp:
                raise _changed(file)
        self._digests[file.output, file.path] = digest.hexdigest()

    @staticmethod
    def _check(file: Found, stamp: Stamp) -> None:
        if stamp[0] != file.size_bytes:
            raise _changed(file)


class _Body:
    """A piece of a file, as it is sent; `problem` is what reading it raised."""

    def __init__(self, content: BinaryIO, piece: Piece) -> None:
        self._content = content
        self._piece = piece
        self.digest = hashlib.sha256()
        self.problem: OSError | TaskError | None = None

    def __iter__(self) -> Iterator[bytes]:
        try:
            self._content.seek(self._piece.offset)
            left = self._piece.size_bytes
            while left:
                chunk = self._content.read(min(_CHUNK_BYTES, left))
                if not chunk:
                    self.problem = TaskError("it became shorter while it was uploaded")
                    raise self.problem
                left -= len(chunk)
                self.digest.update(chunk)
                yield chunk
        except OSError as error:
            self.problem = error
            raise


def _stamp(content: BinaryIO) -> Stamp:
    status = os.fstat(content.fileno())
    return status.st_size, status.st_mtime_ns


def _changed(file: Found) -> TaskError:
    return TaskError(f"output {file.output}: {file.place}: it changed while it was uploaded")


@contextlib.contextmanager
def _told(file: Found) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TaskError(f"output {file.output}: {file.place}: {reason(error)}") from None
