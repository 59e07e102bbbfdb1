#!/usr/bin/env python3
"""Takes the pictures of the report: plans examples/plan with the real command and opens the page in Chromium.

    .venv/bin/python docs/pictures/make.py [REPORT]

REPORT: a report.html that is there already, instead of planning. Needs `chromium` on PATH; with the font Inter
installed (Debian: fonts-inter) the pictures look as those in the repository.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
EXAMPLE = ROOT / "examples/plan"
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--font-render-hinting=none",
)
TASK = "join"


def main() -> None:
    """Plan, and take every picture."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("chromium is not on PATH: install it (Debian: apt-get install chromium fonts-inter)")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(sys.argv[1]) if len(sys.argv) > 1 else plan(Path(folder))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
            address = report.resolve().as_uri()
            take(browser, address, "report", height=1010)
            take(browser, address, "report-task-dark", scheme="dark", height=1010, prepare=open_task)
            take(browser, address, "report-comparison", height=900, prepare=lambda page: go_to(page, "flows"))
            take(browser, address, "report-phone", width=390, height=844, scale=2)
            take(browser, address, "report-phone-graph", width=390, height=844, scale=2, scheme="dark", prepare=graph)
            browser.close()


def plan(folder: Path) -> Path:
    """Run the real command on the example."""
    command = [Path(sys.executable).parent / "moorage", "plan", EXAMPLE / "pipeline.yaml"]
    for name in ("sites", "datasets", "hints"):
        command += [f"--{name}", EXAMPLE / f"{name}.yaml"]
    subprocess.run([*command, "-o", folder / "plan"], check=True)
    return folder / "plan/report.html"


def take(  # noqa: PLR0913 - a picture has that many sides
    browser: Browser,
    address: str,
    name: str,
    *,
    width: int = 1280,
    height: int,
    scale: float = 1.5,
    scheme: str = "light",
    prepare: Callable[[Page], None] = lambda _: None,
) -> None:
    """One picture of what is seen first, or after `prepare`."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        device_scale_factor=scale,
        color_scheme=scheme,  # type: ignore[arg-type]
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("html[data-ready]")
    prepare(page)
    page.wait_for_timeout(200)
    page.screenshot(path=HERE / f"{name}.png")
    context.close()
    print(f"{name}.png: {(HERE / f'{name}.png').stat().st_size / 1000:.0f} kB")  # noqa: T201 - a script


def open_task(page: Page) -> None:
    """The panel of one task."""
    page.fill("#search", TASK)
    page.press("#search", "Enter")
    page.evaluate("scrollTo(0, 0)")


def graph(page: Page) -> None:
    """The graph at the top."""
    go_to(page, "graph")


def go_to(page: Page, section: str) -> None:
    """One section at the top."""
    page.evaluate("id => document.getElementById(id).scrollIntoView()", section)


if __name__ == "__main__":
    main()
