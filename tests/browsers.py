"""A real browser for tests of pages: a conftest.py imports the fixtures `chromium` and `browser`."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

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


def _find_chromium() -> str:
    """The program: from PATH, else installed from Debian as root, else the test is skipped and says why."""
    if found := shutil.which("chromium"):
        return found
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        pytest.skip("no chromium on PATH, and only root on Debian can install it here: apt-get install chromium")
    print("Installing chromium from Debian, to test pages in it ...", file=sys.__stderr__, flush=True)
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
