"""A pool of parser processes: few, reused, bounded, and shared between tenants by turns."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import BinaryIO, Self, cast

from dataset_operator.listing.cancelling import Cancellation
from dataset_operator.schema_parser.limits import CPU_SECONDS
from dataset_operator.schema_parser.messages import Question, Schema, Unreadable, read_answer, write_question
from moorage.errors import InputError, SourceError
from moorage.queueing.shares import FairShares, Share
from moorage.sources.reasons import Reason

_PROGRAM = "dataset_operator.schema_parser"
_PROCESSES = 2
_MOST_QUESTIONS = 1000
"""Then a process is replaced: what parsing leaks or scatters goes with it."""
_WALL_SECONDS = 60.0
_IDLE_SECONDS = 60.0
_LARGE_BYTES = 1024 * 1024
# A second heap takes 64 MiB of the address space that a question may have, whatever is in it.
_BOUNDED_MEMORY = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1", "OMP_NUM_THREADS": "1"}
_KEPT_VARIABLES = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "LD_LIBRARY_PATH", "PATH")


class ParserPool:
    """A pool of processes that parse tenants' files, and may die of it. Thread-safe; its calls block.

    One namespace has one process at a time, so a tenant whose files kill parsers delays that tenant only. One excerpt
    of more than a MiB is held at a time.

    Args:
        processes: how many at once.
        wall_seconds: the most that one question may take, however busy the machine is.
        idle_seconds: an idle process ends after that.
    """

    def __init__(
        self, processes: int = _PROCESSES, wall_seconds: float = _WALL_SECONDS, idle_seconds: float = _IDLE_SECONDS
    ) -> None:
        self._wall_seconds = wall_seconds
        self._idle_seconds = idle_seconds
        self._changed = threading.Condition()
        self._shares: FairShares[int] = FairShares(processes, {"namespace": 1, "large": 1})
        self._granted: set[int] = set()
        self._tickets = 0
        self._idle: list[_Parser] = []
        self._closed = False
        self.started = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all processes that are idle now; the others end with their question."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
        for parser in idle:
            parser.end()

    def parse(
        self, tenant: str, size_bytes: int, ask: Callable[[], Question], stop: Cancellation
    ) -> Schema | Unreadable:
        """Read the columns of one object, or why it has none that can be read within bounds.

        Args:
            tenant: whose it is.
            size_bytes: about how large the question will be.
            ask: makes the question; it may take long, and is called in turn where the question is large.
            stop: cancelled where nobody wants the answer any more.

        Raises:
            SourceError: ParserFailed, Interrupted, ListTooSlow; or what `ask` raises.
        """
        large = size_bytes > _LARGE_BYTES
        question = None if large else ask()
        with self._turn(tenant, large=large, stop=stop):
            question = question or ask()
            parser = self._take()
            try:
                answer = parser.answer(question, self._wall_seconds, stop)
            except BaseException:
                parser.end()
                raise
            self._give_back(parser, spent=isinstance(answer, Unreadable) and answer.spent)
        return answer

    @contextlib.contextmanager
    def _turn(self, tenant: str, *, large: bool, stop: Cancellation) -> Iterator[None]:
        shares = (Share("namespace", tenant), *([Share("large", "")] if large else []))
        with self._changed:
            self._tickets += 1
            ticket = self._tickets
            self._shares.put(ticket, shares, time.monotonic())
            self._grant()
        try:
            with stop.ending(self._wake):
                with self._changed:
                    self._changed.wait_for(lambda: ticket in self._granted or stop.cancelled)
                stop.check("the columns")
                yield
        finally:
            with self._changed:
                self._shares.discard(ticket)
                if ticket in self._granted:
                    self._granted.discard(ticket)
                    self._shares.done(ticket, time.monotonic())
                self._grant()

    def _grant(self) -> None:
        while (ticket := self._shares.take()) is not None:
            self._granted.add(ticket)
        self._changed.notify_all()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _take(self) -> "_Parser":
        while True:
            with self._changed:
                parser = self._idle.pop() if self._idle else None
            if parser is None:
                self.started += 1
                return _Parser()
            if parser.wakes():
                return parser
            parser.end()

    def _give_back(self, parser: "_Parser", *, spent: bool) -> None:
        with self._changed:
            keep = not spent and not self._closed and parser.questions < _MOST_QUESTIONS
            if keep:
                self._idle.append(parser)
                parser.sleep(self._idle_seconds, self._expire)
        if not keep:
            parser.end()

    def _expire(self, parser: "_Parser") -> None:
        with self._changed:
            if parser not in self._idle:
                return
            self._idle.remove(parser)
        parser.end()


class _Parser:
    """One parser process."""

    def __init__(self) -> None:
        # No key, token or address of the operator's environment is there for what parses.
        environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", _PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment | _BOUNDED_MEMORY,
            )
        except OSError as error:
            raise SourceError(Reason.PARSER_FAILED, f"no process could be started to read columns: {error}") from None
        self._timer: threading.Timer | None = None
        self.questions = 0

    def answer(self, question: Question, wall_seconds: float, stop: Cancellation) -> Schema | Unreadable:
        """Return the process's answer, or the error by which it died."""
        self.questions += 1
        late = threading.Event()

        def give_up() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(wall_seconds, give_up)
        timer.daemon = True
        timer.start()
        try:
            with stop.ending(self._process.kill):
                answer = self._exchange(question)
        finally:
            timer.cancel()
        if answer is not None:
            return answer
        code = self._process.wait()
        stop.check("the columns")
        if late.is_set():
            problem = f"columns were not read in {wall_seconds:g} s: see the operator's CPU"
            raise SourceError(Reason.PARSER_FAILED, f"{problem}; tried again later")
        if code == -signal.SIGXCPU:
            return Unreadable(
                problem=f"takes more than {CPU_SECONDS} s of computing for its columns to be read", spent=True
            )
        if code in (-signal.SIGKILL, -signal.SIGTERM, 0, 1):
            problem = f"the process that reads columns ended (code {code}): see the operator's memory and log"
            raise SourceError(Reason.PARSER_FAILED, f"{problem}; tried again later")
        return Unreadable(problem="makes the reader of its format crash or run out of memory", spent=True)

    def _exchange(self, question: Question) -> Schema | Unreadable | None:
        try:
            write_question(cast("BinaryIO", self._process.stdin), question)
            return read_answer(cast("BinaryIO", self._process.stdout))
        except OSError:
            return None
        except InputError as error:
            self._process.kill()
            raise SourceError(Reason.PARSER_FAILED, str(error)) from None

    def sleep(self, seconds: float, expire: Callable[["_Parser"], None]) -> None:
        """End after so long, unless asked again before."""
        self._timer = threading.Timer(seconds, expire, (self,))
        self._timer.daemon = True
        self._timer.start()

    def wakes(self) -> bool:
        """Stop the idle timer, and return whether the process is still alive."""
        if self._timer is not None:
            self._timer.cancel()
        return self._process.poll() is None

    def end(self) -> None:
        """End it, whatever it does."""
        if self._timer is not None:
            self._timer.cancel()
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                cast("BinaryIO", pipe).close()
        self._process.wait()
