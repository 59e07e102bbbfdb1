"""Folders behind a real web server, and behind servers that mean ill."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from moorage.calling import web_folders
from moorage.calling.endpoints import Endpoint
from moorage.calling.failures import ChangedError, TryAgainError
from moorage.calling.web_folders import WebFolder
from moorage.errors import SourceError
from moorage.serving.certificates import make_authority, make_leaf
from moorage.sources.http import HttpSource
from tests.dataset_operator.hostile import Hostile, hostile_store, whole
from tests.web_server import serve_folder

FILES = {"a.txt": b"12345", "2025/b c.txt": b"x" * 100_000, "2025/ü/%d+&.txt": b"", "z": b"9"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files in folders."""
    for key, body in FILES.items():
        path = tmp_path / "data" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return tmp_path / "data"


@pytest.fixture
def url(folder: Path) -> Iterator[str]:
    """Where they are served."""
    with serve_folder(folder) as found:
        yield found


_OPENED: list[WebFolder] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Close what a test has opened."""
    yield
    while _OPENED:
        _OPENED.pop().close()


def opened(url: str, *, ca: str | None = None, request_seconds: float | None = None) -> WebFolder:
    """The folder."""
    location = HttpSource(url, ca_bundle=ca)
    folder = WebFolder(location, Endpoint(url, ca, "http.url", 2.0, 2.0), request_seconds=request_seconds)
    _OPENED.append(folder)
    return folder


def test_all_files_are_found_with_size_and_validator(url: str) -> None:
    """In folders, with names of any kind; their bytes are those of the files, whole and in ranges."""
    folder = opened(url)
    found = {file.key: file for page in folder.files() for file in page}
    assert {key: file.size_bytes for key, file in found.items()} == {key: len(body) for key, body in FILES.items()}
    for key, body in FILES.items():
        file = found[key]
        assert file.validator.startswith('"')
        assert file.modified_seconds is not None
        assert abs(file.modified_seconds - time.time()) < 3600
        with folder.open(key, file.validator, 0) as answer:
            assert answer.read() == body
    with folder.open("2025/b c.txt", found["2025/b c.txt"].validator, 99_990, 4) as answer:
        assert answer.read() == b"xxxx"


def test_a_file_that_changed_is_not_the_one_that_was_listed(url: str, folder: Path) -> None:
    """Nor is one that is gone."""
    web = opened(url)
    listed = {file.key: file.validator for page in web.files() for file in page}
    (folder / "a.txt").write_bytes(b"54321!")
    (folder / "z").unlink()
    for key in ("a.txt", "z"):
        with pytest.raises(ChangedError), web.open(key, listed[key], 0):
            pass


def test_a_single_file_is_all_there_is(url: str) -> None:
    """By its own URL, with its query; no page is asked for."""
    folder = opened(f"{url}2025/b%20c.txt?a=b/")
    ((file,),) = folder.files()
    assert (file.key, file.size_bytes) == ("b c.txt", 100_000)
    with folder.open(file.key, file.validator, 99_990, 4) as answer:
        assert answer.read() == b"xxxx"


@pytest.mark.parametrize("status", [403, 405, 501])
@pytest.mark.parametrize(
    ("told", "size_bytes"),
    [
        (["206 Partial Content", "Content-Range: bytes 0-0/7"], 7),
        (["416 Range Not Satisfiable", "Content-Range: bytes */0"], 0),
        (["200 OK"], 1),
    ],
)
def test_a_url_that_is_signed_for_get_alone(status: int, told: list[str], size_bytes: int) -> None:
    """HEAD is refused, and one byte is asked for."""
    asked: list[str] = []

    def answer(line: socket.socket, _store: Hostile, head: str) -> None:
        asked.append(head.partition("\r\n")[0])
        line.sendall(whole(b"x", *told) if head.startswith("GET") else whole(b"", f"{status} No"))

    with hostile_store(answer) as server:
        ((file,),) = opened(f"{server.endpoint}/a ü.csv?sig=%2F+x/").files()
    assert (file.key, file.size_bytes) == ("a ü.csv", size_bytes)
    assert {line.split()[1] for line in asked} == {"/a%20%C3%BC.csv?sig=%2F+x/"}


@pytest.mark.parametrize("answer", [(404, b""), (403, b""), (302, b"Location: http://169.254.169.254/\r\n")])
def test_no_message_about_a_single_file_holds_its_query(answer: tuple[int, bytes]) -> None:
    """It may be a token. A redirect leads nowhere."""
    status, header = answer
    body = b"HTTP/1.1 %d No\r\n%bContent-Length: 0\r\n\r\n" % (status, header)
    with (
        hostile_store(lambda line, _store, _head: line.sendall(body)) as server,
        pytest.raises(SourceError) as caught,
    ):
        list(opened(f"{server.endpoint}/a.csv?token=5ecret").files())
    assert "5ecret" not in str(caught.value)
    assert "/a.csv" in str(caught.value)


def test_a_folder_that_is_not_there(url: str) -> None:
    """It is said which, and what to do."""
    with pytest.raises(SourceError, match=r"is not there \(HTTP 404\): correct http.url") as caught:
        list(opened(f"{url}absent/").files())
    assert caught.value.reason == "ListFailed"


def test_a_file_is_no_folder() -> None:
    """A page of another kind is not searched for links."""
    with (
        hostile_store(answering(b"x")) as server,
        pytest.raises(SourceError, match="is no HTML page of its files"),
    ):
        list(opened(f"{server.endpoint}/a.txt/").files())


def test_certificates_are_verified(folder: Path, tmp_path: Path) -> None:
    """Without the authority's certificate the server is not trusted; with it, it is."""
    now = datetime.now(tz=UTC)
    authority = make_authority("nobody", now, timedelta(days=1))
    leaf = make_leaf(authority, ("127.0.0.1",), now, timedelta(days=1))
    (tmp_path / "leaf.pem").write_bytes(leaf.certificate.pem + leaf.key_pem)
    with serve_folder(folder, tmp_path / "leaf.pem") as url:
        with pytest.raises(SourceError, match="give its authority's certificate") as caught:
            list(opened(url).files())
        assert caught.value.reason == "CertificateUntrusted"
        found = [file.key for page in opened(url, ca=authority.certificate.pem.decode()).files() for file in page]
    assert sorted(found) == sorted(FILES)


