"""The page that shows a single file to rclone as a folder."""

import http.client
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from moorage.sources.http import HttpSource
from node_plugin.sidecar.remotes.file_page import FilePage, without_query
from tests.web_server import serve_folder


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A file's, with a query."""
    (tmp_path / "a b.csv").write_bytes(b"12345")
    with serve_folder(tmp_path) as folder:
        yield f"{folder}a%20b.csv?token=5ecret"


def asked(url: str, method: str = "GET") -> tuple[int, http.client.HTTPMessage, bytes]:
    """Status, headers and body."""
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(parts.netloc, timeout=10)) as line:
        line.request(method, parts.path)
        answer = line.getresponse()
        return answer.status, answer.headers, answer.read()


def test_the_page_leads_to_the_file_and_holds_nothing_of_its_url(url: str) -> None:
    """Size and time are the server's; its bytes are where the URL says."""
    with closing(FilePage(HttpSource(url))) as page:
        status, _, body = asked(page.url)
        assert (status, body) == (200, b'<a href="a%20b.csv">file</a>')
        status, headers, _ = asked(f"{page.url}a%20b.csv", "HEAD")
        assert (status, headers["Content-Length"]) == (200, "5")
        assert headers["Last-Modified"]
        status, headers, _ = asked(f"{page.url}a%20b.csv")
        assert (status, headers["Location"]) == (307, url)


def test_who_does_not_know_its_path_learns_nothing(url: str) -> None:
    """The app shares the network."""
    with closing(FilePage(HttpSource(url))) as page, closing(FilePage(HttpSource(url))) as other:
        assert urlsplit(page.url).path != urlsplit(other.url).path
        root = "http://" + urlsplit(page.url).netloc
        for path in ("/", "/a%20b.csv", urlsplit(other.url).path):
            status, headers, body = asked(root + path)
            assert (status, headers["Location"]) == (404, None)
            assert b"5ecret" not in body


def test_without_the_file_there_is_no_page(url: str, tmp_path: Path) -> None:
    """Neither an empty one nor an old size; it is said why."""
    with closing(FilePage(HttpSource(url))) as page:
        assert page.trouble() is None
        (tmp_path / "a b.csv").unlink()
        assert asked(page.url)[0] == 502
        assert asked(f"{page.url}a%20b.csv", "HEAD")[0] == 502
        trouble = page.trouble()
    assert trouble is not None
    assert "a b.csv is not there" in trouble.message
    assert "5ecret" not in trouble.message


def test_a_line_is_printed_without_the_query() -> None:
    """As it was written, and as it is sent."""
    source = HttpSource("https://h.test/a.csv?sig=ü/%2F&x=1")
    line = 'ERROR : Get "https://h.test/a.csv?sig=%C3%BC/%2F&x=1": EOF; https://h.test/a.csv?sig=ü/%2F&x=1\n'
    assert without_query(line, source) == 'ERROR : Get "https://h.test/a.csv?...": EOF; https://h.test/a.csv?...\n'
    assert without_query("plain\n", HttpSource("https://h.test/a.csv")) == "plain\n"
