"""Files that were made to hurt whatever parses them hurt a process that is there to be hurt, and their tenant."""

import io
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pa_parquet
import pytest

from dataset_operator.listing import Cancellation
from dataset_operator.schema_parser import messages
from dataset_operator.schema_parser.messages import Question, Schema, Unreadable
from dataset_operator.tables.pool import ParserPool
from moorage.errors import InputError, SourceError
from tests.dataset_operator.footers import nested_footer, wide_footer
from tests.world import eventually

MIB = 1024 * 1024
FOREVER = 60.0


def good() -> Question:
    """A small table."""
    file = io.BytesIO()
    pa_parquet.write_table(pa.table({"id": [1]}), file)
    return parquet(file.getvalue())


def parquet(body: bytes) -> Question:
    """A footer to parse."""
    return Question("parquet", tabs=False, whole=True, body=body)


def asked(pool: ParserPool, question: Question, tenant: str = "a") -> Schema | Unreadable:
    """The answer to a question."""
    return pool.parse(tenant, len(question.body), lambda: question, Cancellation())


def names(answer: Schema | Unreadable) -> list[str]:
    """The columns' names."""
    assert isinstance(answer, Schema), answer
    return [column.name for column in answer.columns]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        pytest.param(lambda: parquet(wide_footer(900_000)), "needs more than 167 MiB of memory", id="1.5 GB for 12 MB"),
        pytest.param(lambda: parquet(wide_footer(200_000)), "of memory", id="an allocation that C++ can't report"),
        pytest.param(lambda: parquet(nested_footer(300_000)), "", id="nesting"),
        pytest.param(
            lambda: Question("jsonl", tabs=False, whole=True, body=b"".join(b'{"k%d":1}\n' % n for n in range(18_000))),
            "of memory",
            id="every line has a column of its own",
        ),
    ],
)
def test_what_would_exhaust_the_operator_is_told_of(make: Callable[[], Question], told: str) -> None:
    """This process grows by what was written to the pipe at most, and the next file is read."""
    question = make()
    with ParserPool() as pool:
        before = _peak_bytes()
        answer = asked(pool, question)
        assert isinstance(answer, Unreadable)
        assert told in answer.problem
        assert _peak_bytes() - before < 64 * MIB
        assert names(asked(pool, good())) == ["id"]


def test_a_parser_that_spins_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By the kernel, after so many seconds of computing; the finding says so."""
    _replace_parser(
        monkeypatch,
        tmp_path,
        "from dataset_operator.schema_parser.limits import bound_question\nbound_question(0)\nwhile True: pass",
    )
    with ParserPool(wall_seconds=FOREVER * 10) as pool:
        answer = asked(pool, good())
    assert isinstance(answer, Unreadable)
    assert answer.problem == "takes more than 5 s of computing for its columns to be read"


def test_a_parser_that_sleeps_is_ended_and_asked_again_later(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """That may be the machine's fault: no verdict on the file is kept."""
    _replace_parser(monkeypatch, tmp_path, "import time; time.sleep(600)")
    with ParserPool(wall_seconds=0.5) as pool, pytest.raises(SourceError, match=r"not read in 0\.5 s") as caught:
        asked(pool, good())
    assert caught.value.reason == "ParserFailed"


def test_nobody_waits_for_a_dataset_that_is_gone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither for the answer, nor for a turn."""
    _replace_parser(monkeypatch, tmp_path, "import time; time.sleep(600)")
    with ParserPool() as pool, ThreadPoolExecutor() as threads:
        stops = [Cancellation() for _ in range(3)]
        looks = [threads.submit(pool.parse, "a", 1, good, stop) for stop in stops]
        eventually(lambda: pool.started == 1)
        for stop in stops:
            stop.cancel()
        for look in looks:
            error = look.exception(FOREVER)
            assert isinstance(error, SourceError)
            assert error.reason == "Interrupted"


def test_a_process_serves_many_files_and_ends_when_it_is_idle() -> None:
    """Its start costs half a second, a file a thousandth."""
    with ParserPool(idle_seconds=0.5) as pool:
        for _ in range(50):
            assert names(asked(pool, good())) == ["id"]
        assert pool.started == 1
        eventually(lambda: not _children())


def test_a_process_that_died_meanwhile_is_replaced() -> None:
    """Killed by somebody while it was idle."""
    with ParserPool() as pool:
        asked(pool, good())
        for child in _children():
            os.kill(child, signal.SIGKILL)
        time.sleep(0.2)
        assert names(asked(pool, good())) == ["id"]
        assert pool.started == 2


def test_processes_are_few_and_tenants_take_turns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Forty files of one tenant that hold a parser each: the other's is read at once, and there are two processes."""
    real = "from dataset_operator.schema_parser.__main__ import main\n"
    slow = "import os, sys, time\nif os.environ.get('SLOW'): time.sleep(600)\n"
    _replace_parser(monkeypatch, tmp_path, slow + real + "main()")
    stops = [Cancellation() for _ in range(40)]
    with ParserPool() as pool, ThreadPoolExecutor(40) as threads:
        monkeypatch.setattr("dataset_operator.tables.pool._KEPT_VARIABLES", ("PYTHONPATH", "SLOW"))
        monkeypatch.setenv("SLOW", "1")
        looks = [threads.submit(pool.parse, "loud", 1, good, stop) for stop in stops]
        eventually(lambda: pool.started == 1)
        monkeypatch.delenv("SLOW")
        assert names(asked(pool, good(), "quiet")) == ["id"]
        assert pool.started == 2
        for stop in stops:
            stop.cancel()
        assert all(look.exception(FOREVER) is not None for look in looks)


