"""Fetches what a task reads: several files at once, each verified, and each artifact put in its place as a whole.

A file is written to a folder beside all artifacts, and moved into its artifact's folder once its size and digest are
right; that folder is moved to its place once it is complete. So no reader ever finds half an artifact, and whoever goes
on after a kill -9 finds what is done.
"""

import contextlib
import errno
import hashlib
import logging
import os
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path
from typing import BinaryIO, Final

from moorage.errors import TaskError
from pipeline_executor.task_sidecar.api import TaskApi
from pipeline_executor.task_sidecar.exchange import InputFile, InputPage, InputView, TaskView
from pipeline_executor.task_sidecar.links import BROKEN, Links
from pipeline_executor.task_sidecar.trying import Patience, StoppedError

_log = logging.getLogger("moorage.task")

_CHUNK_BYTES: Final = 1 << 18
_STAGING: Final = ".moorage-fetching"
_MOST_WRONG: Final = 3
_MOST_REFUSED: Final = 5
_OK: Final = 200
_PARTIAL: Final = 206
_REFUSED: Final = frozenset({400, 401, 403})
_ABSENT: Final = frozenset({404, 410})
_RANGE_BEHIND_END: Final = 416
_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class _Places:
    """The places of an artifact during its fetch: `whole` becomes its place, `parts` holds unfinished files."""

    final: Path
    whole: Path
    parts: Path


@dataclass(frozen=True, slots=True)
class _Numbered:
    number: int
    file: InputFile


@dataclass(frozen=True, slots=True)
class _Download:
    """A file that is under way: `digest` is that of what was written, which ends at the position of `written`."""

    file: InputFile
    name: str
    written: BinaryIO
    digest: "hashlib._Hash"


