"""The documentation as a site: complete, found by words, readable on a phone and in the dark, and nobody else's."""

import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.docs.conftest import ROOT
from tests.docs.test_pages import PAGES

pytestmark = pytest.mark.xdist_group("browser")

WIDTHS = (390, 1280)
WIDE = ("README", "docs/compatibility", "docs/performance", "docs/install")


class Visitor:
    """A browser's page that remembers what was complained about and what was asked of others."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.page: Page = context.new_page()
        self.address = address
        self.troubles: list[str] = []
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("request", lambda request: self._asked(request.url))

    def _asked(self, url: str) -> None:
        if not url.startswith((self.address, "data:", "blob:")):
            self.troubles.append(url)

    def open(self, name: str) -> Page:
        """One page of the site."""
        self.page.goto(f"{self.address}/{name}.html")
        return self.page


@pytest.fixture(scope="module")
def served(site: Path) -> Iterator[str]:
    """Its address, from a server of files."""
    handler = partial(SimpleHTTPRequestHandler, directory=site)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(params=[(width, scheme) for width in WIDTHS for scheme in ("light", "dark")], ids=str)
def visitor(request: pytest.FixtureRequest, browser: Browser, served: str) -> Iterator[Visitor]:
    """At a desk and on a phone, in a light and a dark room."""
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
    found = Visitor(context, served)
    yield found
    context.close()
    assert found.troubles == []


def test_every_page_is_in_it(site: Path) -> None:
    """Decisions, too; and the navigation leads to each."""
    names = [str(page.relative_to(ROOT).with_suffix("")) for page in PAGES]
    assert [name for name in names if not (site / f"{name}.html").exists()] == []
    text = (site / "README.html").read_text() + (site / "docs/decisions/README.html").read_text()
    linked = {name.rsplit("/", 1)[-1] for name in re.findall(r'href="([^"#]+)\.html"', text)}
    assert [name for name in names if name.rsplit("/", 1)[-1] not in linked | {"README"}] == []


def test_nothing_comes_from_others(site: Path) -> None:
    """No script, style, font or picture of another server, so that the site works where there is no way out."""
    loads = re.compile(
        r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["']?(?:https?:)?//|<link\b[^>]*href=["']?(?:https?:)?//"""
    )
    styles = re.compile(r"(?:url\(|@import\s+)[\"']?(?:https?:)?//")
    found = [page.name for page in site.rglob("*.html") if loads.search(page.read_text())]
    found += [sheet.name for sheet in site.rglob("*.css") if styles.search(sheet.read_text())]
    assert found == []


@pytest.mark.parametrize("name", WIDE)
def test_pages_fit_and_can_be_read(visitor: Visitor, name: str) -> None:
    """Nothing is beside the screen, and letters stand out from what is behind them."""
    page = visitor.open(name)
    expect(page.locator("h1").first).to_be_visible()
    width = page.viewport_size["width"] if page.viewport_size else 0
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width

    def brightness(selector: str, style: str) -> float:
        found = page.eval_on_selector(selector, f"node => getComputedStyle(node).{style}")
        return sum(float(part) for part in re.findall(r"[\d.]+", found)[:3]) / 765

    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert (brightness("body", "backgroundColor") < 0.3) == dark
    assert abs(brightness("body", "backgroundColor") - brightness("h1", "color")) > 0.6


def test_words_are_found(visitor: Visitor) -> None:
    """The search works in the browser alone, and shows where the words stand."""
    page = visitor.open("search")
    page.goto(f"{page.url}?q=allowEmpty")
    expect(page.locator("#search-results .search li").first).to_be_visible()
    expect(page.locator("#search-results")).to_contain_text("allowEmpty: true")
    page.locator("#search-results .search li a", has_text="Datasets").first.click()
    expect(page.locator("h1")).to_contain_text("Dataset")


def test_the_first_page_leads_in(visitor: Visitor) -> None:
    """index.html is where servers and people begin; the navigation is there, on a phone behind its button."""
    page = visitor.open("index")
    page.wait_for_url("**/README.html")
    link = page.locator(".sidebar-tree a", has_text="Install").first
    button = page.locator("label.nav-overlay-icon")
    if button.is_visible():
        button.click()
    link.click()
    expect(page.locator("h1")).to_contain_text("Install")
