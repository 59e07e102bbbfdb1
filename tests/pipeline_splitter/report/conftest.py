"""A report, open in a real browser."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request

from tests.browsers import browser, chromium

__all__ = ["browser", "chromium"]

OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[OpenPage]:
    """Opens the text of a report; at the end nothing may have been complained about or fetched."""
    complaints: list[str] = []
    contexts: list[BrowserContext] = []

    def run(text: str, *, width: int = 1280, height: int = 900, scheme: str = "light") -> Page:
        path = tmp_path / f"report-{len(contexts)}.html"
        path.write_text(text, "utf-8")
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))

        def requested(request: Request) -> None:
            if request.url != path.as_uri():
                complaints.append(f"fetched {request.url}")

        page.on("request", requested)
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready]")
        return page

    yield run
    for context in contexts:
        context.close()
    assert complaints == []