def answering(body: bytes, status: str = "200 OK", *headers: str) -> Callable[..., None]:
    """A server that gives everybody this answer."""
    return lambda connection, _store, _head: connection.sendall(whole(body, status, *headers))


PAGE = b'<a href="x">x</a>'
EMPTY = b"HTTP/1.1 200 OK\r\n\r\n"


def html(body: bytes) -> bytes:
    """A page."""
    return whole(body).replace(b"application/xml", b"text/html")


def drip_page(connection: socket.socket, _store: Hostile, _head: str) -> None:
    """A byte of a page now and then: never silent, never done."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        time.sleep(0.05)
        connection.sendall(b" ")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (answering(b"", "302 Found", "Location: http://169.254.169.254/"), "RedirectRefused"),
        (answering(b"", "403 Forbidden"), "AccessDenied"),
        (answering(b"no page"), "ListFailed"),
        (lambda line, _store, _head: line.sendall(html(b"<a href='%d/'>" * 3)), "ListTooLarge"),
        (lambda line, _store, _head: line.sendall(html(b"x" * (web_folders._PAGE_BYTES + 1))), "ListTooLarge"),  # noqa: SLF001
        (lambda line, _store, head: line.sendall(html(PAGE) if "GET" in head else EMPTY), "ListFailed"),
        (drip_page, "ListTooSlow"),
        (lambda line, _store, _head: line.sendall(html(PAGE).replace(b"Content-Length", b"X-Length")), "ListFailed"),
    ],
    ids=["redirect", "refused", "no HTML", "deeper for ever", "too large", "no sizes", "a byte now and then", "no end"],
)
def test_servers_that_mean_ill(answer: Callable[..., None], reason: str) -> None:
    """Each ends with its reason; none is followed, waited for or read for ever."""
    with hostile_store(answer) as server, pytest.raises(SourceError) as caught:
        for _ in opened(f"{server.endpoint}/data/", request_seconds=3.0).files():
            pass
    assert caught.value.reason == reason


def test_nobody_answers() -> None:
    """It may be tried again."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        with pytest.raises(TryAgainError):
            list(opened(f"http://127.0.0.1:{silent.getsockname()[1]}/").files())


def test_a_metadata_service_is_no_server() -> None:
    """Whatever name leads there."""
    with pytest.raises(SourceError, match=r"correct http\.url") as caught:
        list(opened("http://169.254.169.254/latest/").files())
    assert caught.value.reason == "EndpointRefused"


def test_it_can_be_ended_from_another_thread() -> None:
    """Whoever waits for a byte wakes up, and nothing more is asked."""
    with hostile_store(drip_page) as server:
        folder = opened(f"{server.endpoint}/data/")
        timer = threading.Timer(0.5, folder.end)
        timer.start()
        for _ in range(2):
            with pytest.raises(TryAgainError):
                list(folder.files())
        timer.join()


def test_no_descriptor_is_left(url: str) -> None:
    """After many folders were opened and closed."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        folder = opened(url)
        list(folder.files())
        folder.close()
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 2
