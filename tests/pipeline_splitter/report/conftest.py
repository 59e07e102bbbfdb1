"""A real browser, and the page open in it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

OpenPage = Callable[..., Page]


def _find_chromium() -> str:
    """The program: from PATH, else installed from Debian as root, else the test is skipped and says why."""
    if found := shutil.which("chromium"):
        return found
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        pytest.skip("no chromium on PATH, and only root on Debian can install it here: apt-get install chromium")
    print("Installing chromium from Debian, to test the report in it ...", file=sys.__stderr__, flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", "chromium", "fonts-dejavu-core"]):
        done = subprocess.run(
            ["apt-get", "-qq", *arguments], env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"chromium can't be installed: {(done.stderr.strip() or 'apt-get failed').splitlines()[-1]}")
    return shutil.which("chromium") or pytest.skip("apt-get installed chromium, but it is not on PATH")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where the program is."""
    return _find_chromium()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Chromium, started once for a module: while it is open, its event loop runs, and asynchronous tests could not."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        yield running
        running.close()


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[OpenPage]:
    """Opens the text of a report; at the end nothing may have been complained about or fetched."""
    complaints: list[str] = []
    contexts = []

    def run(text: str, *, width: int = 1280, height: int = 900, scheme: str = "light") -> Page:
        path = tmp_path / f"report-{len(contexts)}.html"
        path.write_text(text, "utf-8")
        context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("request", lambda request: request.url == path.as_uri() or complaints.append(f"fetched {request.url}"))
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready]")
        return page

    yield run
    for context in contexts:
        context.close()
    assert complaints == []