class Fetcher:
    """A fetcher of all inputs of a task.

    Args:
        api: gives URLs.
        view: the task.
        mounts: folders that are file systems of their own.
        workers: files at once.
        patience_seconds: how long a file is tried while no byte comes.
        stop: ends it.
    """

    def __init__(  # noqa: PLR0913 - each is a keyword
        self,
        *,
        api: TaskApi,
        view: TaskView,
        mounts: tuple[str, ...],
        workers: int,
        patience_seconds: float,
        stop: threading.Event,
    ) -> None:
        self._api = api
        self._asking = threading.Lock()
        self._workers = workers
        self._patience_seconds = patience_seconds
        self._stop = stop
        self._links = Links(view.store_certificates)
        self._view = view
        self._places = [_places(index, each, mounts) for index, each in enumerate(view.inputs)]
        # Of two inputs that are the same artifact, or one in the other, each is fetched; see `_publish`.
        self._done = [places.final.exists() for places in self._places]

    def run(self) -> None:
        """Fetch all inputs.

        Raises:
            TaskError: one can't be fetched; says which and why.
            GoneError, StoppedError: nobody needs them.
        """
        for each in self._view.inputs:
            _log.info("fetching %s: %d files, %d bytes", each.path, each.files, each.size_bytes)
        with _told("the task's inputs"):
            for places, done in zip(self._places, self._done, strict=True):
                if not done:
                    places.parts.mkdir(parents=True, exist_ok=True)
            self._fetch_all()
            self._publish()

    def _fetch_all(self) -> None:
        with ThreadPoolExecutor(self._workers, thread_name_prefix="fetch") as pool:
            pending: set[Future[None]] = set()
            try:
                for numbered in self._files():
                    pending.add(pool.submit(self._fetch, numbered))
                    # No more than a few are known at a time: their URLs grow old.
                    while len(pending) >= 2 * self._workers:
                        pending = _settled(pending)
                while pending:
                    pending = _settled(pending)
            except BaseException:
                self._stop.set()
                raise

    def _files(self) -> Iterator[_Numbered]:
        first: int | None = 0 if self._view.inputs else None
        while first is not None:
            page = self._page(first)
            for number, file in enumerate(page.files, start=first):
                if file.input >= len(self._places):
                    raise TaskError("the task API speaks of an input that the task does not have")
                if not self._done[file.input]:
                    yield _Numbered(number, file)
            first = page.next

    def _page(self, first: int) -> InputPage:
        with self._asking:
            return self._api.inputs(first)

    # --- one file ---

    def _fetch(self, numbered: _Numbered) -> None:
        file = numbered.file
        places = self._places[file.input]
        target = places.whole / file.path if file.path else places.whole
        name = f"{places.final}/{file.path}" if file.path else str(places.final)
        if target.is_file() and target.stat().st_size == file.size_bytes:
            return
        with _told(name):
            partial = places.parts / str(numbered.number)
            self._download(numbered, partial, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            partial.replace(target)

    def _download(self, numbered: _Numbered, partial: Path, name: str) -> None:
        file, url = numbered.file, numbered.file.url
        patience = Patience(self._patience_seconds, self._stop)
        wrong = refused = 0
        while True:
            with partial.open("a+b") as written:
                download = _Download(file, name, written, _digest_so_far(written, file.size_bytes))
                status = self._receive(url, download, patience)
                is_whole = written.tell() == file.size_bytes
            if status in _REFUSED:
                refused += 1
                if refused > _MOST_REFUSED:
                    raise TaskError(f"{name}: the store refuses to give it (HTTP {status})")
                url = self._fresh_url(numbered)
            elif status in _ABSENT:
                raise TaskError(f"{name}: it is not in the store any more")
            elif status == _RANGE_BEHIND_END:
                raise TaskError(f"{name}: the store has fewer bytes of it than its manifest says: it was altered")
            elif is_whole and file.sha256 in {"", download.digest.hexdigest()}:
                return
            elif is_whole:
                wrong += 1
                partial.unlink()
                if wrong >= _MOST_WRONG:
                    problem = "what the store gives has another SHA-256 than its manifest says: it was altered"
                    raise TaskError(f"{name}: {problem}")

    def _receive(self, url: str, download: _Download, patience: Patience) -> int:
        """Receive what is missing, as far as the connection holds; the HTTP status, 0 where it broke."""
        offset = download.written.tell()
        if offset == download.file.size_bytes:
            return _OK
        try:
            answer = self._links.send("GET", url, {"Range": f"bytes={offset}-"} if offset else {})
            if answer.status not in {_OK, _PARTIAL}:
                self._links.drop(url)
                if answer.status >= _SERVER_ERROR or answer.status == _TOO_MANY:
                    patience.wait(f"{download.name}: the store answers HTTP {answer.status}")
                return answer.status
            if offset and answer.status != _PARTIAL:
                # It gives the whole again.
                self._links.drop(url)
                download.written.truncate(0)
                return answer.status
            if self._copy(answer, download, patience):
                return answer.status
            problem = "the store closes the connection early"
        except BROKEN as error:
            if getattr(error, "errno", None) in _NO_ROOM:
                raise
            problem = f"the store does not answer ({type(error).__name__})"
        self._links.drop(url)
        patience.wait(f"{download.name}: {problem}")
        return 0

    def _copy(self, answer: HTTPResponse, download: _Download, patience: Patience) -> bool:
        """Copy an answer's body, and return whether all that was missing came."""
        written, size_bytes = download.written, download.file.size_bytes
        while (left := size_bytes - written.tell()) > 0:
            if self._stop.is_set():
                raise StoppedError
            chunk = answer.read(min(_CHUNK_BYTES, left))
            if not chunk:
                return False
            written.write(chunk)
            download.digest.update(chunk)
            patience.went_on()
        if answer.read(1):
            problem = "the store has more bytes of it than its manifest says: it was altered"
            raise TaskError(f"{download.name}: {problem}")
        return True

    def _fresh_url(self, numbered: _Numbered) -> str:
        page = self._page(numbered.number)
        if not page.files or page.files[0].path != numbered.file.path:
            raise TaskError("the task API speaks of other inputs than before")
        return page.files[0].url

    # --- all of them ---

    def _publish(self) -> None:
        # The outer one first: what lies in it came with it.
        order = sorted(range(len(self._places)), key=lambda index: len(self._places[index].final.parts))
        for index in order:
            places = self._places[index]
            if not self._done[index] and not places.final.exists():
                if not self._view.inputs[index].files:
                    places.whole.mkdir(exist_ok=True)
                places.final.parent.mkdir(parents=True, exist_ok=True)
                places.whole.rename(places.final)
        for places in self._places:
            shutil.rmtree(places.parts.parent, ignore_errors=True)
            with contextlib.suppress(OSError):
                places.parts.parent.parent.rmdir()


def _settled(pending: set[Future[None]]) -> set[Future[None]]:
    done, rest = wait(pending, return_when=FIRST_COMPLETED)
    for each in done:
        each.result()
    return rest


def _digest_so_far(written: BinaryIO, size_bytes: int) -> "hashlib._Hash":
    """Return the digest of what is there, which ends at the file's position; one that is too long is begun anew."""
    digest = hashlib.sha256()
    written.seek(0, os.SEEK_END)
    if written.tell() > size_bytes:
        written.truncate(0)
    written.seek(0)
    while chunk := written.read(_CHUNK_BYTES):
        digest.update(chunk)
    return digest


def _places(index: int, each: InputView, mounts: tuple[str, ...]) -> _Places:
    final = Path(each.path)
    mount = next((Path(mount) for mount in mounts if final.is_relative_to(mount)), final.parent)
    staging = mount / _STAGING / str(index)
    return _Places(final, staging / "whole", staging / "parts")


@contextlib.contextmanager
def _told(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            problem = "there is no room for it: give the task more ephemeral storage"
        else:
            problem = f"it can't be written ({error.strerror or type(error).__name__})"
        raise TaskError(f"{name}: {problem}") from None
