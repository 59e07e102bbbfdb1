"""What is a name on a page that lists a folder, in the forms that web servers give it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.calling.index_pages import names_on

URL = "https://data.test/claims/"

NGINX = """<html><head><title>Index of /claims/</title></head><body><h1>Index of /claims/</h1><hr><pre>
<a href="../">../</a>
<a href="2025/">2025/</a>                              30-Nov-2026 06:00                   -
<a href="part%200.parquet">part 0.parquet</a>          30-Nov-2026 06:00                4096
</pre><hr></body></html>"""
APACHE = """<!DOCTYPE HTML><html><body><table><tr><th><a href="?C=N;O=D">Name</a></th>
<th><a href="?C=M;O=A">Last</a></th>
<tr><td><a href="/">Parent Directory</a></td></tr><tr><td><a href="2025/">2025/</a></td></tr>
<tr><td><a href="part%200.parquet">part 0.parquet</a></td><td>4.0K</td></tr></table></body></html>"""
CADDY = """<main><a href="./2025/">2025</a><a href="./part%200.parquet"><span>part 0.parquet</span></a>
<a href="#top">up</a><a href="https://caddyserver.com/">Caddy</a></main>"""
ABSOLUTE = """<ul><li><a href="/claims/2025/">2025/</a></li><li><a href='/claims/part%200.parquet'>x</a></li>
<li><a href="/claims-old/x">another folder</a></li></ul>"""


@pytest.mark.parametrize("page", [NGINX, APACHE, CADDY, ABSOLUTE], ids=["nginx", "Apache", "Caddy", "absolute links"])
def test_pages_of_servers(page: str) -> None:
    """Files and folders, and neither the parent nor headings that sort."""
    assert names_on(page, URL) == ["2025/", "part 0.parquet"]


@pytest.mark.parametrize(
    "link",
    [
        "..", "../x", "./", "", "/", "/claims", "/claims/", "a/b", "a%2Fb", "a/../b/", "%2e%2e", "%2e%2e/", "a%00b",
        "?x", "x?y=z", "x#y", "https://other.test/claims/x", "http://data.test/claims/x", "//other.test/claims/x",
        "javascript:x", "http://[", "x" * 1025,
    ],
)  # fmt: skip
def test_no_names(link: str) -> None:
    """What leads elsewhere, what lies deeper, and what no file can be called."""
    assert names_on(f'<a href="{link}">x</a>', URL) in ([], ["b/"] if link == "a/../b/" else [])


@given(st.text(max_size=200))
def test_any_page_gives_names_of_this_folder(text: str) -> None:
    """Whatever a page holds."""
    for name in names_on(f'<a href="{text}">', URL) + names_on(text, URL):
        assert "/" not in name.removesuffix("/")
        assert name.removesuffix("/") not in {"", ".", ".."}


def test_a_name_that_is_linked_twice_is_one() -> None:
    """By its picture and its text."""
    assert names_on('<a href="a"><img></a><A HREF="a">a</A>', URL) == ["a"]