def test_large_excerpts_are_fetched_one_at_a_time() -> None:
    """So that their bytes are not held by everybody who waits."""
    held, most, lock = 0, 0, threading.Lock()

    def ask() -> Question:
        nonlocal held, most
        with lock:
            held += 1
            most = max(most, held)
        time.sleep(0.05)
        with lock:
            held -= 1
        return good()

    with ParserPool() as pool, ThreadPoolExecutor(12) as threads:
        looks = [threads.submit(pool.parse, f"t{n}", 2 * MIB, ask, Cancellation()) for n in range(12)]
        assert all(names(look.result(FOREVER)) == ["id"] for look in looks)
    assert most == 1


def test_the_parser_is_told_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the operator's environment but where its code is."""
    told = tmp_path / "told"
    _replace_parser(monkeypatch, tmp_path, f"import os; open({str(told)!r}, 'w').write(repr(dict(os.environ)))")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    with ParserPool() as pool, pytest.raises(SourceError):
        asked(pool, good())
    assert "PYTHONPATH" in told.read_text()
    assert "hush" not in told.read_text()
    assert "KUBERNETES" not in told.read_text()


def _answer(body: bytes) -> io.BytesIO:
    return io.BytesIO(b"\0\0\0\0" + len(body).to_bytes(4, "little") + body)


@pytest.mark.parametrize(
    "file",
    [
        _answer(b"[]"),
        _answer(b'{"columns": [["a", "int64"]], "names": ""}'),
        _answer(b'{"columns": [["a", "int64", 1]], "names": ""}'),
        _answer(b'{"columns": 1, "names": ""}'),
        _answer(b'{"columns": [' + b",".join([b'["a","b",true]'] * 1001) + b'], "names": ""}'),
        _answer(b'{"detail": 1}'),
        io.BytesIO(b"\0\0\0\0\xff\xff\xff\x7f"),
    ],
)
def test_an_answer_is_read_strictly(file: io.BytesIO) -> None:
    """Whatever a file made of the parser, it says no more than an answer can."""
    with pytest.raises(InputError):
        messages.read_answer(file)


def test_a_wide_csv_file_is_cheap() -> None:
    """Twenty thousand columns, as gene expressions have; the first thousand are told, and all count as names."""
    header = b",".join(b"gene_%d" % number for number in range(20_000))
    rows = header + b"\n" + b",".join([b"1"] * 20_000) + b"\n"
    with ParserPool() as pool:
        one = asked(pool, Question("csv", tabs=False, whole=True, body=rows))
        other = asked(pool, Question("csv", tabs=False, whole=True, body=rows.replace(b"gene_19999", b"gene_x")))
    assert len(names(one)) == 1000
    assert isinstance(one, Schema)
    assert isinstance(other, Schema)
    assert one.columns == other.columns
    assert one.names != other.names


def _replace_parser(monkeypatch: pytest.MonkeyPatch, folder: Path, code: str) -> None:
    """Have the pool start another program, which imports ours from here."""
    package = folder / "stand_in"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(code)
    here = Path(__file__).resolve().parents[2]
    monkeypatch.setenv("PYTHONPATH", f"{folder}:{here}")
    monkeypatch.setattr("dataset_operator.tables.pool._PROGRAM", "stand_in")


def _children() -> list[int]:
    tasks = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    found = [int(child) for task in tasks for child in task.read_text().split()]
    return [child for child in found if b"schema_parser" in Path(f"/proc/{child}/cmdline").read_bytes()]


def _peak_bytes() -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
